from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host import addresses


def attribute(kind: int, content: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(content), kind) + content + bytes(-len(content) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body + bytes(-len(body) % 4)


def ip(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def test_the_local_address_of_a_point_to_point_link_is_ours_and_not_the_peer() -> None:
    body = bytes([socket.AF_INET, 32, 0, 0, 2, 0, 0, 0])
    attributes = attribute(addresses.IFA_ADDRESS, ip("10.0.0.1")) + attribute(addresses.IFA_LOCAL, ip("10.0.0.2"))
    assert addresses.parse_addresses(message(addresses.RTM_NEWADDR, body + attributes)) == ["10.0.0.2"]


def test_gateways_are_read_from_single_and_multipath_routes() -> None:
    head = bytes([socket.AF_INET, 0, 0, 0, 254, 4, 0, addresses.RTN_UNICAST, 0, 0, 0, 0])
    hop = attribute(addresses.RTA_GATEWAY, ip("192.0.2.7"))
    hops = struct.pack("=HBBi", 8 + len(hop), 0, 0, 2) + hop
    single = message(addresses.RTM_NEWROUTE, head + attribute(addresses.RTA_GATEWAY, ip("192.0.2.1")))
    multi = message(addresses.RTM_NEWROUTE, head + attribute(addresses.RTA_MULTIPATH, hops + hops))
    found = [gateway for route in addresses.parse_routes(single + multi) for gateway in route.gateways]
    assert found == ["192.0.2.1", "192.0.2.7", "192.0.2.7"]


def test_a_route_without_a_gateway_is_a_connected_prefix() -> None:
    head = bytes([socket.AF_INET6, 64, 0, 0, 254, 2, 0, addresses.RTN_UNICAST, 0, 0, 0, 0])
    route = message(addresses.RTM_NEWROUTE, head + attribute(addresses.RTA_DST, ip("2001:db8:1::")))
    assert addresses.parse_routes(route) == [addresses.Route("2001:db8:1::/64", ())]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("203.0.113.9", "203.0.113.9"),
        ("router.local", None),
        ("", None),
    ],
)
def test_an_address_has_one_spelling(text: str, canonical: str | None) -> None:
    assert addresses.canonical_ip(text) == canonical


def test_name_servers_are_read_and_comments_are_not() -> None:
    content = b"# nameserver 192.0.2.9\nnameserver 192.0.2.53\nsearch x\n nameserver fe80::1%eth0\nnameserver\n"
    assert addresses.parse_resolv(content) == ["192.0.2.53", "fe80::1%eth0"]


def test_this_host_knows_its_loopback_and_the_operator_of_the_environment() -> None:
    found = addresses.host_addresses({"SSH_CONNECTION": "::ffff:203.0.113.5 1 192.0.2.1 22"})
    assert "127.0.0.1" in found.own
    assert "203.0.113.5" in found.operators


@given(st.binary(max_size=300))
def test_no_parser_raises_on_garbage(content: bytes) -> None:
    addresses.parse_addresses(content)
    addresses.parse_routes(content)
    addresses.parse_resolv(content)
    addresses.parse_addresses(message(addresses.RTM_NEWADDR, content))
    addresses.parse_routes(message(addresses.RTM_NEWROUTE, content))
    addresses.parse_routes(message(addresses.RTM_NEWROUTE, bytes(7) + b"\x01" + content))


@given(st.text(max_size=60))
def test_no_text_makes_canonical_ip_raise(text: str) -> None:
    addresses.canonical_ip(text)
