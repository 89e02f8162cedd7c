"""Tests of the XDP blocker: real frames over veth pairs in network namespaces of our own."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from engine import paths
from engine.guard import bpf, layout, xdp

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]

SERVER, CLIENT = f"kx{os.getpid()}s", f"kx{os.getpid()}c"
PINS = bpf.BPFFS / f"aegis-test-{os.getpid()}"
BAD4, BAD6, GOOD4, GOOD6 = "203.0.113.9", "2001:db8::9", "198.51.100.7", "2001:db8:1::7"
MARK = b"krn-marked-frame"
PRELUDE = f"from pathlib import Path\nfrom engine.guard import bpf, xdp\npins = Path({str(PINS)!r})\n"
BOTH_FAMILIES = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def inside(namespace: str, code: str) -> str:
    """Run Python in a network namespace, in a process that is gone when this returns."""
    return run("nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", PRELUDE + code)


def packet_socket(namespace: str, iface: str) -> socket.socket:
    """A raw socket that belongs to another network namespace, handed over by a child."""
    ours, theirs = socket.socketpair()
    code = f"""
import socket
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.bind(({iface!r}, 0))
socket.send_fds(socket.socket(fileno={theirs.fileno()}), [b"!"], [raw.fileno()])
"""
    with ours, theirs:
        command = ["nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", code]
        subprocess.run(command, pass_fds=[theirs.fileno()], check=True, timeout=30)
        _, (fd,), _, _ = socket.recv_fds(ours, 1, 1)
    return socket.socket(fileno=fd)


class Wire:
    """A veth pair between two namespaces, with the XDP program on the server's end."""

    def __init__(self, iface: str = "v0") -> None:
        run("ip", "link", "add", iface, "netns", SERVER, "type", "veth", "peer", "name", iface, "netns", CLIENT)
        for namespace in (SERVER, CLIENT):
            run("ip", "-n", namespace, "link", "set", iface, "up")
        assert inside(SERVER, f"print(xdp.XdpBlocker(pins).attach({iface!r}))") == "native"
        self._sender = packet_socket(CLIENT, iface)
        self._receiver = packet_socket(SERVER, iface)
        self._receiver.settimeout(5)
        self._sent = 0

    def delivers(self, frame: bytes) -> bool:
        """Whether a marked frame arrives before a frame that was sent after it and always passes."""
        self._sent += 1
        last = ethernet(0x88B5, b"krn-last-frame" + struct.pack("!I", self._sent))
        self._sender.send(frame)
        self._sender.send(last)
        arrived = False
        while (received := self._receiver.recv(2048)) != last:
            arrived = arrived or MARK in received
        return arrived

    def close(self) -> None:
        self._sender.close()
        self._receiver.close()


def ethernet(proto: int, payload: bytes, *tags: int) -> bytes:
    types = b"".join(struct.pack("!HH", tag, 7) for tag in tags)
    return b"\xff" * 6 + b"\x02krn\0\1" + types + struct.pack("!H", proto) + payload


def ip4(src: str, payload: bytes, *, proto: int = 17, options: bytes = b"", fragment: int = 0, ihl: int = 0) -> bytes:
    words = ihl or 5 + len(options) // 4
    size = 20 + len(options) + len(payload)
    header = struct.pack("!BBHHHBBH", 0x40 | words, 0, size, 1, fragment, 64, proto, 0)
    return header + ip_address(src).packed + ip_address("192.0.2.1").packed + options + payload


def ip6(src: str, payload: bytes, *, following: int = 17, hops: int = 64) -> bytes:
    header = struct.pack("!IHBB", 0x60000000, len(payload), following, hops)
    return header + ip_address(src).packed + ip_address("2001:db8:2::1").packed + payload


def udp(port: int = 9, payload: bytes = MARK) -> bytes:
    return struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload


def datagram(src: str) -> bytes:
    """A plain UDP frame from an address of either family."""
    return ethernet(0x86DD, ip6(src, udp())) if ":" in src else ethernet(0x0800, ip4(src, udp()))


def arp(src: str) -> bytes:
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + b"\x02krn\0\1" + ip_address(src).packed
    return ethernet(0x0806, body + bytes(6) + ip_address("192.0.2.1").packed + MARK)


def solicitation(hops: int) -> bytes:
    return ip6(BAD6, struct.pack("!BBHI", 135, 0, 0, 0) + MARK, following=58, hops=hops)


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@pytest.fixture(scope="module")
def namespaces() -> Iterator[None]:
    for namespace in (SERVER, CLIENT):
        run("ip", "netns", "add", namespace)
    yield
    for namespace in (SERVER, CLIENT):
        run("ip", "netns", "del", namespace)
    shutil.rmtree(PINS, ignore_errors=True)


@pytest.fixture(scope="module")
def wire(namespaces: None) -> Iterator[Wire]:
    for namespace in (SERVER, CLIENT):
        run("ip", "-n", namespace, "link", "set", "lo", "up")
    made = Wire()
    yield made
    made.close()


@pytest.fixture(scope="module")
def other_wire(wire: Wire) -> Iterator[Wire]:
    made = Wire("v1")
    yield made
    made.close()


@contextmanager
def within(namespace: str) -> Iterator[None]:
    """Put this thread into a network namespace: interface names mean those there."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        assert ctypes.CDLL(None).setns(there, 0) == 0
        yield
        assert ctypes.CDLL(None).setns(before, 0) == 0
    finally:
        os.close(before)
        os.close(there)


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


@pytest.fixture
def blocker(wire: Wire) -> Iterator[OnTheWire]:
    with within(SERVER), OnTheWire(PINS) as opened:
        opened.set_allow([])
        opened.halt()
        opened.resume()
        yield opened


DROPPED = {
    "ipv4": ethernet(0x0800, ip4(BAD4, udp())),
    "ipv4 tcp": ethernet(0x0800, ip4(BAD4, bytes(20) + MARK, proto=6)),
    "ipv4 icmp": ethernet(0x0800, ip4(BAD4, b"\x08\0\0\0" + bytes(4) + MARK, proto=1)),
    "ipv4 options": ethernet(0x0800, ip4(BAD4, udp(), options=b"\x07\x07\x04" + bytes(5))),
    "ipv4 first fragment": ethernet(0x0800, ip4(BAD4, udp(), fragment=0x2000)),
    "ipv4 later fragment": ethernet(0x0800, ip4(BAD4, MARK, fragment=100)),
    "later fragment that reads like DHCP": ethernet(0x0800, ip4(BAD4, udp(68), fragment=100)),
    "vlan": ethernet(0x0800, ip4(BAD4, udp()), 0x8100),
    "service vlan": ethernet(0x0800, ip4(BAD4, udp()), 0x88A8),
    "QinQ": ethernet(0x0800, ip4(BAD4, udp()), 0x88A8, 0x8100),
    "vlan in vlan": ethernet(0x86DD, ip6(BAD6, udp()), 0x8100, 0x8100),
    "ipv6": ethernet(0x86DD, ip6(BAD6, udp())),
    "ipv6 hop-by-hop": ethernet(0x86DD, ip6(BAD6, b"\x11\0\x01\x04\0\0\0\0" + udp(), following=0)),
    "ipv6 routing header": ethernet(0x86DD, ip6(BAD6, b"\x11\0\x04\0\0\0\0\0" + udp(), following=43)),
    "ipv6 later fragment": ethernet(0x86DD, ip6(BAD6, b"\x11\0\x01\0\0\0\0\1" + MARK, following=44)),
    "ipv6 echo": ethernet(0x86DD, ip6(BAD6, b"\x80\0\0\0" + bytes(4) + MARK, following=58, hops=255)),
    "solicitation that a router forwarded": ethernet(0x86DD, solicitation(hops=64)),
}
PASSED = {
    "another ipv4 source": datagram(GOOD4),
    "another ipv6 source": datagram(GOOD6),
    "arp": arp(BAD4),
    "neighbour discovery": ethernet(0x86DD, solicitation(hops=255)),
    "neighbour discovery in a vlan": ethernet(0x86DD, solicitation(hops=255), 0x8100),
    "dhcp reply": ethernet(0x0800, ip4(BAD4, udp(68))),
    "dhcp request": ethernet(0x0800, ip4(BAD4, udp(67))),
    "dhcp reply with ipv4 options": ethernet(0x0800, ip4(BAD4, udp(68), options=b"\x01" * 4)),
    "dhcpv6 reply": ethernet(0x86DD, ip6(BAD6, udp(546))),
    "dhcpv6 request": ethernet(0x86DD, ip6(BAD6, udp(547))),
    "header length below the minimum": ethernet(0x0800, ip4(BAD4, udp(), ihl=4)),
    "ipv6 under the ipv4 type": ethernet(0x0800, ip6(BAD6, udp())),
    "ipv4 under the ipv6 type": ethernet(0x86DD, ip4(BAD4, udp())),
    "three vlan tags": ethernet(0x0800, ip4(BAD4, udp()), 0x88A8, 0x8100, 0x8100),
    "unknown type": ethernet(0x88B6, MARK),
}


@pytest.mark.parametrize("frame", DROPPED.values(), ids=DROPPED)
def test_a_frame_of_a_blocked_source_is_dropped(wire: Wire, blocker: OnTheWire, frame: bytes) -> None:
    assert wire.delivers(frame)
    blocker.add(f"{BAD4}/32", 0, 1)
    blocker.add(f"{BAD6}/128", 0, 2)
    assert not wire.delivers(frame)


@pytest.mark.parametrize("frame", DROPPED.values(), ids=DROPPED)
def test_a_frame_out_of_a_blocked_prefix_is_dropped(wire: Wire, blocker: OnTheWire, frame: bytes) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.add("2001:db8::/64", 0, 2)
    assert not wire.delivers(frame)


@pytest.mark.parametrize("frame", PASSED.values(), ids=PASSED)
def test_what_keeps_the_network_up_or_cannot_be_parsed_passes(wire: Wire, blocker: OnTheWire, frame: bytes) -> None:
    for prefix in (f"{BAD4}/32", f"{BAD6}/128", "203.0.113.0/24", "2001:db8::/64"):
        blocker.add(prefix, 0, 1)
    assert wire.delivers(frame)


def test_a_frame_cut_before_the_end_of_its_ip_header_passes(blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    program = bpf.load_program(paths.BPF_OBJECT, "aegis_xdp", PINS, struct.pack("=Q", 1))
    frame = ethernet(0x0800, ip4(BAD4, udp()), 0x88A8, 0x8100)
    verdicts = [bpf.run_on_packet(program, frame[:size]).verdict for size in range(14, len(frame))]
    os.close(program)
    header_end = 14 + 8 + 20
    assert verdicts == [bpf.XDP_PASS if size < header_end else bpf.XDP_DROP for size in range(14, len(frame))]


@BOTH_FAMILIES
def test_an_allowed_source_passes_inside_a_blocked_prefix(wire: Wire, blocker: OnTheWire, version: int) -> None:
    spared, neighbour = (BAD4, "203.0.113.10") if version == 4 else (BAD6, "2001:db8::10")
    for prefix in ("203.0.113.0/24", "2001:db8::/64", f"{BAD4}/32", f"{BAD6}/128"):
        blocker.add(prefix, 0, 1)
    blocker.set_allow([BAD4, f"{BAD6}/128"])
    assert wire.delivers(datagram(spared))
    assert not wire.delivers(datagram(neighbour))


def test_the_allow_set_is_replaced_by_its_difference(wire: Wire, blocker: OnTheWire) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.set_allow(["203.0.113.1/32", "203.0.113.2/32", "2001:db8::/64"])
    blocker.set_allow(["203.0.113.2/32", "203.0.113.3/32"])
    arrived = [wire.delivers(datagram(f"203.0.113.{last}")) for last in (1, 2, 3)]
    assert arrived == [False, True, True]


def test_a_deadline_lets_packets_pass_with_no_process_to_see_to_it(wire: Wire, blocker: OnTheWire) -> None:
    code = f"""
import time
deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 1_000_000_000
xdp.XdpBlocker(pins).add("{BAD4}/32", deadline, 1, ["v0"])
print(deadline)
"""
    deadline = int(inside(SERVER, code))
    dropped = 0
    while not wire.delivers(datagram(BAD4)):
        dropped += 1
        assert boot_ns() < deadline + 1_000_000_000
    assert boot_ns() >= deadline
    assert blocker.entries()[0].packets == dropped > 0


@BOTH_FAMILIES
@pytest.mark.parametrize("wide", [8, 23], ids=["far", "near"])
def test_an_expired_prefix_does_not_shadow_a_wider_block(
    wire: Wire, blocker: OnTheWire, version: int, wide: int
) -> None:
    source = BAD4 if version == 4 else BAD6
    blocker.add("203.0.0.0/8" if wide == 8 else "203.0.112.0/23", 0, 1)
    blocker.add("2001::/16" if wide == 8 else "2001:db8::/63", 0, 2)
    for number, prefix in enumerate(("203.0.113.0/24", "203.0.113.8/29", "2001:db8::/64", "2001:db8::/120")):
        blocker.add(prefix, 1, 10 + number)
    assert not wire.delivers(datagram(source))
    blocker.add(f"{BAD4}/32", 1, 20)
    blocker.add(f"{BAD6}/128", 1, 21)
    assert not wire.delivers(datagram(source))


def test_a_count_only_entry_counts_and_passes(wire: Wire, blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 7, count_only=True)
    assert wire.delivers(datagram(BAD4))
    [entry] = blocker.entries()
    assert (entry.packets, entry.entry_id, entry.count_only) == (1, 7, True)


def test_a_count_only_entry_opens_no_hole_in_a_blocked_prefix(wire: Wire, blocker: OnTheWire) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.add(f"{BAD4}/32", 0, 2, count_only=True)
    assert not wire.delivers(datagram(BAD4))
    assert {entry.prefix: entry.packets for entry in blocker.entries()} == {f"{BAD4}/32": 1, "203.0.113.0/24": 1}


def test_an_entry_tells_what_the_kernel_dropped(wire: Wire, blocker: OnTheWire) -> None:
    seen, dropped, before = blocker.seen(), blocker.dropped(), boot_ns()
    deadline = before + 3_600_000_000_000
    blocker.add(f"{BAD6}/128", deadline, 42)
    for _ in range(3):
        wire.delivers(datagram(BAD6))
    [entry] = blocker.entries()
    assert entry[:6] == (f"{BAD6}/128", deadline, 3, 3 * len(datagram(BAD6)), 0, 0)
    assert before < entry.last_hit_ns < boot_ns()
    assert (blocker.dropped() - dropped, blocker.seen() - seen >= 6) == (3, True)


def test_a_new_deadline_keeps_the_counters_and_a_new_entry_does_not(wire: Wire, blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    wire.delivers(datagram(BAD4))
    blocker.add(f"{BAD4}/32", boot_ns() + 10**12, 1)
    assert blocker.entries()[0].packets == 1
    blocker.add(f"{BAD4}/32", 0, 2)
    assert blocker.entries()[0].packets == 0


@pytest.mark.parametrize("prefix", ["203.0.113.9/32", "203.0.113.0/24", "2001:db8::9/128", "2001:db8::/64"])
def test_a_removed_prefix_passes_again(wire: Wire, blocker: OnTheWire, prefix: str) -> None:
    source = BAD6 if ":" in prefix else BAD4
    blocker.add(prefix, 0, 1)
    assert [entry.prefix for entry in blocker.entries()] == [prefix]
    assert not wire.delivers(datagram(source))
    assert (blocker.remove(prefix), blocker.remove(prefix), blocker.entries()) == (True, False, [])
    assert wire.delivers(datagram(source))


def test_a_prefix_that_still_stands_drops_after_another_was_removed(wire: Wire, blocker: OnTheWire) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.add("203.0.112.0/24", 0, 2)
    blocker.remove("203.0.112.0/24")
    assert not wire.delivers(datagram(BAD4))


def test_halted_passes_everything_and_refuses_new_blocks(wire: Wire, blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    assert (blocker.halt(), blocker.halted, blocker.entries()) == (1, True, [])
    with pytest.raises(PermissionError, match=r"cannot block 203\.0\.113\.9/32: blocking is halted"):
        blocker.add(f"{BAD4}/32", 0, 1)
    blocker.resume()
    blocker.add(f"{BAD4}/32", 0, 1)
    assert not wire.delivers(datagram(BAD4))


def test_the_halted_flag_alone_passes_everything(wire: Wire, blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    state = bpf.Map(PINS / "aegis_state")
    state.put(struct.pack("=I", 1), struct.pack("=I", 1))
    state.close()
    assert wire.delivers(datagram(BAD4))


def test_panic_empties_the_maps_and_halts(wire: Wire, blocker: OnTheWire) -> None:
    for number, prefix in enumerate((f"{BAD4}/32", f"{BAD6}/128", "203.0.113.0/24", "2001:db8::/64")):
        blocker.add(prefix, 0, number)
    assert xdp.panic(PINS) == 4
    assert (blocker.halted, blocker.entries()) == (True, [])
    assert wire.delivers(datagram(BAD4))


@BOTH_FAMILIES
@pytest.mark.parametrize("whole", [False, True], ids=["address", "network"])
def test_a_block_drops_on_the_interfaces_it_was_approved_for_and_on_no_other(
    wire: Wire, other_wire: Wire, blocker: OnTheWire, version: int, whole: bool
) -> None:
    source = BAD4 if version == 4 else BAD6
    prefix = ("203.0.113.0/24" if version == 4 else "2001:db8::/64") if whole else source
    for ifaces, arrived in (
        (["v0"], [False, True]),
        (["v1"], [True, False]),
        (["v0", "v1"], [False, False]),
        ([], [True, True]),
    ):
        blocker.add(prefix, 0, 1, ifaces)
        assert [each.delivers(datagram(source)) for each in (wire, other_wire)] == arrived
        assert blocker.entries()[0].ifaces == tuple(ifaces)


@BOTH_FAMILIES
def test_a_block_for_another_interface_does_not_shadow_a_wider_one(
    wire: Wire, other_wire: Wire, blocker: OnTheWire, version: int
) -> None:
    for address, nearer, wider in (
        (BAD4, "203.0.113.0/24", "203.0.112.0/23"),
        (BAD6, "2001:db8::/64", "2001:db8::/63"),
    ):
        blocker.add(address, 0, 1, ["v1"])
        blocker.add(nearer, 0, 2, ["v1"])
        blocker.add(wider, 0, 3, ["v0"])
    assert not wire.delivers(datagram(BAD4 if version == 4 else BAD6))


def test_packets_on_another_interface_are_not_counted(other_wire: Wire, blocker: OnTheWire) -> None:
    blocker.add(BAD4, 0, 1, ["v0"])
    other_wire.delivers(datagram(BAD4))
    assert blocker.entries()[0].packets == 0


def test_a_block_on_an_interface_that_is_not_attached_is_refused(blocker: OnTheWire) -> None:
    with pytest.raises(OSError, match=r"cannot block 203\.0\.113\.9 on v77: nothing is attached there"):
        blocker.add(BAD4, 0, 1, ["v0", "v77"])
    assert blocker.entries() == []


def test_one_interface_index_in_two_namespaces_is_two_interfaces(blocker: OnTheWire) -> None:
    receive = """
import socket
blocker = xdp.XdpBlocker(pins)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
for source in ("127.0.0.2", "127.0.0.3"):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((source, 0))
    client.sendto(b"x", server.getsockname())
print(server.recvfrom(9)[1][0], [entry.ifaces for entry in blocker.entries()])
"""
    inside(CLIENT, "xdp.XdpBlocker(pins).attach('lo')")
    inside(SERVER, "b = xdp.XdpBlocker(pins)\nb.attach('lo')\nb.add('127.0.0.2/32', 0, 1, ['lo'])")
    there, here = inside(CLIENT, receive), inside(SERVER, receive)
    for namespace in (CLIENT, SERVER):
        inside(namespace, "xdp.XdpBlocker(pins).detach('lo')")
    assert here == "127.0.0.3 [('lo',)]"
    assert there.startswith("127.0.0.2 [('slot ")


def test_an_interface_that_takes_the_place_of_one_that_is_gone_inherits_no_block(
    wire: Wire, blocker: OnTheWire
) -> None:
    first, second = Wire("v10"), None
    pinned = {path.name for path in (PINS / "links").iterdir()}
    blocker.add(BAD4, 0, 1, ["v0", "v10"])
    assert not first.delivers(datagram(BAD4))
    run("ip", "-n", SERVER, "link", "del", "v10")
    second = Wire("v12")
    new = {path.name for path in (PINS / "links").iterdir()} - pinned
    assert {name.rpartition("-")[2] for name in new} <= {name.rpartition("-")[2] for name in pinned}
    assert (second.delivers(datagram(BAD4)), wire.delivers(datagram(BAD4))) == (True, False)
    assert blocker.entries()[0].ifaces == ("v0",)
    for each in (first, second):
        each.close()
    run("ip", "-n", SERVER, "link", "del", "v12")


@pytest.mark.parametrize("earlier_layout", [1, 2])
def test_maps_of_an_earlier_layout_are_made_anew_and_stay_halted(namespaces: None, earlier_layout: int) -> None:
    folder = bpf.BPFFS / f"aegis-test-{os.getpid()}-earlier"
    run("ip", "-n", SERVER, "link", "add", "v14", "type", "veth", "peer", "name", "v15")
    try:
        with within(SERVER):
            with xdp.XdpBlocker(folder) as earlier:
                earlier.attach("v14")
                earlier.add(BAD4, 0, 1, ["v14"])
            state = bpf.Map(folder / "aegis_state")
            for slot, value in ((0, earlier_layout), (1, 1)):
                state.put(struct.pack("=I", slot), struct.pack("=I", value))
            state.close()
            for name in layout.BLOCK_MAPS:  # in the shape of another map, as an earlier layout had them
                (folder / name).unlink()
                another = bpf.open_pin(folder / "aegis_allow6")
                bpf.pin(another, folder / name)
                os.close(another)
            with xdp.XdpBlocker(folder) as migrated:
                assert (migrated.entries(), migrated.attached(), migrated.halted) == ([], {}, True)
                migrated.resume()
                assert migrated.attach("v14") == "native"
                migrated.add(BAD4, 0, 1, ["v14"])
    finally:
        shutil.rmtree(folder)
        run("ip", "-n", SERVER, "link", "del", "v14")


def test_panic_works_on_maps_of_another_layout(blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    state = bpf.Map(PINS / "aegis_state")
    state.put(struct.pack("=I", 0), struct.pack("=I", 99))
    with pytest.raises(OSError, match="they have layout 99, this program knows 3; `aegis-tui panic-unblock`"):
        xdp.XdpBlocker(PINS)
    assert xdp.panic(PINS) == 1
    state.put(struct.pack("=I", 0), struct.pack("=I", layout.LAYOUT))
    state.close()


def test_a_hundred_thousand_sources_and_a_thousand_prefixes_fit(wire: Wire, blocker: OnTheWire) -> None:
    entry = struct.pack("=QQQQQQQIHH", *[0] * 6, 1, 1, 0, 32)
    for version, width in ((4, 4), (6, 16)):
        singles = bpf.Map(PINS / f"aegis_block{version}")
        singles.put_many([(number.to_bytes(width, "big"), entry) for number in range(100_000)])
        singles.close()
    for number in range(1_000):
        blocker.add(f"10.{number >> 8}.{number & 255}.0/24", 0, number)
    blocker.add(f"{BAD4}/32", 0, 1)
    assert len(blocker.entries()) == 201_001
    assert not wire.delivers(datagram(BAD4))
    assert not wire.delivers(datagram("10.3.231.1"))
    assert blocker.halt() == 201_001


def test_the_attachment_outlives_the_process_that_made_it(blocker: OnTheWire) -> None:
    code = "b = xdp.XdpBlocker(pins)\nprint(b.attached()['v0'][:2], b.attach('v0'), b.attached()['v0'][2:])"
    assert inside(SERVER, code) == "('native', 'tcx') native (False, ())"


def test_the_attachment_survives_the_interface_going_down(wire: Wire, blocker: OnTheWire) -> None:
    run("ip", "-n", SERVER, "link", "add", "v2", "type", "veth", "peer", "name", "v3")
    inside(SERVER, "xdp.XdpBlocker(pins).attach('v2')")
    for state in ("up", "down", "up"):
        run("ip", "-n", SERVER, "link", "set", "v2", state)
    assert "'v2'" in inside(SERVER, "print(xdp.XdpBlocker(pins).attached())")
    assert inside(SERVER, "b = xdp.XdpBlocker(pins)\nprint(b.detach('v2'), b.detach('v2'), 'v2' in b.attached())") == (
        "True False False"
    )


def test_an_interface_without_native_xdp_drops_in_generic_mode(blocker: OnTheWire) -> None:
    code = """
import socket
blocker = xdp.XdpBlocker(pins)
mode = blocker.attach("lo")
blocker.add("127.0.0.2/32", 0, 1, ["lo"])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
for source in ("127.0.0.2", "127.0.0.3"):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((source, 0))
    client.sendto(b"x", server.getsockname())
print(mode, server.recvfrom(9)[1][0], blocker.entries()[0].packets, blocker.detach("lo"))
"""
    assert inside(SERVER, code) == "generic 127.0.0.3 1 True"


def test_one_interface_index_in_two_namespaces_gives_two_attachments(blocker: OnTheWire) -> None:
    code = "print(xdp.XdpBlocker(pins).attach('lo'))"
    assert (inside(SERVER, code), inside(CLIENT, code)) == ("generic", "generic")
    detach = "b = xdp.XdpBlocker(pins)\nprint(b.detach('lo'), 'lo' in b.attached(), 'v0' in b.attached())"
    assert (inside(CLIENT, detach), inside(SERVER, detach)) == ("True False False", "True False True")


def test_the_pin_of_a_link_whose_interface_is_gone_is_removed(blocker: OnTheWire) -> None:
    run("ip", "-n", SERVER, "link", "add", "v4", "type", "veth", "peer", "name", "v5")
    inside(SERVER, "xdp.XdpBlocker(pins).attach('v4')")
    pinned = set((PINS / "links").iterdir())
    run("ip", "-n", SERVER, "link", "del", "v4")
    inside(SERVER, "xdp.XdpBlocker(pins).attach('v0')")
    gone = sorted(path.name.partition("-")[2] for path in pinned - set((PINS / "links").iterdir()))
    assert [name.split("-")[2:] for name in gone] == [[], ["tcx"]]


def test_a_program_of_somebody_else_is_named_and_never_evicted(blocker: OnTheWire) -> None:
    run("ip", "-n", SERVER, "link", "add", "v6", "type", "veth", "peer", "name", "v7")
    code = """
import socket, struct
stranger = bpf.load_instructions(struct.pack("=QQ", 0x02_0000_00B7, 0x95), "krn_stranger")
link = bpf.attach_xdp(stranger, socket.if_nametoindex("v6"), bpf.XdpMode.NATIVE, "v6")
number = bpf.program_info(stranger).id
try:
    xdp.XdpBlocker(pins).attach("v6")
except FileExistsError as error:
    print(str(error).replace(str(number), "N"))
print(bpf.attached_xdp(socket.if_nametoindex("v6"), "v6") == {bpf.XdpMode.NATIVE: number})
"""
    said = "cannot attach XDP to v6: program krn_stranger (id N) is already there\nTrue"
    assert inside(SERVER, code) == said
    run("ip", "-n", SERVER, "link", "del", "v6")


def test_the_program_of_an_earlier_release_is_replaced_in_place(blocker: OnTheWire) -> None:
    run("ip", "-n", SERVER, "link", "add", "v8", "type", "veth", "peer", "name", "v9")
    code = """
import socket, struct
index = socket.if_nametoindex("v8")
earlier = bpf.load_instructions(struct.pack("=QQ", 0x02_0000_00B7, 0x95), "aegis_xdp")
link = bpf.attach_xdp(earlier, index, bpf.XdpMode.NATIVE, "v8")
bpf.pin(link, pins / "links" / f"{Path('/proc/self/ns/net').stat().st_ino}-{index}-63")
mode = xdp.XdpBlocker(pins).attach("v8")
[running] = bpf.attached_xdp(index, "v8").values()
print(mode, bpf.program_by_id(running).tag != bpf.program_info(earlier).tag)
"""
    assert inside(SERVER, code) == "native True"
    run("ip", "-n", SERVER, "link", "del", "v8")


@pytest.mark.parametrize(
    ("iface", "reason"), [("gone9", "No such device"), ("krntun", "its packets have no Ethernet header")]
)
def test_an_interface_that_cannot_be_used_is_refused(blocker: OnTheWire, iface: str, reason: str) -> None:
    if iface == "krntun":
        run("ip", "-n", SERVER, "tuntap", "add", iface, "mode", "tun")
    code = f"""
try:
    xdp.XdpBlocker(pins).attach({iface!r})
except OSError as error:
    print(error)
"""
    assert inside(SERVER, code) == f"cannot attach XDP to {iface}: {reason}"


@pytest.mark.parametrize("iface", ["lo\0", "e" * 16, "", "../v0"])
def test_what_is_no_interface_name_is_refused(blocker: OnTheWire, iface: str) -> None:
    with pytest.raises(OSError, match="that is no interface name"):
        blocker.attach(iface)


@pytest.mark.parametrize("flaw", ["mode", "owner", "link"])
def test_a_pin_folder_that_a_stranger_could_have_made_is_refused(flaw: str) -> None:
    folder = bpf.BPFFS / f"aegis-test-{os.getpid()}-{flaw}"
    if flaw == "link":
        folder.symlink_to(bpf.BPFFS)
    else:
        folder.mkdir(mode=0o755 if flaw == "mode" else 0o700)
    if flaw == "owner":
        os.chown(folder, 65534, 65534)
    try:
        with pytest.raises(PermissionError, match="it is not a folder of root's with mode 0700"):
            xdp.XdpBlocker(folder)
    finally:
        folder.unlink() if flaw == "link" else folder.rmdir()


def test_a_missing_bpffs_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="bpffs is not mounted"):
        xdp.XdpBlocker(tmp_path / "aegis")


def test_bpffs_is_mounted_on_an_empty_folder_only(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    code = f"""
from pathlib import Path
from engine.guard import pins
empty, used = Path({str(tmp_path)!r}) / "empty", Path({str(tmp_path)!r}) / "used"
for _ in range(2):
    pins.ensure_bpffs(empty)
    print(pins.on_bpffs(empty), end=" ")
try:
    pins.ensure_bpffs(used)
except OSError as error:
    print("not empty" in str(error))
"""
    assert run("unshare", "--mount", sys.executable, "-c", code) == "True True True"


@pytest.mark.parametrize("prefix", ["203.0.113.9/24", "example.org", "203.0.113.9; DROP", ""])
def test_what_is_no_prefix_is_refused(blocker: OnTheWire, prefix: str) -> None:
    with pytest.raises(ValueError, match=r"host bits set|does not appear to be"):
        blocker.add(prefix, 0, 1)
