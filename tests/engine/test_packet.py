"""Tests of header parsing."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.packet import Fragment, Packet, Unparsed, parse, parse_datagram
from tests.factories import ACK, ATTACKER, SERVER, ethernet, ipv4, ipv6, tcp, udp

SEGMENT = tcp(40000, 80, seq=5, ack=6, payload=b"hello")
V4, V6 = ipv4(SEGMENT), ipv6(SEGMENT)


def parsed(data: bytes, linktype: int = 1) -> Packet:
    packet = parse(data, linktype)
    assert isinstance(packet, Packet), packet
    return packet


@pytest.mark.parametrize(
    ("data", "linktype"),
    [
        (ethernet(V4), 1),
        (ethernet(b"\x00\x05\x08\x00" + V4, 0x8100), 1),
        (ethernet(b"\x00\x05\x81\x00\x00\x06\x08\x00" + V4, 0x88A8), 1),
        (ethernet(b"\x00\x05\x81\x00\x00\x06\x81\x00\x00\x07\x08\x00" + V4, 0x9100), 1),
        (ethernet(b"\x11\x00\x3d\x6d" + struct.pack(">HH", len(V4) + 2, 0x21) + V4, 0x8864), 1),
        (ethernet(b"\x00\x01\x20\xff\x00\x01\x01\xff" + V4, 0x8847), 1),
        (b"\x00\x00\x00\x01\x00\x06" + bytes(8) + b"\x08\x00" + V4, 113),
        (b"\x08\x00" + bytes(18) + V4, 276),
        (b"\x02\x00\x00\x00" + V4, 0),
        (b"\x00\x00\x00\x02" + V4, 0),
        (b"\x00\x00\x00\x02" + V4, 108),
        (b"\x0f\x00\x08\x00" + V4, 104),
        (V4, 101),
        (V4, 12),
        (V4, 228),
    ],
    ids=[
        "ethernet",
        "vlan",
        "qinq",
        "triple-tag",
        "pppoe",
        "mpls",
        "sll",
        "sll2",
        "null",
        "null-swapped",
        "loop",
        "hdlc",
        "raw",
        "raw-bsd",
        "ipv4",
    ],
)
def test_every_link_layer_leads_to_the_same_packet(data: bytes, linktype: int) -> None:
    packet = parsed(data, linktype)
    assert packet == parsed(V4, 101)
    assert (packet.sport, packet.dport, packet.seq, packet.ack, packet.flags) == (40000, 80, 5, 6, ACK)
    assert (packet.src, packet.dst) == (socket.inet_aton(ATTACKER), socket.inet_aton(SERVER))


@pytest.mark.parametrize(
    ("data", "linktype"),
    [
        (ethernet(V6, 0x86DD), 1),
        (b"\x1c\x00\x00\x00" + V6, 0),
        (b"\x00\x00\x00\x1e" + V6, 0),
        (V6, 101),
        (V6, 229),
        (b"\x86\xdd" + bytes(18) + V6, 276),
    ],
    ids=["ethernet", "null-netbsd", "null-macos-swapped", "raw", "ipv6", "sll2"],
)
def test_ipv6_is_read_behind_every_link_layer(data: bytes, linktype: int) -> None:
    packet = parsed(data, linktype)
    assert (packet.src, packet.payload) == (socket.inet_pton(socket.AF_INET6, "2001:db8::9"), b"hello")


def test_ethernet_padding_is_not_payload() -> None:
    data = ethernet(ipv4(tcp(1, 2)))
    assert len(data) == 60
    assert parsed(data).payload == b""


def test_udp_payload_ends_where_the_datagram_says() -> None:
    assert parsed(ethernet(ipv4(udp(1, 2, b"ab") + b"trailer", 17))).payload == b"ab"


def test_ipv4_options_are_skipped() -> None:
    assert parsed(ethernet(ipv4(SEGMENT, options=b"\x94\x04\x00\x00"))).payload == b"hello"


def test_tcp_options_are_not_payload() -> None:
    segment = bytearray(tcp(1, 2, payload=b"\x01\x01\x01\x01data"))
    segment[12] = 0x60
    assert parsed(ethernet(ipv4(bytes(segment)))).payload == b"data"


@pytest.mark.parametrize(
    ("first", "headers"),
    [
        (0, b"\x06\x00" + bytes(6)),
        (60, b"\x06\x01" + bytes(14)),
        (43, b"\x33\x00" + bytes(6) + b"\x06\x04" + bytes(22)),
        (44, b"\x06\x00\x00\x00" + bytes(4)),
    ],
    ids=["hop-by-hop", "destination", "routing then authentication", "atomic fragment"],
)
def test_ipv6_extension_headers_are_walked(first: int, headers: bytes) -> None:
    assert parsed(ethernet(ipv6(headers + SEGMENT, first), 0x86DD)).payload == b"hello"


def test_a_total_length_of_zero_means_the_whole_frame() -> None:
    packet = bytearray(ipv4(tcp(1, 2, payload=b"x" * 3000)))
    packet[2:4] = b"\0\0"
    assert len(parsed(ethernet(bytes(packet))).payload) == 3000


def test_bytes_that_were_not_captured_are_counted_as_missing() -> None:
    packet = parsed(ethernet(ipv4(tcp(1, 2, payload=b"x" * 1000)))[:154])
    assert (len(packet.payload), packet.missing) == (100, 900)


def test_fragments_carry_their_place_and_no_ports() -> None:
    later = parsed(ethernet(ipv4(b"z" * 64, place=0x2000 | 3)))
    assert later.fragment == Fragment(7, 24, True)
    assert (later.sport, later.dport, later.payload) == (0, 0, b"z" * 64)


def test_ipv6_fragments_carry_their_place() -> None:
    packet = parsed(ethernet(ipv6(b"\x11\x00\x00\x19\x00\x00\x00\x2a" + b"z" * 64, 44), 0x86DD))
    assert packet.fragment == Fragment(42, 24, True)
    assert (packet.proto, packet.payload) == (17, b"z" * 64)


@pytest.mark.parametrize(
    ("proto", "kind", "code", "ports", "one_way"),
    [
        (1, 8, 0, (8, 0), False),
        (1, 0, 0, (0, 8), False),
        (1, 3, 3, (3, 3), True),
        (58, 135, 0, (135, 136), False),
    ],
    ids=["echo", "echo reply", "port unreachable", "neighbour solicitation"],
)
def test_icmp_types_stand_in_for_ports(proto: int, kind: int, code: int, ports: tuple[int, int], one_way: bool) -> None:
    packet = parsed(ethernet(ipv4(bytes((kind, code)) + bytes(6) + b"ping", proto)))
    assert ((packet.sport, packet.dport), packet.one_way, packet.payload) == (ports, one_way, b"ping")


def test_other_protocols_have_a_payload_and_no_ports() -> None:
    packet = parsed(ethernet(ipv4(b"tunnel", 47)))
    assert (packet.proto, packet.sport, packet.payload) == (47, 0, b"tunnel")


@pytest.mark.parametrize(
    ("data", "linktype"),
    [
        (ethernet(b"\x00\x01\x08\x00", 0x0806), 1),
        (ethernet(b"\x00\x05\x08\x06" + bytes(28), 0x8100), 1),
        (V4, 127),
        (b"\x05\x00\x00\x00" + V4, 0),
    ],
    ids=["arp", "arp in a vlan", "link type not read", "another family"],
)
def test_what_is_not_ip_is_filtered(data: bytes, linktype: int) -> None:
    assert parse(data, linktype) is Unparsed.FILTERED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ethernet(V4)[:30],
        ethernet(b"\x65" + V4[1:]),
        ethernet(b"\x44" + V4[1:]),
        ethernet(V4[:2] + b"\x00\x13" + V4[4:]),
        ethernet(ipv4(SEGMENT[:19])),
        ethernet(ipv4(SEGMENT[:12] + b"\x40" + SEGMENT[13:])),
        ethernet(ipv4(SEGMENT[:12] + b"\xf0" + SEGMENT[13:])),
        ethernet(ipv4(udp(1, 2)[:7], 17)),
        ethernet(ipv4(b"\0\1\0\2\0\7\0\0", 17)),
        ethernet(ipv4(b"\x08", 1)),
        ethernet(b"\x45" + V6[1:], 0x86DD),
        ethernet(ipv6(b"\x06\xff" + bytes(6), 0), 0x86DD),
    ],
    ids=[
        "empty",
        "cut",
        "version",
        "ihl",
        "total",
        "tcp-short",
        "data-offset-low",
        "data-offset-high",
        "udp-short",
        "udp-length",
        "icmp-short",
        "v6-version",
        "v6-extension",
    ],
)
def test_contradictory_headers_are_malformed(data: bytes) -> None:
    assert parse(data, 1) is Unparsed.MALFORMED


@given(st.binary(max_size=200), st.sampled_from([0, 1, 12, 101, 104, 108, 113, 147, 228, 229, 276]))
@example(b"\x02" * 12 + b"\x81\x00" * 50, 1)
def test_no_bytes_make_the_parser_raise(data: bytes, linktype: int) -> None:
    assert isinstance(parse(data, linktype), Packet | Unparsed)


@given(st.integers(0, 120), st.binary(max_size=6), st.booleans())
def test_no_damage_to_a_good_frame_makes_the_parser_raise(at: int, damage: bytes, six: bool) -> None:
    good = ethernet(ipv6(b"\x06\x00" + bytes(6) + SEGMENT, 0), 0x86DD) if six else ethernet(V4)
    packet = parse(good[:at] + damage + good[at + len(damage) :], 1)
    if isinstance(packet, Packet):
        assert isinstance(parse_datagram(packet, packet.payload), Packet | Unparsed)
