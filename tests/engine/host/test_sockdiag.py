"""Tests of what the kernel tells of TCP sockets when it is asked for a few ports."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.host import netlink, sockdiag, sockets
from engine.host.sockets import TCP_ESTABLISHED, TCP_LISTEN

STATES = st.sets(st.sampled_from([TCP_ESTABLISHED, TCP_LISTEN]), min_size=1)


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    """Four ports of this host with a listener and two connections each, of both families and of IPv4 on IPv6."""
    with ExitStack() as opened:
        found = []
        for family, address, near in (
            (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
            (socket.AF_INET6, "::1", "::1"),
            (socket.AF_INET6, "::", "127.0.0.1"),
            (socket.AF_INET, "127.0.0.2", "127.0.0.2"),
        ):
            listener = socket.create_server((address, 0), family=family, dualstack_ipv6=address == "::")
            found.append(opened.enter_context(listener).getsockname()[1])
            for _ in range(2):
                opened.enter_context(socket.create_connection((near, found[-1])))
                opened.enter_context(listener.accept()[0])
        yield found


@given(data=st.data(), states=STATES)
@settings(max_examples=60, deadline=None)
def test_the_kernel_names_the_sockets_of_these_ports_that_its_tables_list(
    ports: list[int], data: st.DataObject, states: set[int]
) -> None:
    asked = data.draw(st.lists(st.sampled_from([*ports, 1, 65535]), min_size=1, unique=True))
    listed = [sock for sock in sockets.read_table("tcp", ports=tuple(asked)) if sock.state in states]
    told = [sock for family in sockdiag._FAMILIES for sock in sockdiag.parse(sockdiag._dump(family, states, asked)[0])]
    assert sorted(told) == sorted(sockdiag.tcp(states, asked)) == sorted(listed)
    each = (TCP_LISTEN in states) + 2 * (TCP_ESTABLISHED in states)
    assert len(listed) >= each * len(set(asked) & set(ports))


def test_without_ports_every_listener_is_named(ports: list[int]) -> None:
    assert set(ports) <= {sock.local_port for sock in sockdiag.tcp({TCP_LISTEN})}


def test_ports_that_are_none_name_no_socket_and_not_every_one() -> None:
    assert sockdiag.tcp({TCP_LISTEN}, (0, 70000)) == []


def test_a_kernel_that_cannot_be_asked_is_read_in_proc(ports: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise OSError("netlink answered [2]")

    asked = sockdiag.tcp({TCP_ESTABLISHED}, ports)
    monkeypatch.setattr(netlink, "dump", refuses)
    assert sorted(sockdiag.tcp({TCP_ESTABLISHED}, ports)) == sorted(asked)


def test_more_connections_than_can_be_read_are_an_error_and_not_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "dump", lambda *_: (b"", False))
    with pytest.raises(OSError, match="more than 262144"):
        sockdiag.tcp({TCP_ESTABLISHED}, (22,))


@given(st.binary(max_size=200))
def test_no_dump_makes_the_parser_raise(content: bytes) -> None:
    size, kind = (16 + len(content)).to_bytes(4, sys.byteorder), sockdiag.SOCK_DIAG_BY_FAMILY
    list(sockdiag.parse(content))
    list(sockdiag.parse(size + kind.to_bytes(4, sys.byteorder) + bytes(8) + content))
