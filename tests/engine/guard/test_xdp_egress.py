"""Tests of what is dropped on its way out, and of what a stale heart spares both ways."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest

from engine import paths
from engine.guard import bpf, layout, xdp
from engine.guard.blocker import HEARTBEAT_S, Attached
from tests.engine.guard.drops import (
    BAD4,
    BAD6,
    NETS,
    SINGLES,
    Frames,
    Namespaces,
    boot_ns,
    ethernet,
    packet_socket,
    run,
    udp,
    within,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]

PINS = bpf.BPFFS / f"aegis-kx-egress-{os.getpid()}"
OUT = Frames("out")
DROPPED = OUT.dropped()
PASSED = {name: frame for name, frame in OUT.passed().items() if not name.endswith("cut before its end")}
"""BPF_PROG_TEST_RUN takes no untagged packet that is shorter than its IP header."""
WAYS = pytest.mark.parametrize("way", ["in", "out"])
SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEAR, BLOCKED, FREE = "192.0.2.1", "192.0.2.66", "192.0.2.67"


@pytest.fixture(scope="module")
def names() -> Iterator[Namespaces]:
    made = Namespaces("kxe")
    yield made
    made.close()
    shutil.rmtree(PINS, ignore_errors=True)


@pytest.fixture(scope="module")
def wire(names: Namespaces) -> str:
    """A veth pair: one address at the server, two at the client."""
    server, client = names.server, names.client
    run("ip", "link", "add", "v0", "netns", server, "type", "veth", "peer", "v0", "netns", client)
    for namespace, addresses in ((server, [NEAR]), (client, [BLOCKED, FREE])):
        for address in addresses:
            run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", "v0")
        run("ip", "-n", namespace, "link", "set", "v0", "up")
    return "v0"


@pytest.fixture(scope="module")
def held(names: Namespaces, wire: str) -> Iterator[xdp.XdpBlocker]:
    with within(names.server), xdp.XdpBlocker(PINS) as opened:
        yield opened
        opened.detach(wire)


@pytest.fixture
def blocker(held: xdp.XdpBlocker, wire: str) -> xdp.XdpBlocker:
    """The blocker with nothing blocked and a heart that beats."""
    held.attach(wire)
    held.set_allow([])
    held.set_ssh_ports([22])
    held.halt()
    held.resume()
    return held


@pytest.fixture(scope="module")
def judge(held: xdp.XdpBlocker) -> Iterator[Judge]:
    made = Judge()
    yield made
    made.close()


class Judge:
    """Both programs, as they are loaded for the first interface."""

    def __init__(self) -> None:
        bit = struct.pack("=Q", 1)
        self._ingress = bpf.load_program(paths.BPF_OBJECT, "aegis_xdp", PINS, bit)
        self._egress = bpf.load_program(paths.BPF_OBJECT, "aegis_egress", PINS, bit)

    def passes(self, frame: bytes, way: str = "out") -> bool:
        if way == "in":
            return bpf.run_on_packet(self._ingress, frame).verdict == bpf.XDP_PASS
        verdict = bpf.run_on_packet(self._egress, frame).verdict
        assert verdict in {bpf.TC_NEXT, bpf.TC_DROP}
        return verdict == bpf.TC_NEXT

    def close(self) -> None:
        os.close(self._ingress)
        os.close(self._egress)


def stop_the_heart(age_s: float) -> None:
    pulse = bpf.Map(PINS / "aegis_pulse")
    _, ports = layout.unpack_pulse(pulse.get(bytes(4)) or b"")
    pulse.put(bytes(4), layout.pack_pulse(boot_ns() - int(age_s * 1e9), ports))
    pulse.close()


@pytest.mark.parametrize("frame", DROPPED.values(), ids=DROPPED)
@pytest.mark.parametrize("prefixes", [SINGLES, NETS], ids=["address", "network"])
def test_a_frame_to_a_blocked_address_is_dropped(
    blocker: xdp.XdpBlocker, judge: Judge, prefixes: tuple[str, ...], frame: bytes
) -> None:
    assert judge.passes(frame)
    for number, prefix in enumerate(prefixes):
        blocker.add(prefix, 0, number, ["v0"])
    assert not judge.passes(frame)


@pytest.mark.parametrize("frame", PASSED.values(), ids=PASSED)
def test_what_keeps_the_network_up_or_cannot_be_parsed_passes_outward(
    blocker: xdp.XdpBlocker, judge: Judge, frame: bytes
) -> None:
    for prefix in (*SINGLES, *NETS):
        blocker.add(prefix, 0, 1, ["v0"])
    assert judge.passes(frame)


@pytest.mark.parametrize("address", [BAD4, BAD6])
def test_an_allowed_peer_inside_a_blocked_prefix_is_answered(
    blocker: xdp.XdpBlocker, judge: Judge, address: str
) -> None:
    for prefix in (*SINGLES, *NETS):
        blocker.add(prefix, 0, 1, ["v0"])
    assert not judge.passes(OUT.datagram(address))
    blocker.set_allow([address])
    assert judge.passes(OUT.datagram(address))


def test_the_source_of_what_leaves_does_not_matter(blocker: xdp.XdpBlocker, judge: Judge) -> None:
    for prefix in (*SINGLES, *NETS):
        blocker.add(prefix, 0, 1, ["v0"])
    assert judge.passes(Frames("in").datagram(BAD4))
    assert judge.passes(Frames("in").datagram(BAD6))


@WAYS
def test_each_way_has_its_own_counters(blocker: xdp.XdpBlocker, judge: Judge, way: str) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    frame, before = Frames(way).datagram(BAD4), boot_ns()
    for _ in range(3):
        judge.passes(frame, way)
    [entry] = blocker.entries()
    counted = (3, 3 * len(frame))
    assert entry[2:6] == ((*counted, 0, 0) if way == "in" else (0, 0, *counted))
    assert before - 10_000_000 < entry.last_hit_ns < boot_ns()
    blocker.add(f"{BAD4}/32", boot_ns() + 10**12, 1, ["v0"])
    assert blocker.entries()[0].counters == entry.counters


def test_what_is_expired_or_elsewhere_or_only_counts_leaves_a_wider_block_in_force(
    blocker: xdp.XdpBlocker, judge: Judge
) -> None:
    blocker.add(f"{BAD4}/32", 1, 1, ["v0"])
    blocker.add("203.0.113.0/28", 0, 2, [])
    blocker.add("203.0.113.0/26", 0, 3, ["v0"], count_only=True)
    assert judge.passes(OUT.datagram(BAD4))
    blocker.add("203.0.113.0/24", 0, 4, ["v0"])
    assert not judge.passes(OUT.datagram(BAD4))
    counted = {entry.entry_id: entry.out_packets for entry in blocker.entries()}
    assert counted == {1: 0, 2: 0, 3: 2, 4: 1}


def test_halted_lets_everything_leave(blocker: xdp.XdpBlocker, judge: Judge) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    state = bpf.Map(PINS / "aegis_state")
    state.put(struct.pack("=I", layout.SLOT_HALTED), struct.pack("=I", 1))
    state.close()
    assert judge.passes(OUT.datagram(BAD4))


@WAYS
@pytest.mark.parametrize("tags", [(), (0x8100,), (0x88A8, 0x8100)], ids=["plain", "vlan", "QinQ"])
@pytest.mark.parametrize("address", [BAD4, BAD6])
def test_a_stale_heart_spares_the_ssh_ports_of_a_blocked_prefix(
    blocker: xdp.XdpBlocker, judge: Judge, way: str, address: str, tags: tuple[int, ...]
) -> None:
    blocker.set_ssh_ports([22, 2222])
    for number, prefix in enumerate(NETS):
        blocker.add(prefix, 0, number, ["v0"])
    frames = Frames(way)
    ssh, moved, web = (frames.segment(address, port, *tags) for port in (22, 2222, 443))
    blocker.set_allow([])
    assert [judge.passes(frame, way) for frame in (ssh, moved, web)] == [False, False, False]
    stop_the_heart(HEARTBEAT_S - 1)
    assert [judge.passes(frame, way) for frame in (ssh, moved, web)] == [False, False, False]
    stop_the_heart(HEARTBEAT_S + 1)
    assert [judge.passes(frame, way) for frame in (ssh, moved, web)] == [True, True, False]
    blocker.set_allow([])
    assert not judge.passes(ssh, way)


@WAYS
def test_a_stale_heart_spares_no_single_address_and_no_other_packet(
    blocker: xdp.XdpBlocker, judge: Judge, way: str
) -> None:
    frames = Frames(way)
    turned = Frames("out" if way == "in" else "in").segment(BAD4, 22)
    ends = turned[14 + 20 :]
    for prefix in NETS:
        blocker.add(prefix, 0, 1, ["v0"])
    stop_the_heart(HEARTBEAT_S + 1)
    ports = struct.pack("!HH", 22, 22)
    still_dropped = {
        "port 22 at the other end": ethernet(0x0800, frames.ip4(BAD4, ends, proto=6)),
        "udp": ethernet(0x0800, frames.ip4(BAD4, udp(22))),
        "later fragment": ethernet(0x0800, frames.ip4(BAD4, ports + bytes(20), proto=6, fragment=100)),
        "cut before its ports": ethernet(0x0800, frames.ip4(BAD4, b"\0\x16", proto=6)),
        "port 0": frames.segment(BAD4, 0),
        "behind an extension header": ethernet(
            0x86DD, frames.ip6(BAD6, b"\x06\0\x01\x04\0\0\0\0" + ports + bytes(16), following=0)
        ),
    }
    assert [name for name, frame in still_dropped.items() if judge.passes(frame, way)] == []
    assert judge.passes(ethernet(0x0800, frames.ip4(BAD4, ports + bytes(16), proto=6, options=b"\x01" * 8)), way)
    blocker.add(f"{BAD4}/32", 0, 2, ["v0"])
    assert not judge.passes(frames.segment(BAD4, 22), way)


def test_a_spared_packet_is_not_counted_and_a_counted_one_still_is(blocker: xdp.XdpBlocker, judge: Judge) -> None:
    blocker.add("203.0.113.0/24", 0, 1, ["v0"])
    blocker.add("203.0.113.0/28", 0, 2, ["v0"], count_only=True)
    stop_the_heart(HEARTBEAT_S + 1)
    assert judge.passes(OUT.segment(BAD4, 22))
    assert {entry.entry_id: entry.out_packets for entry in blocker.entries()} == {1: 0, 2: 1}


@pytest.mark.parametrize("ports", [list(range(1, 10)), [0], [65536]])
def test_ports_that_cannot_be_spared_are_refused(blocker: xdp.XdpBlocker, ports: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot spare the SSH ports"):
        blocker.set_ssh_ports(ports)


def test_port_22_is_spared_where_nobody_set_any() -> None:
    folder = bpf.BPFFS / f"aegis-kx-ports-{os.getpid()}"
    try:
        with xdp.XdpBlocker(folder):
            pulse = bpf.Map(folder / "aegis_pulse")
            assert layout.unpack_pulse(pulse.get(bytes(4)) or b"") == (0, (22,))
            pulse.close()
    finally:
        shutil.rmtree(folder)


def refuse(*_anything: object, **_named: object) -> int:
    raise bpf.failure(errno.EINVAL, "refused by the test")


def arrives(names: Namespaces, address: str) -> bool:
    """Whether a datagram of the server's reaches an address of the client before one that is sent after it."""
    with within(names.client), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("0.0.0.0", 0))
        receiver.settimeout(5)
        port = receiver.getsockname()[1]
        with within(names.server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"judged", (address, port))
            sender.sendto(b"last", (FREE, port))
        return receiver.recv(9) == b"judged"


@pytest.mark.parametrize("kind", ["tcx", "clsact"])
def test_a_datagram_to_a_blocked_address_does_not_leave(
    names: Namespaces, blocker: xdp.XdpBlocker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "clsact":
        monkeypatch.setattr(bpf, "attach_tcx", refuse)
        blocker.detach("v0")
        blocker.attach("v0")
    refused = () if kind == "tcx" else ("tcx: Invalid argument",)
    assert blocker.attached()["v0"] == Attached("native", kind, on_trial=False, fallen_back=refused)
    assert arrives(names, BLOCKED)
    blocker.add(f"{BLOCKED}/32", 0, 1, ["v0"])
    assert not arrives(names, BLOCKED)
    assert blocker.entries()[0].out_packets == 1
    blocker.detach("v0")
    assert arrives(names, BLOCKED)


def test_an_address_outside_the_linear_part_of_a_packet_is_seen(names: Namespaces, blocker: xdp.XdpBlocker) -> None:
    run("ip", "link", "add", "v9", "netns", names.server, "type", "veth", "peer", "v9", "netns", names.client)
    for namespace in (names.server, names.client):
        run("ip", "-n", namespace, "link", "set", "v9", "mtu", "9000", "up")
    blocker.attach("v9")
    sender, receiver = packet_socket(names.server, "v9"), packet_socket(names.client, "v9")
    sender.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    only_ethernet_is_linear = struct.pack("=BBHHHH", 0, 0, 14, 0, 0, 0)

    def delivers(address: str) -> bool:
        marked = ethernet(0x0800, OUT.ip4(address, udp(payload=b"kx" * 3000)))
        last = ethernet(0x88B5, b"kx-last" + bytes(40))
        for frame in (marked, last):
            with suppress(OSError):  # a drop on the way out is told to the sender
                sender.send(only_ethernet_is_linear + frame)
        arrived = False
        while (received := receiver.recv(9000)) != last:
            arrived = arrived or received == marked
        return arrived

    with sender, receiver:
        assert delivers(BAD4)
        blocker.add(f"{BAD4}/32", 0, 1, ["v9"])
        assert not delivers(BAD4)
    blocker.detach("v9")
    run("ip", "-n", names.server, "link", "del", "v9")
