"""Both doors let in programs of this host that hold the token, and no web page; what comes in is bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.edge import token
from engine.edge.access import Access
from engine.edge.http import LIMITS, HttpDoor
from engine.edge.limits import Limits
from engine.edge.mcp import McpDoor
from engine.edge.token import Token
from engine.edge.view import Door
from tests.engine.edge.door import FakeDoor, Open, body, head, opened, say, status

DOORS: dict[str, tuple[Callable[..., Door], str]] = {
    "http": (HttpDoor, "GET /incidents HTTP/1.1"),
    "mcp": (McpDoor, "POST /mcp HTTP/1.1"),
}
LOADED = b"planted-by-a-page"


@pytest.fixture(params=DOORS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Open, str]]:
    """An open door, and a request that needs the token."""
    kind, line = DOORS[request.param]
    async with opened(kind, FakeDoor(), tmp_path) as door:
        yield door, line


async def ask(place: tuple[Open, str], *headers: str, token: str | None = None) -> bytes:
    door, line = place
    told = door.token if token is None else token
    return await say(door.port, head(door.port, line, *headers, "Content-Length: 0", token=told))


async def test_who_holds_the_token_comes_in(place: tuple[Open, str]) -> None:
    assert status(await ask(place)) not in (401, 403, 0)


@pytest.mark.parametrize(
    "header",
    [
        "", "Authorization: Bearer", "Authorization: Bearer wrong", "Authorization: Basic {token}",
        "Authorization: {token}", "Authorization: Bearer {token}x", "Authorization: Bearer {token} x",
        "X-Token: {token}", "Cookie: token={token}", "Authorization: Bearer {token}\r\nAuthorization: Bearer {token}",
    ],
)  # fmt: skip
async def test_who_does_not_is_told_401_and_not_why(place: tuple[Open, str], header: str) -> None:
    given = [header.format(token=place[0].token)] if header else []
    reply = await ask(place, *given, token="")
    assert (status(reply), b"WWW-Authenticate: Bearer" in reply.title().replace(b"Www", b"WWW")) == (401, True)


async def test_a_rotated_token_is_void_and_the_new_one_counts_at_once(place: tuple[Open, str]) -> None:
    new = token.rotate(place[0].token_file)
    assert (status(await ask(place)), status(await ask(place, token=new)) not in (401, 403, 0)) == (401, True)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
async def test_the_names_of_this_host_are_served(place: tuple[Open, str], name: str) -> None:
    assert status(await ask(place, f"Host: {name}:{place[0].port}")) not in (401, 403, 0)


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost", "127.0.0.1:{port}.rebound.example", "",
        "127.0.0.1:{port}@rebound.example", "0.0.0.0:{port}", "[::]:{port}", "127.1:{port}", "localhost.:{port}",
        "2130706433:{port}", "planted-by-a-page",
    ],
)  # fmt: skip
async def test_a_name_that_somebody_pointed_here_is_refused_and_not_repeated(
    place: tuple[Open, str], host: str
) -> None:
    reply = await ask(place, f"Host: {host.format(port=place[0].port)}")
    assert (status(reply), LOADED in reply) == (403, False)


async def test_two_host_headers_are_refused(place: tuple[Open, str]) -> None:
    port = place[0].port
    assert status(await ask(place, f"Host: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}")) in (400, 403)


@pytest.mark.parametrize(
    "origin",
    [
        "null", "http://rebound.example", "http://127.0.0.1", "https://127.0.0.1:{port}", "http://127.0.0.1:1",
        "http://localhost:{port}", "file://", "http://127.0.0.1:{port}/", "", "planted-by-a-page",
        "http://127.0.0.1:{port}\r\nOrigin: http://rebound.example",
    ],
)  # fmt: skip
async def test_a_web_page_from_elsewhere_is_refused_though_it_knows_the_token(
    place: tuple[Open, str], origin: str
) -> None:
    reply = await ask(place, f"Origin: {origin.format(port=place[0].port)}")
    assert (status(reply), LOADED in reply) == (403, False)


async def test_the_same_origin_is_served(place: tuple[Open, str]) -> None:
    assert status(await ask(place, f"Origin: http://127.0.0.1:{place[0].port}")) not in (401, 403, 0)


@pytest.mark.parametrize("header", ["X-Forwarded-For: 198.51.100.1", "Forwarded: for=198.51.100.1;host=x"])
async def test_a_header_that_names_another_peer_changes_nothing(place: tuple[Open, str], header: str) -> None:
    assert status(await ask(place, header, token="")) == 401


async def test_only_peers_of_this_host_are_served(tmp_path: Path) -> None:
    access = Access(_never, 9999, Token(tmp_path / "token"), LIMITS)
    for peer in (("198.51.100.7", 5), ("::ffff:198.51.100.7", 5), None, ("", 0), ("localhost", 5)):
        sent: list[Any] = []
        scope = {"type": "http", "client": peer, "path": "/", "headers": [(b"host", b"127.0.0.1:9999")]}
        await access(scope, _nothing, _into(sent))
        assert sent[0]["status"] == 403


async def _never(*_: Any) -> None:
    raise AssertionError("came in")


async def _nothing() -> Any:
    raise AssertionError("was read")


def _into(sent: list[Any]) -> Callable[[Any], Any]:
    async def send(message: Any) -> None:
        sent.append(message)

    return send


async def test_a_body_too_large_is_refused_by_its_announced_length_and_by_what_comes(tmp_path: Path) -> None:
    async with opened(HttpDoor, FakeDoor(), tmp_path) as door:
        line = "POST /ask HTTP/1.1"
        waits = "Expect: 100-continue"
        announced = head(door.port, line, "Content-Length: 99999999999", waits, token=door.token)
        chunked = head(door.port, line, "Transfer-Encoding: chunked", token=door.token)
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        replies = [await say(door.port, announced), await say(door.port, chunked, *[chunk] * 40, b"0\r\n\r\n")]
    assert [status(reply) for reply in replies] == [413, 413]
    assert all("65536" in body(reply)["error"] for reply in replies)


async def test_a_body_of_just_the_allowed_size_comes_in(tmp_path: Path) -> None:
    content = json.dumps({"question": "q"}).encode().ljust(LIMITS.body_bytes)
    async with opened(HttpDoor, FakeDoor(), tmp_path) as door:
        told = head(door.port, "POST /ask HTTP/1.1", f"Content-Length: {len(content)}", token=door.token)
        assert status(await say(door.port, told + content)) == 200


async def test_a_body_that_does_not_come_is_told_408(tmp_path: Path) -> None:
    def kind(port: int, file: Path, told: Callable[[str], None]) -> HttpDoor:
        return HttpDoor(port, file, told, Limits(1024, body_s=0.05))

    async with opened(kind, FakeDoor(), tmp_path) as door:
        told = head(door.port, "POST /ask HTTP/1.1", "Content-Length: 100", token=door.token)
        assert status(await say(door.port, told + b"{")) == 408


async def test_a_body_is_not_read_before_the_token_is_seen(tmp_path: Path) -> None:
    async with opened(HttpDoor, FakeDoor(), tmp_path) as door:
        told = head(door.port, "POST /ask HTTP/1.1", "Content-Length: 100")
        assert status(await say(door.port, told)) == 401


async def test_a_stream_ends_with_the_token_it_was_opened_with(tmp_path: Path) -> None:
    engine = FakeDoor()
    async with opened(HttpDoor, engine, tmp_path) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(head(door.port, "GET /events HTTP/1.1", token=door.token))
        assert b": beat" in await reader.readuntil(b"beat\n\n")
        token.rotate(door.token_file)
        engine.queues[0].put_nowait((await engine.incidents())[0])
        rest = await reader.read()
        writer.close()
    assert b"incident" not in rest
