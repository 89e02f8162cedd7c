"""Frames that a block must drop or let pass, for every back end and direction, and a wire to send them over."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

BAD4, BAD6, GOOD4, GOOD6 = "203.0.113.9", "2001:db8::9", "198.51.100.7", "2001:db8:1::7"
NETS = ("203.0.113.0/24", "2001:db8::/64")
SINGLES = (f"{BAD4}/32", f"{BAD6}/128")
MARK = b"nft-marked-frame"
SENDER, LAST = b"\x02nft\0\1", b"\x02nft\0\2"
"""Hardware addresses that frames come from: those of a test, and the one sent after them."""
_OTHER4, _OTHER6 = "192.0.2.1", "2001:db8:2::1"


class Frames:
    """Builds frames in which the address under test is the source (``in``) or the destination (``out``)."""

    def __init__(self, way: str) -> None:
        self.way = way

    def ends(self, address: str, other: str) -> bytes:
        ends = [ip_address(address).packed, ip_address(other).packed]
        return b"".join(ends if self.way == "in" else reversed(ends))

    def ip4(
        self, address: str, payload: bytes, *, proto: int = 17, options: bytes = b"", fragment: int = 0, ihl: int = 0
    ) -> bytes:
        words = ihl or 5 + len(options) // 4
        size = 20 + len(options) + len(payload)
        header = struct.pack("!BBHHHBBH", 0x40 | words, 0, size, 1, fragment, 64, proto, 0)
        return header + self.ends(address, _OTHER4) + options + payload

    def ip6(self, address: str, payload: bytes, *, following: int = 17, hops: int = 64) -> bytes:
        header = struct.pack("!IHBB", 0x60000000, len(payload), following, hops)
        return header + self.ends(address, _OTHER6) + payload

    def datagram(self, address: str) -> bytes:
        """Build a plain UDP frame of either family."""
        if ":" in address:
            return ethernet(0x86DD, self.ip6(address, udp()))
        return ethernet(0x0800, self.ip4(address, udp()))

    def segment(self, address: str, port: int, *tags: int) -> bytes:
        """Build a TCP frame to a port of this host, or from it."""
        tcp = struct.pack("!HH", *((4000, port) if self.way == "in" else (port, 4000))) + bytes(16) + MARK
        if ":" in address:
            return ethernet(0x86DD, self.ip6(address, tcp, following=6), *tags)
        return ethernet(0x0800, self.ip4(address, tcp, proto=6), *tags)

    def solicitation(self, hops: int) -> bytes:
        return self.ip6(BAD6, struct.pack("!BBHI", 135, 0, 0, 0) + MARK, following=58, hops=hops)

    def arp(self) -> bytes:
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + SENDER + ip_address(BAD4).packed
        return ethernet(0x0806, body + bytes(6) + ip_address(_OTHER4).packed + MARK)

    def dropped(self) -> dict[str, bytes]:
        """Return what a block of the address drops."""
        four, six = self.ip4(BAD4, udp()), self.ip6(BAD6, udp())
        echo = b"\x80\0\0\0" + bytes(4) + MARK
        return {
            "ipv4": ethernet(0x0800, four),
            "ipv4 tcp": ethernet(0x0800, self.ip4(BAD4, bytes(20) + MARK, proto=6)),
            "ipv4 icmp": ethernet(0x0800, self.ip4(BAD4, b"\x08\0\0\0" + bytes(4) + MARK, proto=1)),
            "ipv4 options": ethernet(0x0800, self.ip4(BAD4, udp(), options=b"\x07\x07\x04" + bytes(5))),
            "ipv4 first fragment": ethernet(0x0800, self.ip4(BAD4, udp(), fragment=0x2000)),
            "ipv4 later fragment": ethernet(0x0800, self.ip4(BAD4, MARK, fragment=100)),
            "later fragment that reads like DHCP": ethernet(0x0800, self.ip4(BAD4, udp(68), fragment=100)),
            "options that read like DHCP": ethernet(0x0800, self.ip4(BAD4, udp(), options=udp(68)[:4])),
            "vlan": ethernet(0x0800, four, 0x8100),
            "service vlan": ethernet(0x0800, four, 0x88A8),
            "QinQ": ethernet(0x0800, four, 0x88A8, 0x8100),
            "QinQ options": ethernet(0x0800, self.ip4(BAD4, udp(), options=bytes(40)), 0x88A8, 0x8100),
            "QinQ later fragment": ethernet(0x0800, self.ip4(BAD4, udp(68), fragment=100), 0x88A8, 0x8100),
            "vlan in vlan": ethernet(0x86DD, six, 0x8100, 0x8100),
            "ipv6": ethernet(0x86DD, six),
            "ipv6 hop-by-hop": ethernet(0x86DD, self.ip6(BAD6, b"\x11\0\x01\x04\0\0\0\0" + udp(), following=0)),
            "ipv6 routing header": ethernet(0x86DD, self.ip6(BAD6, b"\x11\0\x04\0\0\0\0\0" + udp(), following=43)),
            "ipv6 later fragment": ethernet(0x86DD, self.ip6(BAD6, b"\x11\0\x01\0\0\0\0\1" + MARK, following=44)),
            "ipv6 echo": ethernet(0x86DD, self.ip6(BAD6, echo, following=58, hops=255)),
            "solicitation that a router forwarded": ethernet(0x86DD, self.solicitation(hops=64)),
            "forwarded solicitation in QinQ": ethernet(0x86DD, self.solicitation(hops=64), 0x88A8, 0x8100),
        }

    def passed(self) -> dict[str, bytes]:
        """Return what passes although the address is blocked, or is not blocked, or cannot be parsed."""
        four = self.ip4(BAD4, udp())
        found = {
            "another ipv4 address": self.datagram(GOOD4),
            "another ipv6 address": self.datagram(GOOD6),
            "another address in QinQ": ethernet(0x0800, self.ip4(GOOD4, udp()), 0x88A8, 0x8100),
            "arp": self.arp(),
            "neighbour discovery": ethernet(0x86DD, self.solicitation(hops=255)),
            "neighbour discovery in a vlan": ethernet(0x86DD, self.solicitation(hops=255), 0x8100),
            "neighbour discovery in QinQ": ethernet(0x86DD, self.solicitation(hops=255), 0x88A8, 0x8100),
            "dhcp reply": ethernet(0x0800, self.ip4(BAD4, udp(68))),
            "dhcp request": ethernet(0x0800, self.ip4(BAD4, udp(67))),
            "dhcp reply with ipv4 options": ethernet(0x0800, self.ip4(BAD4, udp(68), options=b"\x01" * 4)),
            "dhcp reply in QinQ with options": ethernet(
                0x0800, self.ip4(BAD4, udp(68), options=b"\x01" * 40), 0x88A8, 0x8100
            ),
            "dhcpv6 reply": ethernet(0x86DD, self.ip6(BAD6, udp(546))),
            "dhcpv6 request": ethernet(0x86DD, self.ip6(BAD6, udp(547))),
            "header length below the minimum": ethernet(0x0800, self.ip4(BAD4, udp(), ihl=4)),
            "ipv6 under the ipv4 type": ethernet(0x0800, self.ip6(BAD6, udp())),
            "ipv4 under the ipv6 type": ethernet(0x86DD, four),
            "unknown type": ethernet(0x88B6, MARK),
            "ipv4 cut before its end": ethernet(0x0800, four[:19]),
            "ipv6 cut before its end": ethernet(0x86DD, self.ip6(BAD6, b"")[:39]),
            "ipv4 cut in QinQ": ethernet(0x0800, four[:19], 0x88A8, 0x8100),
        }
        if self.way == "in":
            found["three vlan tags"] = ethernet(0x0800, four, 0x88A8, 0x8100, 0x8100)
        return found


def ethernet(proto: int, payload: bytes, *tags: int, src: bytes = SENDER) -> bytes:
    types = b"".join(struct.pack("!HH", tag, 7) for tag in tags)
    return b"\xff" * 6 + src + types + struct.pack("!H", proto) + payload


def udp(port: int = 9, payload: bytes = MARK) -> bytes:
    return struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def run(*command: str, given: str = "") -> str:
    done = subprocess.run(command, input=given, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def inside(namespace: str, *command: str, given: str = "") -> str:
    """Run a command in a network namespace."""
    return run("nsenter", f"--net=/run/netns/{namespace}", *command, given=given)


@contextmanager
def within(namespace: str) -> Iterator[None]:
    """Put this thread, and what it starts, into a network namespace."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        assert libc.setns(there, 0) == 0
        yield
    finally:
        assert libc.setns(before, 0) == 0
        os.close(before)
        os.close(there)


def packet_socket(namespace: str, iface: str) -> socket.socket:
    """Make a raw socket in a network namespace; it stays there."""
    with within(namespace):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        raw.bind((iface, 0))
    raw.settimeout(5)
    return raw


class Namespaces:
    """Two network namespaces that are gone when this is closed."""

    def __init__(self, prefix: str) -> None:
        self.server, self.client = f"{prefix}{os.getpid()}s", f"{prefix}{os.getpid()}c"
        for namespace in (self.server, self.client):
            run("ip", "netns", "add", namespace)

    def close(self) -> None:
        for namespace in (self.server, self.client):
            run("ip", "netns", "del", namespace)


class Wire:
    """A veth pair between two namespaces, with what counts the frames that pass every hook of the server."""

    def __init__(self, names: Namespaces, iface: str) -> None:
        self._names, self._iface = names, iface
        run("ip", "link", "add", iface, "netns", names.server, "type", "veth", "peer", iface, "netns", names.client)
        for namespace in (names.server, names.client):
            inside(namespace, "sysctl", "-qw", f"net.ipv6.conf.{iface}.disable_ipv6=1")
            run("ip", "-n", namespace, "link", "set", iface, "arp", "off", "up")
        counters = "\n".join(
            f"add rule netdev witness {iface} ether saddr {src.hex(':')} counter" for src in (SENDER, LAST)
        )
        chain = f"{{ type filter hook ingress device {iface} priority 0; }}"
        script = f"add table netdev witness\nadd chain netdev witness {iface} {chain}\n{counters}"
        inside(names.server, "nft", "-f", "-", given=script)
        self._ends = {"in": packet_socket(names.client, iface), "out": packet_socket(names.server, iface)}
        self._sent = 0

    def passes(self, way: str, *frames: bytes) -> list[bool]:
        """Send frames one after the other, and tell which arrive behind the hooks."""
        return [self._arrives(frame) if way == "in" else self._leaves(frame) for frame in frames]

    def _arrives(self, frame: bytes) -> bool:
        before, sent = self._counted()
        self._ends["in"].send(frame)
        self._ends["in"].send(ethernet(0x88B5, MARK, src=LAST))
        for _ in range(1000):
            arrived, last = self._counted()
            if last > sent:
                return arrived > before
        raise AssertionError("the last frame never arrived")

    def _counted(self) -> tuple[int, int]:
        listed = inside(self._names.server, "nft", "list", "chain", "netdev", "witness", self._iface).split()
        marked, last = (int(listed[at + 1]) for at, word in enumerate(listed) if word == "packets")
        return marked, last

    def _leaves(self, frame: bytes) -> bool:
        self._sent += 1
        last = ethernet(0x88B5, b"last" + struct.pack("!I", self._sent), src=LAST)
        try:
            self._ends["out"].send(frame)
        except OSError as error:
            # A hook on the way out tells the sender what it dropped.
            assert error.errno == errno.ENOBUFS
        self._ends["out"].send(last)
        arrived = False
        while (received := self._ends["in"].recv(2048)) != last:
            arrived = arrived or received[6:12] == SENDER
        return arrived

    def close(self) -> None:
        for end in self._ends.values():
            end.close()


def python_inside(namespace: str, code: str) -> str:
    """Run Python in a network namespace, in a process that is gone when this returns."""
    return inside(namespace, sys.executable, "-c", code)
