"""The MCP door: the SDK's own client over both transports, and captured text that never leaves its fence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from engine import paths
from engine.edge.mcp import McpDoor
from tests.engine.edge.door import INCIDENT, LINE, FakeDoor, Open, body, head, opened, say, status

SERVER = StdioServerParameters(command=sys.executable, args=["-m", "tests.engine.edge.stdio_server"], cwd=paths.ROOT)
ABOUT = {"incident_id": INCIDENT}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_incidents", {}),
    ("show_incident", ABOUT),
    ("triage_event", {"line": LINE}),
    ("search_knowledge", {"query": "web shell"}),
    ("ask", {"question": "what happened?", **ABOUT}),
    ("block_malicious_ip", ABOUT),
    ("flow_payload", {**ABOUT, "flow_id": "1:x"}),
]
FENCED = re.compile(r"<<<untrusted ([0-9a-f]{12,16}) [^\n]*\n(.*?)\n<<<end \1", re.DOTALL)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Open]:
    """An open door with a fake engine behind it."""
    async with opened(McpDoor, FakeDoor(), tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def over_http(door: Open) -> AsyncIterator[Client]:
    """The SDK's client over a real socket."""
    async with (
        httpx2.AsyncClient(headers=door.headers) as http,
        Client(streamable_http_client(door.url, http_client=http)) as client,
    ):
        yield client


@contextlib.asynccontextmanager
async def over(transport: str, folder: Path) -> AsyncIterator[Client]:
    """The SDK's client over one of the transports."""
    if transport == "stdio":
        async with Client(stdio_client(SERVER)) as client:
            yield client
        return
    async with opened(McpDoor, FakeDoor(), folder) as door, over_http(door) as client:
        yield client


@pytest.mark.parametrize("transport", ["http", "stdio"])
async def test_a_client_lists_calls_and_reads(transport: str, tmp_path: Path) -> None:
    async with over(transport, tmp_path) as client:
        assert client.server_info is None or client.server_info.name == "aegis"
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {name for name, _ in CALLS}
        for name, arguments in CALLS:
            told = await client.call_tool(name, arguments)
            assert (told.is_error, isinstance(told.structured_content, dict)) == (False, True), told
        uris = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert uris == ["aegis://incidents", f"aegis://incidents/{INCIDENT}", f"aegis://incidents/{INCIDENT}/report"]
        for uri in uris:
            assert (await client.read_resource(uri)).contents
        assert len((await client.list_resource_templates()).resource_templates) == 2


@pytest.mark.parametrize("transport", ["http", "stdio"])
async def test_initialize_and_ping_work_as_the_older_protocol_has_them(transport: str, tmp_path: Path) -> None:
    first = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    asked = [call("initialize", first, 1), call("ping", {}, 2)]
    if transport == "stdio":
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        replies = await raw_stdio([asked[0], json.dumps(note).encode(), asked[1]])
    else:
        async with opened(McpDoor, FakeDoor(), tmp_path) as door:
            replies = [body(await post(door, one)) for one in asked]
    told = {reply["id"]: reply["result"] for reply in replies}
    assert (told[1]["serverInfo"]["name"], "tools" in told[1]["capabilities"], told[2]) == ("aegis", True, {})


def call(method: str, parameters: Any, number: Any = 1) -> bytes:
    """Return a request."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}).encode()


async def post(door: Open, content: bytes, *headers: str) -> bytes:
    """Send bytes as a request of the protocol, and return the whole reply."""
    usual = ("Content-Type: application/json", "Accept: application/json, text/event-stream")
    length = f"Content-Length: {len(content)}"
    return await say(
        door.port, head(door.port, "POST /mcp HTTP/1.1", *usual, length, *headers, token=door.token) + content
    )


async def raw_stdio(lines: list[bytes]) -> list[Any]:
    """Send lines to a server of its own, then a ping; return what it says up to the answer, and see it end."""

    def talk() -> tuple[int, list[bytes], bytes]:
        command = [sys.executable, "-m", "tests.engine.edge.stdio_server"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=paths.ROOT) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            assert server.stderr is not None
            server.stdin.write(b"\n".join([*lines, call("ping", {}, "last")]) + b"\n")
            server.stdin.flush()
            said = [server.stdout.readline()]
            while said[-1] and b'"last"' not in said[-1]:
                said.append(server.stdout.readline())
            server.stdin.close()
            return server.wait(30), [*said, *server.stdout.readlines()], server.stderr.read()

    code, said, errors = await asyncio.to_thread(talk)
    assert (code, b"Traceback" in errors) == (0, False), errors
    return [json.loads(line) for line in said]


def outside(value: Any) -> str:
    """Return every text of an answer without what is in a fence."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            decoded = json.loads(value)
            if isinstance(decoded, dict | list):
                return outside(decoded)
        return FENCED.sub(" ", value)
    if isinstance(value, dict):
        return " ".join(outside(one) for pair in value.items() for one in pair)
    return " ".join(map(outside, value)) if isinstance(value, list | tuple) else str(value)


async def test_captured_text_stands_in_a_fence_and_nowhere_else(door: Open) -> None:
    async with over_http(door) as client:
        told = [await client.call_tool(name, arguments) for name, arguments in CALLS]
        uris = ["aegis://incidents", f"aegis://incidents/{INCIDENT}", f"aegis://incidents/{INCIDENT}/report"]
        read = [await client.read_resource(uri) for uri in uris]
        listed = await client.list_resources()
    answers = [one.model_dump(mode="json") for one in (*told, *read, listed)]
    assert sum("PLANTED" in json.dumps(answer) for answer in answers) >= 5
    for answer in answers:
        assert "PLANTED" not in outside(answer)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", everything(answer))


def everything(value: Any) -> str:
    """Return every text of an answer."""
    if isinstance(value, dict):
        return " ".join(everything(one) for pair in value.items() for one in pair)
    return " ".join(map(everything, value)) if isinstance(value, list) else str(value)


async def test_a_fence_has_another_nonce_in_each_answer(door: Open) -> None:
    async with over_http(door) as client:
        told = [(await client.call_tool("show_incident", ABOUT)).structured_content for _ in range(5)]
    nonces = {FENCED.search(one["captured"])[1] for one in told}  # type: ignore[index]
    assert len(nonces) == 5


async def test_block_malicious_ip_only_asks_a_person_and_says_so(door: Open) -> None:
    async with over_http(door) as client:
        tool = next(tool for tool in (await client.list_tools()).tools if tool.name == "block_malicious_ip")
        told = (await client.call_tool("block_malicious_ip", ABOUT)).structured_content
    assert list(tool.input_schema["properties"]) == ["incident_id"]
    assert (told["state"], "nothing is blocked" in told["note"]) == ("pending", True)
    assert door.engine.asked == [("propose_block", INCIDENT)]


@pytest.mark.parametrize(
    "more",
    [
        {"target": "192.0.2.1"}, {"prefix": "0.0.0.0/0"}, {"ttl": 0}, {"ttl_s": 0}, {"ip": "192.0.2.1"},
        {"approve": True}, {"typed": "203.0.113.9"}, {"incident_id": ["INC-01234567"]},
    ],
)  # fmt: skip
async def test_no_argument_names_a_target_a_term_or_an_approval(door: Open, more: dict[str, Any]) -> None:
    async with over_http(door) as client:
        told = await client.call_tool("block_malicious_ip", ABOUT | more)
    assert (told.is_error, door.engine.asked) == (True, [])


async def test_what_the_guard_refuses_is_told_as_an_answer(door: Open) -> None:
    door.engine.refuses_with = "203.0.113.9 is the address you are connected from"
    async with over_http(door) as client:
        told = await client.call_tool("block_malicious_ip", ABOUT)
    assert (told.is_error, "connected from" in str(told.content)) == (True, True)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("show_incident", {"incident_id": "INC-00000000"}, "no such incident"),
        ("show_incident", {}, "incident_id"),
        ("show_incident", {"incident_id": "x" * 100}, "incident_id"),
        ("triage_event", {"line": "no event"}, "time"),
        ("triage_event", {"line": LINE, "model": "x"}, "model"),
        ("search_knowledge", {"query": "x", "k": 5}, "query"),
        ("search_knowledge", {"query": "xx", "k": 5000}, "k"),
        ("flow_payload", {"flow_id": "1:x"}, "incident_id"),
        ("no_such_tool", {}, "no such"),
        ("shell", {"command": "id"}, "no such"),
        ("ask", {"question": "q", "incident_id": "../../etc/passwd"}, "no such incident"),
        ("list_incidents", {"limit": -1}, "limit"),
    ],
)
async def test_a_call_that_does_not_fit_is_answered_as_an_error(
    door: Open, name: str, arguments: dict[str, Any], words: str
) -> None:
    async with over_http(door) as client:
        told = await client.call_tool(name, arguments)
    assert (told.is_error, words in str(told.content)) == (True, True), told


@pytest.mark.parametrize(
    "uri",
    [
        "aegis://incidents/INC-00000000", "aegis://incidents/INC-00000000/report", "aegis://incidents/",
        "file:///etc/passwd",
        f"aegis://incidents/{INCIDENT}/", f"aegis://incidents/{INCIDENT}/token", "aegis://incidents/../../token", "",
        f"x/aegis://incidents/{INCIDENT}", "aegis://incidents/" + "a" * 500,
    ],
)  # fmt: skip
async def test_what_is_no_resource_is_an_error(door: Open, uri: str) -> None:
    async with over_http(door) as client:
        with pytest.raises(MCPError, match="no such resource"):
            await client.read_resource(uri)


async def test_a_broken_engine_is_told_without_its_words(door: Open) -> None:
    door.engine.breaks = True
    async with over_http(door) as client:
        told = await client.call_tool("show_incident", ABOUT)
        with pytest.raises(MCPError) as error:
            await client.read_resource(f"aegis://incidents/{INCIDENT}")
    assert (told.is_error, "PLANTED" in f"{told.content}{error.value}") == (True, False)


async def test_an_event_is_investigated_to_its_end_though_the_client_is_gone(door: Open) -> None:
    door.engine.hold.clear()
    content = call("tools/call", {"name": "triage_event", "arguments": {"line": LINE}})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(post(door, content), 0.5)
    door.engine.hold.set()
    async with asyncio.timeout(10):
        while not door.engine.finished:  # noqa: ASYNC110 - the fake has no event for it
            await asyncio.sleep(0.001)


def frames(count: int) -> list[bytes]:
    """Return hostile frames: what is no JSON, what is no request, and requests with a part that does not belong."""
    chance = random.Random(20261122)
    odd: list[Any] = [
        None,
        True,
        -1,
        1e308,
        "",
        "\x00\x1b[2J",
        "x" * 5000,
        [],
        {},
        [[[]]],
        {"a": {"b": []}},
        "tools/call",
    ]
    methods = ["initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read", "prompts/list"]
    methods += ["notifications/cancelled", "notifications/initialized", "logging/setLevel", "completion/complete"]
    raw = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 5000,
        b'{"jsonrpc":"2.0"}',
        b'{"id":1}',
        b"GET / HTTP/1.1",
    ]
    made = list(raw)
    while len(made) < count:
        request: dict[str, Any] = {"jsonrpc": "2.0", "id": len(made), "method": chance.choice(methods), "params": {}}
        if chance.random() < 0.5:
            names = ["name", "arguments", "uri", "cursor", "_meta", "protocolVersion", "requestId"]
            request["params"] = {chance.choice(names): chance.choice(odd) for _ in range(3)}
        if chance.random() < 0.5:
            request[chance.choice(["jsonrpc", "id", "method", "params", "result", "error", "more"])] = chance.choice(
                odd
            )
        frame = json.dumps([request] if chance.random() < 0.1 else request).encode()
        made.append(frame[: chance.randrange(len(frame))] if chance.random() < 0.15 else frame)
    return made


async def test_hostile_frames_over_http_are_answered_and_the_door_serves_on(door: Open) -> None:
    for frame in frames(150):
        reply = await post(door, frame)
        assert (200 <= status(reply) < 500, b"Traceback" in reply, b"site-packages" in reply) == (True, False, False), (
            frame
        )
    async with over_http(door) as client:
        assert len((await client.list_tools()).tools) == len(CALLS)


@pytest.mark.parametrize(
    "garbage",
    [
        b"planted", b'{"planted":', b"[" * 5000, b'["planted"]', b'"planted"', b'{"planted": 1}', b"\xff\xfeplanted",
        b'{"jsonrpc": "1.0", "id": 1, "method": "planted"}', b'{"jsonrpc": "2.0", "id": {"planted": 1}, "method": 5}',
        b"9" * 5000,
    ],
    ids=["word", "cut", "deep", "list", "text", "no message", "no text", "old", "odd id", "large number"],
)  # fmt: skip
@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
async def test_garbage_is_refused_in_the_doors_own_words(door: Open, garbage: bytes, version: str) -> None:
    reply = await post(door, garbage, f"MCP-Protocol-Version: {version}")
    told = body(reply)
    assert (status(reply), told["jsonrpc"], bool(told["error"]["message"])) == (400, "2.0", True)
    assert not re.search(r"planted|pydantic|https?:|input_value|validation error|line 1", json.dumps(told)), told


async def test_hostile_frames_over_stdio_are_answered_and_the_server_serves_on() -> None:
    hostile = [frame.replace(b"\n", b" ") for frame in frames(150)]
    replies = await raw_stdio([*hostile, b"x" * (3 << 20)])
    assert any(reply.get("id") == "last" for reply in replies)
    assert not any("Traceback" in json.dumps(reply) for reply in replies)


@pytest.mark.parametrize(
    "header",
    [
        "Mcp-Session-Id: x", "Mcp-Session-Id: \x80\xff", "MCP-Protocol-Version: 1999-01-01",
        "MCP-Protocol-Version: x" + "y" * 900,
        "Content-Type: text/plain", "Accept: text/html", "Last-Event-ID: 5",
    ],
)  # fmt: skip
async def test_headers_that_do_not_fit_are_answered(door: Open, header: str) -> None:
    reply = await post(door, call("tools/list", {}), header)
    assert (200 <= status(reply) < 500, b"Traceback" in reply) == (True, False)


@pytest.mark.parametrize(
    "line", ["GET /mcp HTTP/1.1", "DELETE /mcp HTTP/1.1", "PUT /mcp HTTP/1.1", "POST /sse HTTP/1.1"]
)
async def test_other_methods_and_addresses_are_refused(door: Open, line: str) -> None:
    assert 400 <= status(await say(door.port, head(door.port, line, token=door.token))) < 500


async def test_no_stream_is_held_open_that_would_hear_nothing(door: Open) -> None:
    asked = head(door.port, "GET /mcp HTTP/1.1", "Accept: text/event-stream", token=door.token)
    assert status(await say(door.port, asked)) == 405


async def test_nothing_but_the_protocol_is_on_standard_output() -> None:
    replies = await raw_stdio([call("ping", {}, 7)])
    assert all(reply["jsonrpc"] == "2.0" for reply in replies)
