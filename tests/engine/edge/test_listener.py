"""Connections: bounded in number and time, and all of them closed with the door."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.edge import listener
from engine.edge.http import HttpDoor
from engine.edge.limits import Limits
from engine.edge.mcp import McpDoor
from engine.types import Fault
from tests.engine.edge.door import FakeDoor, Open, head, opened, say, status, until

Kind = Callable[[int, Path, Callable[[str], None]], HttpDoor]


def within(limits: Limits) -> Kind:
    """Return what makes a door with these limits."""
    return lambda port, file, told: HttpDoor(port, file, told, limits)


@pytest.mark.parametrize("kind", [HttpDoor, McpDoor])
async def test_a_taken_port_is_said_with_its_address(kind: type[HttpDoor | McpDoor], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: Address already in use"):
            await kind(port, tmp_path / "token").serve(FakeDoor())


async def test_a_door_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    with listener.bound(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


async def test_one_connection_too_many_is_told_429_and_room_comes_back(tmp_path: Path) -> None:
    async with opened(within(Limits(1024, connections=2)), FakeDoor(), tmp_path) as door:
        held = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(2)]
        asked = head(door.port, "GET /health HTTP/1.1")
        refused = await say(door.port, asked)
        for reader, writer in held:
            writer.write(asked)
            assert status(await reader.read()) == 200
            writer.close()
        assert (status(refused), b"Retry-After" in refused) == (429, True)
        assert status(await say(door.port, asked)) == 200


@pytest.mark.parametrize("sent", [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
async def test_a_head_that_does_not_come_closes_the_connection(tmp_path: Path, sent: bytes) -> None:
    async with opened(within(Limits(1024, head_s=0.05)), FakeDoor(), tmp_path) as door:
        assert await say(door.port, sent) == b""


async def test_a_second_head_on_the_same_connection_has_its_time_too(tmp_path: Path) -> None:
    async with opened(within(Limits(1024, head_s=0.05)), FakeDoor(), tmp_path) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(head(door.port, "GET /health HTTP/1.1", "Connection: keep-alive"))
        assert status(await reader.readuntil(b"}")) == 200
        writer.write(b"GET /hea")
        async with asyncio.timeout(4):
            assert await reader.read() == b""
        writer.close()


async def test_a_peer_that_does_not_read_is_dropped(tmp_path: Path) -> None:
    engine = FakeDoor()
    async with opened(within(Limits(1024, stall_s=0.05)), engine, tmp_path) as door:
        with socket.create_connection(("127.0.0.1", door.port)) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            asked = head(door.port, "GET /events HTTP/1.1", token=door.token)
            await asyncio.get_running_loop().sock_sendall(deaf, asked)
            await until(lambda: bool(engine.queues))
            queue = engine.queues[0]
            async with asyncio.timeout(20):
                while engine.queues:
                    if not queue.full():
                        queue.put_nowait(Fault("x" * 10_000, "", "", 0.0))
                    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 5000, b"\x00" * 20_000,
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", b"GET http://[::1/ HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffffff\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)  # fmt: skip
async def test_a_hostile_head_is_answered_or_dropped_and_the_door_serves_on(tmp_path: Path, sent: bytes) -> None:
    async with opened(HttpDoor, FakeDoor(), tmp_path) as door:
        reply = await say(door.port, sent, end=True)
        assert status(reply) in (0, 400, 403)
        assert status(await say(door.port, head(door.port, "GET /health HTTP/1.1"))) == 200


async def test_a_door_that_is_closed_takes_its_streams_and_requests_with_it(tmp_path: Path) -> None:
    engine = FakeDoor()
    engine.hold.clear()
    async with opened(HttpDoor, engine, tmp_path) as door:
        stream, question = await _begin(door)
    assert engine.queues == []
    for reader, writer in (stream, question):
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", door.port)


async def _begin(door: Open) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a stream of events, and have an event analysed."""
    stream = await asyncio.open_connection("127.0.0.1", door.port)
    stream[1].write(head(door.port, "GET /events HTTP/1.1", token=door.token))
    await stream[0].readuntil(b"beat\n\n")
    content = b'{"query": "2023-10-09T11:23:00Z 203.0.113.9:1 192.0.2.1:2 name"}'
    question = await asyncio.open_connection("127.0.0.1", door.port)
    told = head(door.port, "POST /chat/analysis HTTP/1.1", f"Content-Length: {len(content)}", token=door.token)
    question[1].write(told + content)
    await until(lambda: bool(door.engine.waiting))
    return [stream, question]


async def test_of_many_too_many_only_some_are_told_why_and_none_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "FAREWELLS", 2)
    async with opened(within(Limits(1024, connections=1)), FakeDoor(), tmp_path) as door:
        _, held = await asyncio.open_connection("127.0.0.1", door.port)
        others = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(5)]
        said = await asyncio.gather(*(reader.read() for reader, _ in others), return_exceptions=True)
        assert (
            sorted(isinstance(one, bytes) and one.startswith(b"HTTP/1.1 429") for one in said)
            == [False] * 3 + [True] * 2
        )
        for _, writer in [*others, (None, held)]:
            writer.close()


async def test_a_door_has_the_descriptors_it_may_need(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        async with opened(HttpDoor, FakeDoor(), tmp_path):
            now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert now == (listener.DESCRIPTORS if hard == resource.RLIM_INFINITY else min(listener.DESCRIPTORS, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
