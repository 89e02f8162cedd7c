from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.host import addresses


def test_name_servers_are_read_and_comments_are_not() -> None:
    content = b"# nameserver 192.0.2.9\nnameserver 192.0.2.53\nsearch x\n nameserver fe80::1%eth0\nnameserver\n"
    assert addresses.parse_resolv(content) == ["192.0.2.53", "fe80::1%eth0"]


def test_this_host_knows_its_loopback_and_the_operator_of_the_environment() -> None:
    found = addresses.host_addresses({"SSH_CONNECTION": "::ffff:203.0.113.5 1 192.0.2.1 22"})
    assert "127.0.0.1" in found.own
    assert "203.0.113.5" in found.operators


@given(st.binary(max_size=300))
def test_no_garbage_makes_the_resolvers_parser_raise(content: bytes) -> None:
    addresses.parse_resolv(content)
