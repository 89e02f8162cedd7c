from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host import sockets
from engine.types import Finding, FiveTuple

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp6").exists(), reason="needs /proc/net of a kernel with IPv6")


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["v4", "v6"])
def connection(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    family, address = request.param
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()[:2]) as client:
            server, _ = listener.accept()
            with server:
                yield client, server


def tcp(client: socket.socket) -> FiveTuple:
    return five_tuple(client.getsockname(), client.getpeername(), "tcp")


def five_tuple(source: tuple[Any, ...], destination: tuple[Any, ...], proto: str) -> FiveTuple:
    return FiveTuple(source[0], source[1], destination[0], destination[1], proto)


def test_the_owner_of_a_loopback_connection_is_found(connection: tuple[socket.socket, socket.socket]) -> None:
    owner = sockets.find_owner(tcp(connection[0]))
    assert (owner.finding, owner.pid, owner.detail) == (Finding.FOUND, os.getpid(), "")


def test_a_connection_that_is_gone_is_answered_with_the_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        owner = sockets.find_owner(FiveTuple("203.0.113.5", 4444, "127.0.0.1", port, "tcp"))
    assert (owner.finding, owner.pid, owner.detail) == (Finding.FOUND, os.getpid(), "listener")


def test_a_connection_nobody_knows_is_gone_and_not_more() -> None:
    owner = sockets.find_owner(FiveTuple("203.0.113.5", 4444, "192.0.2.1", 1, "tcp"))
    assert (owner.finding, owner.pid) == (Finding.GONE, 0)


def test_an_ipv4_peer_of_an_ipv6_socket_is_found_by_its_ipv4_address() -> None:
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener,
        socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as client,
    ):
        server, _ = listener.accept()
        client_side = sockets.find_owner(tcp(client))
        server.close()
    assert (client_side.finding, client_side.pid) == (Finding.FOUND, os.getpid())


def test_an_unconnected_udp_socket_is_found_by_its_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 0))
        owner = sockets.find_owner(FiveTuple("203.0.113.5", 53, "192.0.2.1", server.getsockname()[1], "udp"))
    assert (owner.finding, owner.pid, owner.detail) == (Finding.FOUND, os.getpid(), "listener")


def test_a_connected_udp_socket_is_found_from_either_end() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", 9))
        source = client.getsockname()
        owners = [
            sockets.find_owner(five_tuple(source, ("127.0.0.1", 9), "udp")),
            sockets.find_owner(five_tuple(("127.0.0.1", 9), source, "udp")),
        ]
    assert [(owner.pid, owner.detail) for owner in owners] == [(os.getpid(), "")] * 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_another_users_socket_is_not_permitted_and_not_gone(connection: tuple[socket.socket, socket.socket]) -> None:
    code = "import os; os.setuid(65534); from engine.host import sockets; from engine.types import FiveTuple;"
    code += f"print(sockets.find_owner({tcp(connection[0])!r}).finding)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "not_permitted"


def test_another_protocol_has_no_socket() -> None:
    assert sockets.find_owner(FiveTuple("192.0.2.1", 0, "192.0.2.2", 0, "icmp")).finding is Finding.GONE


def test_the_sockets_of_this_process_hold_its_connection(connection: tuple[socket.socket, socket.socket]) -> None:
    port = connection[0].getsockname()[1]
    assert any(f":{port} -> " in line for line in sockets.sockets_of(os.getpid(), limit=4096))


@pytest.mark.parametrize(
    ("content", "end"),
    [
        pytest.param(b"0100007F:1F90", ("127.0.0.1", 8080), id="v4"),
        pytest.param(b"0000000000000000FFFF00000100007F:0016", ("127.0.0.1", 22), id="v4 mapped"),
        pytest.param(b"B80D0120000000000000000001000000:0050", ("2001:db8::1", 80), id="v6"),
        pytest.param(b"0100007F", None, id="no port"),
        pytest.param(b"zz:0016", None, id="not hex"),
        pytest.param(b"00:0016", None, id="short"),
    ],
)
def test_an_end_is_read_in_host_order(content: bytes, end: tuple[str, int] | None) -> None:
    assert sockets.parse_end(content) == end


@given(st.binary(max_size=400))
def test_no_parser_raises_on_garbage(content: bytes) -> None:
    list(sockets.parse_table("tcp", content))
    list(sockets.parse_table("udp", b"  0: 0100007F:1F90 " + content, ports=(8080,)))
    sockets.parse_end(content)
