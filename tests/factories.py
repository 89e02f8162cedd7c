"""Builders of values for tests: say only what the test is about."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.types import (
    Alert,
    Detection,
    Direction,
    FiveTuple,
    Flow,
    FlowState,
    FlowUpdate,
    Frame,
    Incident,
    Party,
    Severity,
    UpdateReason,
)

ATTACKER = "203.0.113.9"
SERVER = "192.0.2.1"


def five_tuple(src_ip: str = ATTACKER, src_port: int = 40000, dst_ip: str = SERVER, dst_port: int = 8080) -> FiveTuple:
    """Return a TCP five-tuple from the attacker to the server."""
    return FiveTuple(src_ip, src_port, dst_ip, dst_port, "tcp")


def flow(ends: FiveTuple | None = None, **changes: Any) -> Flow:
    """Return an established HTTP flow."""
    values: dict[str, Any] = {
        "id": "1:" + "-".join(map(str, ends or five_tuple())),
        "five_tuple": ends or five_tuple(),
        "iface": "eth0",
        "first_seen": 1000.0,
        "last_seen": 1000.5,
        "packets": (4, 3),
        "bytes": (400, 300),
        "payload_bytes": (100, 50),
        "head": (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        "state": FlowState.ESTABLISHED,
        "handshake": True,
        "app": "http",
        "name": "shop.example",
    }
    return Flow(**(values | changes))


def update(of: Flow | None = None, reason: UpdateReason = UpdateReason.PAYLOAD, **changes: Any) -> FlowUpdate:
    """Return an update that carries a chunk to the server."""
    values: dict[str, Any] = {
        "flow": of or flow(),
        "reason": reason,
        "at": 1000.5,
        "direction": Direction.TO_SERVER,
        "chunk": b"GET / HTTP/1.1\r\n\r\n",
        "offset": 0,
    }
    return FlowUpdate(**(values | changes))


def detection(label: str = "log4shell.jndi", **changes: Any) -> Detection:
    """Return a critical rule detection that accuses the initiator."""
    values: dict[str, Any] = {
        "flow_id": flow().id,
        "at": 1000.5,
        "detector": "rules",
        "version": "test",
        "label": label,
        "score": 1.0,
        "severity": Severity.CRITICAL,
        "reason": "A JNDI lookup in a request.",
        "attacker": Party.INITIATOR,
        "attack_ids": ("T1190",),
        "event_class": "vulnerability_exploit",
    }
    return Detection(**(values | changes))


def alert(**changes: Any) -> Alert:
    """Return an alert on the attacker."""
    values: dict[str, Any] = {
        "id": "A-0123456789",
        "target_ip": ATTACKER,
        "local_ip": SERVER,
        "first_at": 1000.5,
        "last_at": 1000.5,
        "count": 1,
        "detection": detection(),
        "flow": flow(),
        "incident_id": "INC-01234567",
    }
    return Alert(**(values | changes))


def incident(**changes: Any) -> Incident:
    """Return an incident of one alert."""
    values: dict[str, Any] = {
        "id": "INC-01234567",
        "target_ip": ATTACKER,
        "opened_at": 1000.5,
        "updated_at": 1000.5,
        "severity": Severity.CRITICAL,
        "title": "Log4Shell",
        "alert_ids": ("A-0123456789",),
        "attack_ids": ("T1190",),
        "handshake": True,
    }
    return Incident(**(values | changes))


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp(sport: int, dport: int, seq: int = 0, ack: int = 0, flags: int = ACK, payload: bytes = b"") -> bytes:
    """Return a TCP segment."""
    return struct.pack(">HHIIBBHHH", sport, dport, seq % 2**32, ack % 2**32, 0x50, flags, 8192, 0, 0) + payload


def udp(sport: int, dport: int, payload: bytes = b"") -> bytes:
    """Return a UDP datagram."""
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def ipv4(
    body: bytes,
    proto: int = 6,
    src: str = ATTACKER,
    dst: str = SERVER,
    options: bytes = b"",
    place: int = 0,
    ident: int = 7,
) -> bytes:
    """Return an IPv4 packet; ``place`` is the field of the fragment flags and offset."""
    size = 20 + len(options)
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    return (
        struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, size + len(body), ident, place, 64, proto, 0)
        + ends
        + options
        + body
    )


def ipv6(body: bytes, proto: int = 6, src: str = "2001:db8::9", dst: str = "2001:db8::1") -> bytes:
    """Return an IPv6 packet."""
    ends = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)
    return struct.pack(">IHBB", 0x60000000, len(body), proto, 64) + ends + body


def ethernet(packet: bytes, ethertype: int = 0x0800) -> bytes:
    """Return an Ethernet frame, padded to the least length as a network card would."""
    return (b"\x02" * 12 + ethertype.to_bytes(2, "big") + packet).ljust(60, b"\xee")


def frame(packet: bytes, ts: float = 1000.0) -> Frame:
    """Return an IPv4 packet as a captured Ethernet frame."""
    captured = ethernet(packet)
    return Frame(ts, captured, len(captured))


def pcap_file(path: Path, frames: Iterable[Frame], linktype: int = 1) -> Path:
    """Write a classic capture file and return its path."""
    records = [
        struct.pack("<IIII", int(one.ts), round(one.ts % 1 * 1e6), len(one.data), one.wire_bytes) + one.data
        for one in frames
    ]
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype) + b"".join(records))
    return path


def conversation(request: bytes, reply: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") -> list[Frame]:
    """Return a whole TCP connection to port 8080: handshake, one request, one reply, both FINs."""
    there, back = (40000, 8080), (8080, 40000)
    asked, answered = 101 + len(request), 501 + len(reply)
    to_server = [
        (0.00, tcp(*there, seq=100, flags=SYN)),
        (0.02, tcp(*there, seq=101, ack=501)),
        (0.03, tcp(*there, seq=101, ack=501, flags=PSH | ACK, payload=request)),
        (0.06, tcp(*there, seq=asked, ack=answered, flags=FIN | ACK)),
    ]
    to_client = [
        (0.01, tcp(*back, seq=500, ack=101, flags=SYN | ACK)),
        (0.04, tcp(*back, seq=501, ack=asked, flags=PSH | ACK, payload=reply)),
        (0.07, tcp(*back, seq=answered, ack=asked + 1, flags=FIN | ACK)),
    ]
    frames = [frame(ipv4(segment), 1000.0 + at) for at, segment in to_server]
    frames += [frame(ipv4(segment, src=SERVER, dst=ATTACKER), 1000.0 + at) for at, segment in to_client]
    return sorted(frames, key=lambda one: one.ts)
