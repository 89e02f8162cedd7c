"""A host of its own for real guards: two network namespaces on a wire, a person at a terminal, and state beside it."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import CLOCK_BOOTTIME, clock_gettime_ns, monotonic, sleep
from typing import Any

from engine.guard import bpf, layout
from engine.guard.client import GuardClient
from engine.guard.layout import Entry
from engine.types import Block, Proposal, Terms
from tests.engine.guard import runner
from tests.engine.guard.drops import run, within

SERVER, CLIENT = "192.0.2.2", "192.0.2.1"
BAD, OTHER, MANAGER = "203.0.113.9", "203.0.113.10", "203.0.113.77"
"""Further addresses of the client: two to block, and one that manages the server."""
MANAGEMENT_PORT = 8022
SHORT_TRIAL: dict[str, Any] = {"approval.TRIAL_S": 2, "attachments.TRIAL_S": 2}
"""Changes what a trial lasts, in seconds."""
RIGHT_S = 5.0
"""How soon after a start everything must be right."""
AT_TERMINAL = ': <"$0"; "$@" & wait'
"""Takes a terminal as a person's shell does, and starts the guard from there."""
_numbers = itertools.count()


class Host:
    """The server's namespace with the guards that run on it one after another, and the client's."""

    def __init__(self, folder: Path) -> None:
        name = f"tt-{os.getpid()}-{next(_numbers)}"
        self.server, self.client, self.pins = f"{name}s", f"{name}c", bpf.BPFFS / name
        self.state, self.socket = folder / "state", folder / "run" / "guard.sock"
        self._guards: list[GuardClient] = []
        self._stack = ExitStack()
        self._terminal, self._slave = os.openpty()
        for namespace in (self.server, self.client):
            run("ip", "netns", "add", namespace)
        self.wire()
        run("ip", "-n", self.server, "link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
        run("ip", "-n", self.server, "link", "set", "eth1", "up")

    def wire(self) -> None:
        """Lay the wire between the two, as a new interface of the same name."""
        server, client = ("ip", "-n", self.server), ("ip", "-n", self.client)
        run(*server, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", self.client)
        for command, addresses in ((server, [SERVER]), (client, [CLIENT, BAD, OTHER, MANAGER])):
            for address in addresses:
                length = 24 if address.startswith("192") else 32
                run(*command, "addr", "add", f"{address}/{length}", "dev", "eth0")
            run(*command, "link", "set", "eth0", "up")
        run(*server, "route", "add", "203.0.113.0/24", "dev", "eth0")

    def close(self) -> None:
        """End the guards, and leave nothing behind."""
        self._stack.close()
        self.end()
        os.close(self._terminal)
        os.close(self._slave)
        for namespace in (self.server, self.client):
            run("ip", "netns", "del", namespace)

    def end(self) -> None:
        """End the guards, and take what they left out of the kernel."""
        while self._guards:
            guard = self._guards.pop()
            if guard.process is not None and guard.process.poll() is None:
                kill(guard)
            guard.close()
        shutil.rmtree(self.pins, ignore_errors=True)

    def start(self, *options: str, ifaces: tuple[str, ...] = ("eth0",), **changed: Any) -> GuardClient:
        """Start a guard from a person's terminal and return the console's end after it said hello.

        ``changed`` is what ``runner`` changes in it: where it dies, or its constants.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        module = [str(Path(runner.__file__)), runner.told(**changed)] if changed else ["-m", "engine.guard"]
        guard = [sys.executable, "-I", *module, f"--fd={theirs.fileno()}", *(f"--iface={name}" for name in ifaces)]
        guard += [f"--state={self.state}", f"--pin-root={self.pins}", f"--socket={self.socket}"]
        inside = ["nsenter", f"--net=/run/netns/{self.server}", *guard, *options]
        with theirs:
            process = subprocess.Popen(
                ["sh", "-c", AT_TERMINAL, os.ttyname(self._slave), *inside],
                pass_fds=[theirs.fileno()], start_new_session=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        client = GuardClient(ours, process)
        self._guards.append(client)
        assert client.hello().may_approve
        return client

    # --- the kernel, read without any guard

    def kernel(self) -> dict[str, Entry]:
        """Return what the pinned maps hold, by prefix; interfaces read as the slots of their bits."""
        found: dict[str, Entry] = {}
        for name in layout.BLOCK_MAPS:
            with opened(self.pins / name) as each:
                entries = [layout.unpack_entry(name, *item, layout.IfaceNames({})) for item in each.items()]
            found |= {entry.prefix: entry for entry in entries}
        return found

    def drops(self) -> dict[str, int]:
        """Return the deadline, on the boot clock, of every entry that drops now."""
        now = boot_ns()
        return {
            prefix: entry.deadline_ns
            for prefix, entry in self.kernel().items()
            if not entry.count_only and not 0 < entry.deadline_ns <= now
        }

    def halted(self) -> bool:
        """Return whether the pinned flag says so."""
        with opened(self.pins / "aegis_state") as state:
            return state.get(struct.pack("=I", layout.SLOT_HALTED)) != bytes(4)

    def attached(self) -> bool:
        """Whether any XDP program is on the wire's interface."""
        with within(self.server):
            return bool(bpf.attached_xdp(socket.if_nametoindex("eth0"), "eth0"))

    # --- the wire

    def arrives(self, source: str) -> bool:
        """Whether a datagram from an address of the client reaches the server."""
        return self._carries(self.client, source, self.server, SERVER, CLIENT)

    def leaves(self, to: str) -> bool:
        """Whether a datagram of the server reaches an address of the client."""
        return self._carries(self.server, SERVER, self.client, to, SERVER)

    def _carries(self, here: str, source: str, there: str, to: str, last_from: str) -> bool:
        """Send a datagram, and after it one that always passes: what comes first tells."""
        with ExitStack() as stack:
            receiver = stack.enter_context(udp(there, ""))
            sender = stack.enter_context(udp(here, source))
            last = stack.enter_context(udp(here, last_from))
            with suppress(PermissionError, OSError):
                sender.sendto(b"asked", (to, receiver.getsockname()[1]))
            last.sendto(b"last", (SERVER if there == self.server else CLIENT, receiver.getsockname()[1]))
            return receiver.recv(64) == b"asked"

    def manage(self) -> None:
        """Let the manager hold a connection to the management port until the host is closed."""
        with within(self.server):
            listener = self._stack.enter_context(socket.create_server((SERVER, MANAGEMENT_PORT)))
        with within(self.client):
            self._stack.enter_context(socket.create_connection((SERVER, MANAGEMENT_PORT), 5, (MANAGER, 0)))
        self._stack.enter_context(listener.accept()[0])


def udp(namespace: str, address: str) -> socket.socket:
    """Return a datagram socket of a network namespace."""
    with within(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((address, 0))
    made.settimeout(5)
    return made


@contextmanager
def opened(path: Path) -> Iterator[bpf.Map]:
    """Open a pinned map for a moment."""
    each = bpf.Map(path)
    try:
        yield each
    finally:
        each.close()


def boot_ns() -> int:
    """Return the clock that the kernel's deadlines are on."""
    return clock_gettime_ns(CLOCK_BOOTTIME)


def kill(guard: GuardClient) -> None:
    """End a guard as a crash does, and wait until it is gone."""
    assert guard.process is not None
    for pid in Path(f"/proc/{guard.process.pid}/task/{guard.process.pid}/children").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    gone(guard)


def gone(guard: GuardClient) -> None:
    """Wait until a guard that was killed, or killed itself, is gone."""
    assert guard.process is not None
    guard.process.wait(10)


def until(seen: Callable[[], bool], seconds: float = RIGHT_S) -> float:
    """Wait until it is so and return how long that took; fails when it takes longer than it may."""
    began = monotonic()
    while not seen():
        assert monotonic() - began < seconds, f"not so within {seconds} s"
        sleep(0.02)
    return monotonic() - began


def terms(prefix: str = f"{BAD}/32", ttl_s: float = 600.0, ifaces: tuple[str, ...] = ("eth0",)) -> Terms:
    """Return what a console would ask for."""
    return Terms("INC-00000001", prefix, ttl_s, ifaces, "ab" * 32)


def ask(guard: GuardClient, prefix: str = f"{BAD}/32", ttl_s: float = 600.0) -> Proposal:
    """Propose a block."""
    return guard.propose(terms(prefix, ttl_s), "seen attacking", handshake=True, by_person=True)


def block(guard: GuardClient, prefix: str = f"{BAD}/32", ttl_s: float = 600.0) -> Block:
    """Take a prefix all the way into the kernel."""
    proposal = ask(guard, prefix, ttl_s)
    return guard.approve(proposal.id, guard.review(proposal.id).token, prefix)
