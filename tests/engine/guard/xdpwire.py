"""A veth pair with the XDP program on one end, and the blocker that holds it."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterable, Iterator

import pytest

from engine.guard import bpf, xdp
from tests.engine.guard.drops import (
    LAST,
    SENDER,
    Frames,
    Namespaces,
    ethernet,
    packet_socket,
    python_inside,
    run,
    within,
)

NEEDS_ROOT = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]
BOTH_FAMILIES = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])
SERVER, CLIENT = f"kx{os.getpid()}s", f"kx{os.getpid()}c"
PINS = bpf.BPFFS / f"aegis-test-{os.getpid()}"
IN = Frames("in")
_PRELUDE = f"from pathlib import Path\nfrom engine.guard import bpf, xdp\npins = Path({str(PINS)!r})\n"


def inside(namespace: str, code: str) -> str:
    """Run Python in a network namespace, where ``pins``, ``bpf`` and ``xdp`` are known."""
    return python_inside(namespace, _PRELUDE + code)


class XdpWire:
    """A veth pair between two namespaces, with the XDP program on the server's end."""

    def __init__(self, iface: str = "v0") -> None:
        run("ip", "link", "add", iface, "netns", SERVER, "type", "veth", "peer", "name", iface, "netns", CLIENT)
        for namespace in (SERVER, CLIENT):
            run("ip", "-n", namespace, "link", "set", iface, "up")
        assert inside(SERVER, f"print(xdp.XdpBlocker(pins).attach({iface!r}))") == "native"
        self._sender = packet_socket(CLIENT, iface)
        self._receiver = packet_socket(SERVER, iface)
        self._sent = 0

    def delivers(self, frame: bytes) -> bool:
        """Whether a frame arrives before one that was sent after it and always passes."""
        self._sent += 1
        last = ethernet(0x88B5, struct.pack("!I", self._sent) + bytes(42), src=LAST)
        self._sender.send(frame)
        self._sender.send(last)
        arrived = False
        while (received := self._receiver.recv(2048)) != last:
            arrived = arrived or received[6:12] == SENDER
        return arrived

    def close(self) -> None:
        self._sender.close()
        self._receiver.close()


class OnTheWire(xdp.XdpBlocker):
    """Blocks on the wire's interface where none is named."""

    def add(
        self,
        prefix: str,
        deadline_boot_ns: int,
        entry_id: int,
        ifaces: Iterable[str] = ("v0",),
        count_only: bool = False,
    ) -> None:
        super().add(prefix, deadline_boot_ns, entry_id, ifaces, count_only)


def make_namespaces() -> Iterator[None]:
    """Make the two ends, and take them and the pins away again."""
    made = Namespaces("kx")
    assert (made.server, made.client) == (SERVER, CLIENT)
    for namespace in (SERVER, CLIENT):
        run("ip", "-n", namespace, "link", "set", "lo", "up")
    yield
    made.close()
    shutil.rmtree(PINS, ignore_errors=True)


def make_wire(iface: str) -> Iterator[XdpWire]:
    made = XdpWire(iface)
    yield made
    made.close()


def open_blocker() -> Iterator[OnTheWire]:
    """Open the blocker in the server's namespace, with nothing blocked, nothing allowed and no halt."""
    with within(SERVER), OnTheWire(PINS) as opened:
        opened.set_allow([])
        opened.halt()
        opened.resume()
        yield opened
