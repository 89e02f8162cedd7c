"""Reads the headers of one captured frame: link layer, IP, ports, and where the payload is."""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import NamedTuple

TCP, UDP, ICMP, ICMP6, SCTP = 6, 17, 1, 58, 132
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

PROTOCOL_NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "icmp6"}

_IPV4_TYPE, _IPV6_TYPE = 0x0800, 0x86DD
_MPLS_TYPE, _PPPOE_TYPE = 0x8847, 0x8864
_SHIM_TYPES = frozenset((0x8100, 0x88A8, 0x9100, _MPLS_TYPE, _PPPOE_TYPE))
"""What may stand between the link and the IP header: VLAN tags, MPLS labels, PPPoE."""
_PPP_TYPES = {0x0021: _IPV4_TYPE, 0x0057: _IPV6_TYPE}
_RAW_LINKTYPES = frozenset((12, 14, 101, 228, 229))
_PROTOCOL_FIELDS = {113: (14, 16), 276: (0, 20), 104: (2, 4)}
"""Link types (SLL, SLL2, Cisco HDLC) to where their EtherType and their payload start."""
_LOOP_LINKTYPES = frozenset((0, 108))
_IPV6_FAMILIES = frozenset((10, 24, 28, 30))
"""AF_INET6 of Linux, the BSDs and macOS, as found in NULL headers."""

_EXTENSIONS = frozenset((0, 43, 60, 135, 139, 140))
_AUTHENTICATION, _FRAGMENT = 51, 44

_ICMP_PAIRS = {
    ICMP: {0: 8, 8: 0, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
    ICMP6: {128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 139: 140, 140: 139}
    | {144: 145, 145: 144},
}
"""Message types that are question and answer, as the Community ID specification pairs them."""

_read_ipv4 = struct.Struct(">BxHHHxBxx4s4s").unpack_from
_read_ipv6 = struct.Struct(">IHBx16s16s").unpack_from
_read_fragment = struct.Struct(">BxHI").unpack_from
_read_tcp = struct.Struct(">HHIIBB").unpack_from
_read_udp = struct.Struct(">HHH").unpack_from
_read_ports = struct.Struct(">HH").unpack_from


class Unparsed(StrEnum):
    """Why a frame yields no packet."""

    FILTERED = "filtered"
    """It does not carry IP, or its link layer is one this program does not read."""
    MALFORMED = "malformed"
    """It carries IP whose headers are cut short or contradict themselves."""


class Fragment(NamedTuple):
    """The place of an IP fragment in its datagram."""

    ident: int
    offset: int
    """Bytes before this fragment."""
    more: bool
    """Whether further fragments follow."""


class Packet(NamedTuple):
    """What one frame says, below the application."""

    proto: int
    """IP protocol number."""
    src: bytes
    sport: int
    """For ICMP the message type."""
    dst: bytes
    dport: int
    """For ICMP the type of the answer, or the code where there is no answer."""
    payload: bytes
    """After the transport header, without padding; for a fragment everything after the IP headers."""
    missing: int = 0
    """Bytes at the end of a TCP segment that were on the wire and not captured."""
    flags: int = 0
    seq: int = 0
    ack: int = 0
    one_way: bool = False
    """An ICMP message that has no answer, so it never shares a flow with the other direction."""
    fragment: Fragment | None = None


# A call of the class costs twice as much, and this runs for each packet.
_new = tuple.__new__


def parse(data: bytes, linktype: int) -> Packet | Unparsed:
    """Return what the frame holds, or why it holds nothing; never raises."""
    try:
        if linktype == 1:
            ethertype, offset = (data[12] << 8) | data[13], 14
        else:
            ethertype, offset = _link(data, linktype)
        while ethertype in _SHIM_TYPES:
            ethertype, offset = _shim(data, ethertype, offset)
        if ethertype == _IPV4_TYPE:
            return _ipv4(data, offset)
        if ethertype == _IPV6_TYPE:
            return _ipv6(data, offset)
    except (struct.error, IndexError):
        return Unparsed.MALFORMED
    return Unparsed.FILTERED


def parse_datagram(packet: Packet, payload: bytes) -> Packet | Unparsed:
    """Return the packet that the fragments of ``packet``'s datagram carried together."""
    try:
        if len(packet.src) == 16:
            return _extensions(payload, 0, len(payload), packet.proto, packet.src, packet.dst)
        return _transport(payload, 0, len(payload), packet.proto, packet.src, packet.dst)
    except (struct.error, IndexError):
        return Unparsed.MALFORMED


def _link(data: bytes, linktype: int) -> tuple[int, int]:
    """Return the EtherType and where the network header starts; 0 for a link layer not read."""
    if linktype in _RAW_LINKTYPES:
        return _ip_type(data, 0), 0
    if linktype in _LOOP_LINKTYPES:
        # The family is in the byte order of the machine that captured; as a number it is below 256.
        family = max(data[0], data[3])
        return _IPV4_TYPE if family == 2 else _IPV6_TYPE if family in _IPV6_FAMILIES else 0, 4
    if linktype in _PROTOCOL_FIELDS:
        field, offset = _PROTOCOL_FIELDS[linktype]
        return (data[field] << 8) | data[field + 1], offset
    return 0, 0


def _shim(data: bytes, ethertype: int, offset: int) -> tuple[int, int]:
    """Return the EtherType behind a tag or label, and where its header starts."""
    if ethertype == _MPLS_TYPE:
        bottom = data[offset + 2] & 1
        return _ip_type(data, offset + 4) if bottom else _MPLS_TYPE, offset + 4
    if ethertype == _PPPOE_TYPE:
        return _PPP_TYPES.get((data[offset + 6] << 8) | data[offset + 7], 0), offset + 8
    return (data[offset + 2] << 8) | data[offset + 3], offset + 4


def _ip_type(data: bytes, offset: int) -> int:
    return {4: _IPV4_TYPE, 6: _IPV6_TYPE}.get(data[offset] >> 4, 0)


def _ipv4(data: bytes, offset: int) -> Packet | Unparsed:
    version, total, ident, fragment, proto, src, dst = _read_ipv4(data, offset)
    start = offset + (version & 0x0F) * 4
    # Segmentation offload leaves the total length at 0 in what the kernel hands over.
    end = offset + total if total else len(data)
    if version >> 4 != 4 or start < offset + 20 or end < start:
        return Unparsed.MALFORMED
    if fragment & 0x3FFF:
        place = Fragment(ident, (fragment & 0x1FFF) * 8, bool(fragment & 0x2000))
        return Packet(proto, src, 0, dst, 0, data[start:end], fragment=place)
    return _transport(data, start, end, proto, src, dst)


def _ipv6(data: bytes, offset: int) -> Packet | Unparsed:
    version, length, proto, src, dst = _read_ipv6(data, offset)
    if version >> 28 != 6:
        return Unparsed.MALFORMED
    start = offset + 40
    return _extensions(data, start, start + length if length else len(data), proto, src, dst)


def _extensions(data: bytes, start: int, end: int, proto: int, src: bytes, dst: bytes) -> Packet | Unparsed:
    """Walk the IPv6 extension headers that lie before the transport header."""
    while True:
        if proto in _EXTENSIONS:
            proto, length = data[start], (data[start + 1] + 1) * 8
        elif proto == _AUTHENTICATION:
            proto, length = data[start], (data[start + 1] + 2) * 4
        elif proto == _FRAGMENT:
            proto, place, ident = _read_fragment(data, start)
            length = 8
            if place & 0xFFF9:
                fragment = Fragment(ident, place & 0xFFF8, bool(place & 1))
                return Packet(proto, src, 0, dst, 0, data[start + 8 : end], fragment=fragment)
        else:
            return _transport(data, start, end, proto, src, dst)
        start += length
        if start > end:
            return Unparsed.MALFORMED


def _transport(data: bytes, start: int, end: int, proto: int, src: bytes, dst: bytes) -> Packet | Unparsed:
    """Read the transport header at ``start``; ``end`` is where the IP datagram ended on the wire."""
    if proto == TCP:
        sport, dport, seq, ack, size, flags = _read_tcp(data, start)
        body = start + (size >> 4) * 4
        if body < start + 20 or body > end:
            return Unparsed.MALFORMED
        missing = end - max(len(data), body) if end > len(data) else 0
        fields = (proto, src, sport, dst, dport, data[body:end], missing, flags, seq, ack, False, None)
        return _new(Packet, fields)
    if proto == UDP:
        sport, dport, length = _read_udp(data, start)
        body = start + 8
        if body > end or 0 < length < 8:
            return Unparsed.MALFORMED
        if length:
            end = min(end, start + length)
        return _new(Packet, (proto, src, sport, dst, dport, data[body:end], 0, 0, 0, 0, False, None))
    if proto in (ICMP, ICMP6):
        return _icmp(data, start, end, proto, src, dst)
    sport, dport = _read_ports(data, start) if proto == SCTP and start + 12 <= end else (0, 0)
    return Packet(proto, src, sport, dst, dport, data[start:end])


def _icmp(data: bytes, start: int, end: int, proto: int, src: bytes, dst: bytes) -> Packet | Unparsed:
    kind, code = data[start], data[start + 1]
    if start + 4 > end:
        return Unparsed.MALFORMED
    answer = _ICMP_PAIRS[proto].get(kind)
    dport = code if answer is None else answer
    return Packet(proto, src, kind, dst, dport, data[start + 8 : end], one_way=answer is None)
