"""What waits for connections on this host, and who holds it."""

from __future__ import annotations

import os
import socket

from engine.host.services import MOST, owners_of, services
from engine.types import Finding, Service


def entry(port: int, proto: str) -> list[Service]:
    return [one for one in services().entries if (one.port, one.proto) == (port, proto)]


def test_a_listening_socket_is_told_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (found,) = entry(server.getsockname()[1], "tcp")
    assert (found.ip, found.pid) == ("127.0.0.1", os.getpid())
    assert found.comm != ""


def test_an_ipv6_socket_is_told() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        (found,) = entry(server.getsockname()[1], "tcp")
    assert found.ip == "::1"


def test_a_datagram_socket_is_told_until_it_is_connected() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waiting:
        waiting.bind(("127.0.0.1", 0))
        port = waiting.getsockname()[1]
        assert [one.pid for one in entry(port, "udp")] == [os.getpid()]
        waiting.connect(("127.0.0.1", 9))
        assert entry(port, "udp") == []


def test_a_connection_is_no_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert entry(client.getsockname()[1], "tcp") == []


def test_many_services_are_bounded_and_it_is_said() -> None:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(MOST + 3)]
    found = services()
    for server in servers:
        server.close()
    assert (found.finding, len(found.entries)) == (Finding.FOUND, MOST)
    assert "more are not told" in found.detail


def test_the_search_for_owners_ends_when_its_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        inode = os.fstat(server.fileno()).st_ino
        assert owners_of([inode]) == {inode: os.getpid()}
        assert owners_of([inode], look_s=0.0) == {}


def test_a_socket_that_nobody_holds_has_no_owner() -> None:
    assert owners_of([0, 1 << 62]) == {}
