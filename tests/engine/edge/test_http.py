"""The HTTP door: every address answers, says which field does not fit, and loses no request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.edge.http import ANSWERS, LISTENERS, HttpDoor
from engine.types import Fault
from tests.engine.edge.door import INCIDENT, LINE, PLANTED, FakeDoor, Open, head, opened, say, status, until
from tests.factories import alert, flow

EVE = json.dumps(
    {
        "timestamp": "2023-10-09T11:23:00.000000+0000", "event_type": "alert", "src_ip": "2001:db8::9",
        "src_port": 40000, "dest_ip": "2001:db8::1", "dest_port": 80, "proto": "TCP",
        "alert": {"signature": "ET WEB SQL injection", "category": "Web Application Attack", "severity": 1},
    }
)  # fmt: skip


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Open]:
    """An open door with a fake engine behind it."""
    async with opened(HttpDoor, FakeDoor(), tmp_path) as made:
        yield made


@pytest.fixture
async def client(door: Open) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token."""
    async with httpx.AsyncClient(base_url=door.url, headers=door.headers, timeout=20) as made:
        yield made


async def test_health_needs_no_token_and_tells_nothing(door: Open) -> None:
    async with httpx.AsyncClient(base_url=door.url) as stranger:
        answer = await stranger.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_an_event_comes_back_with_class_plan_verdict_report_and_sources(client: httpx.AsyncClient) -> None:
    told = (await client.post("/chat/analysis", json={"query": LINE, "score_threshold": 0.5})).json()
    assert (told["incident_id"], told["event"]["src_ip"], told["target_ip"]) == (INCIDENT, "203.0.113.9", "203.0.113.9")
    assert told["classification"]["event_class"] == "sql_injection"
    assert (len(told["plan"]), told["verdict"]["conclusion"], told["proposals"][0]["state"]) == (
        2,
        "malicious",
        "pending",
    )
    assert [source["id"] for source in told["sources"]] == ["T1190"]
    assert (await client.get(told["report"]["html"])).status_code == 200


async def test_what_is_asked_reaches_the_engine(door: Open, client: httpx.AsyncClient) -> None:
    asked = {"query": EVE, "knowledge_base_name": "mine", "top_k": 1, "model_name": "playbook", "stream": False}
    assert (await client.post("/chat/analysis", json=asked)).status_code == 200
    search, triage = door.engine.asked
    assert (search[2:], triage[2]) == ((1, "mine"), "playbook")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"query": None}, "query", "string"),
        ({"query": ""}, "query", "at least 1"),
        ({"query": "x" * 20_000}, "query", "at most"),
        ({"query": "no event at all"}, "query", "time"),
        ({"query": LINE.replace("203.0.113.9:", "203.0.113.999:")}, "query", "source address"),
        ({"query": LINE.replace(":8080", ":99999")}, "query", "destination port"),
        ({"query": "2023-10-09T11:23:00Z 2001:db8::1 192.0.2.1:1 x"}, "query", "source address"),
        ({"query": "{" * 500}, "query", "cannot read the event"),
        ({"query": 5}, "query", "string"),
        ({"top_k": 0}, "top_k", "greater"),
        ({"top_k": 51}, "top_k", "less"),
        ({"top_k": "3"}, "top_k", "integer"),
        ({"top_k": True}, "top_k", "integer"),
        ({"score_threshold": 2}, "score_threshold", "less"),
        ({"score_threshold": "high"}, "score_threshold", "number"),
        ({"model_name": "gpt-unheard-of"}, "model_name", "no model"),
        ({"model_name": "m" * 200}, "model_name", "at most"),
        ({"knowledge_base_name": "nowhere"}, "knowledge_base_name", "no collection"),
        ({"knowledge_base_name": ["a"]}, "knowledge_base_name", "string"),
        ({"stream": "yes"}, "stream", "boolean"),
        ({"target": "192.0.2.1"}, "target", "not permitted"),
        ({"a\x1b[2J" + "b" * 99: 1}, "a\\x1b[2J", "not permitted"),
    ],
)
async def test_what_does_not_fit_is_told_422_with_its_field(
    client: httpx.AsyncClient, changes: dict[str, Any], field: str, words: str
) -> None:
    asked = {"query": LINE} | changes
    answer = await client.post("/chat/analysis", json=asked)
    problem = answer.json()["detail"][0]
    assert answer.status_code == 422
    assert problem["field"].startswith(field)
    assert words in problem["problem"]


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"query": "\xff"}', b"[" * 60_000, b'{"a":' * 10_000,
        b'{"query": "\\ud800"}', b'{"query": NaN}', b"1e999", b'{"top_k": 1e999}', b"{}",
    ],
)  # fmt: skip
async def test_a_body_that_is_no_request_is_told_422(client: httpx.AsyncClient, sent: bytes) -> None:
    for path in ("/chat/analysis", "/ask"):
        answer = await client.post(path, content=sent)
        assert (answer.status_code, answer.json()["detail"][0]["field"] != "") == (422, True)


def _as_json(value: dict[str, str]) -> bytes:
    return json.dumps(value).encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.dictionaries(st.text(max_size=20), st.text(max_size=80)).map(lambda d: json.dumps(d).encode())
)
async def test_no_body_whatever_is_answered_with_more_than_422(client: httpx.AsyncClient, sent: bytes) -> None:
    assert (await client.post("/chat/analysis", content=sent)).status_code in (200, 422)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/incidents?limit=0", "limit"), ("/incidents?limit=x", "limit"), ("/incidents?more=1", "more"),
        ("/incidents?limit=1&limit=2", "query string"), ("/knowledge/search", "q"), ("/knowledge/search?q=x&k=99", "k"),
        (f"/incidents/{INCIDENT}/report?format=exe", "format"), (f"/incidents/{INCIDENT}/report?lang=xx", "lang"),
    ],
)  # fmt: skip
async def test_a_parameter_that_does_not_fit_is_told_422(client: httpx.AsyncClient, path: str, field: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (422, field)


async def test_incidents_are_listed_shown_and_reported(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/incidents?limit=7")).json()["incidents"]
    shown = (await client.get(f"/incidents/{listed[0]['id']}")).json()
    assert (shown["incident"], len(shown["alerts"])) == (listed[0], 1)
    for form, media in (("md", "text/markdown"), ("json", "application/json"), ("html", "text/html")):
        answer = await client.get(f"/incidents/{INCIDENT}/report?format={form}&lang=zh")
        assert (answer.text.startswith(f"report {form} zh"), answer.headers["content-type"][: len(media)]) == (
            True,
            media,
        )


async def test_a_report_takes_no_control_character_out(client: httpx.AsyncClient) -> None:
    for form in ("md", "html"):
        raw = (await client.get(f"/incidents/{INCIDENT}/report?format={form}")).content
        assert (b"PLANTED" in raw, b"\x1b" in raw, b"\x07" in raw) == (True, False, False)


async def test_a_report_may_run_nothing_in_a_browser(client: httpx.AsyncClient) -> None:
    headers = (await client.get(f"/incidents/{INCIDENT}/report?format=html")).headers
    assert ("default-src 'none'" in headers["content-security-policy"], headers["x-content-type-options"]) == (
        True,
        "nosniff",
    )


async def test_a_question_is_answered_with_its_sources(client: httpx.AsyncClient) -> None:
    told = (await client.post("/ask", json={"question": "what is T1190?"})).json()
    assert (told["claims"][0]["evidence_ids"], len(told["passages"])) == (["E-0123456789"], 2)
    found = (await client.get("/knowledge/search?q=exploit&k=1")).json()["passages"]
    assert [passage["id"] for passage in found] == ["T1190"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/incidents/INC-00000000", 404), ("GET", "/incidents/INC-00000000/report", 404), ("GET", "/", 404),
        ("GET", "/incidents/..%2f..%2fetc%2fpasswd", 404), ("GET", "/chat/analysis", 405), ("PUT", "/incidents", 405),
        ("GET", "/incidents/%1b%5d0%3bplanted%07", 404), ("POST", "/health", 405), ("GET", "/docs", 404),
    ],
)  # fmt: skip
async def test_what_is_not_there_is_said_without_repeating_it(
    client: httpx.AsyncClient, method: str, path: str, expected: int
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, "planted" in answer.text, "error" in answer.json()) == (expected, False, True)


async def test_a_broken_engine_is_told_500_without_its_words(door: Open, client: httpx.AsyncClient) -> None:
    door.engine.breaks = True
    answer = await client.get(f"/incidents/{INCIDENT}")
    assert (answer.status_code, "PLANTED" in answer.text, "Traceback" in answer.text) == (500, False, False)


async def test_captured_text_leaves_as_ascii_without_control_characters(client: httpx.AsyncClient) -> None:
    for path in (f"/incidents/{INCIDENT}", "/incidents"):
        raw = (await client.get(path)).content
        assert all(0x20 <= byte < 0x7F for byte in raw)


async def test_steps_come_as_they_happen_and_the_result_last(door: Open, client: httpx.AsyncClient) -> None:
    door.engine.hold.clear()
    async with client.stream("POST", "/chat/analysis", json={"query": LINE, "stream": True}) as answer:
        lines = answer.aiter_lines()
        seen = [line async for line in _until(lines, "event: step")]
        door.engine.hold.set()
        rest = [line async for line in lines]
    assert (answer.headers["content-type"].split(";")[0], seen[-1]) == ("text/event-stream", "event: step")
    names = [line for line in rest if line.startswith("event: ")]
    assert names == ["event: step", "event: result"]
    result = next(line for line in reversed(rest) if line.startswith("data: "))
    assert json.loads(result.removeprefix("data: "))["incident_id"] == INCIDENT


async def _until(lines: AsyncIterator[str], wanted: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line == wanted:
            return


async def test_the_accept_header_asks_for_a_stream_too(client: httpx.AsyncClient) -> None:
    answer = await client.post("/chat/analysis", json={"query": LINE}, headers={"accept": "text/event-stream"})
    assert answer.text.count("event: result\n") == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_what_the_engine_refuses_is_a_status_and_no_stream(
    door: Open, client: httpx.AsyncClient, stream: bool
) -> None:
    wrong = await client.post("/chat/analysis", json={"query": LINE, "stream": stream, "model_name": "other"})
    door.engine.room = 0
    busy = await client.post("/chat/analysis", json={"query": LINE, "stream": stream})
    assert (wrong.status_code, busy.status_code, busy.headers["retry-after"]) == (422, 429, "1")


@pytest.mark.parametrize("stream", [True, False])
async def test_who_goes_away_leaves_the_investigation_running(door: Open, stream: bool) -> None:
    door.engine.hold.clear()
    content = json.dumps({"query": LINE, "stream": stream}).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", door.port)
    told = head(door.port, "POST /chat/analysis HTTP/1.1", f"Content-Length: {len(content)}", token=door.token)
    writer.write(told + content)
    await until(lambda: bool(door.engine.waiting))
    writer.close()
    await writer.wait_closed()
    assert status(await say(door.port, head(door.port, "GET /health HTTP/1.1"))) == 200
    door.engine.hold.set()
    await until(lambda: bool(door.engine.finished))


async def test_events_are_told_as_they_happen_and_who_leaves_is_forgotten(
    door: Open, client: httpx.AsyncClient
) -> None:
    async with client.stream("GET", "/events") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == ": beat"
        door.engine.queues[0].put_nowait(alert(flow=flow(name=PLANTED)))
        door.engine.queues[0].put_nowait(Fault("llm", f"failed {PLANTED}", "", 1.0))
        told = [line async for line in _until(lines, "event: fault")]
        data = await anext(lines)
    assert "event: alert" in told
    assert json.loads(data.removeprefix("data: "))["type"] == "fault"
    assert all(character.isprintable() for character in data)
    await until(lambda: not door.engine.queues)


async def test_only_events_that_match_are_told(door: Open, client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/events", params={"filter": "ip:198.51.100.0/24 or cannot"}) as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == ": beat"
        door.engine.queues[0].put_nowait(alert())
        door.engine.queues[0].put_nowait(Fault("llm", "cannot reach it", "", 1.0))
        told = [line async for line in _until(lines, "event: fault")]
    assert "event: alert" not in told


async def test_a_filter_that_cannot_be_read_is_told_422_with_its_place(client: httpx.AsyncClient) -> None:
    answer = await client.get("/events", params={"filter": "app:http src:10."})
    problem = answer.json()["detail"][0]
    assert (answer.status_code, problem["field"]) == (422, "filter")
    assert problem["problem"].startswith("at character 14: expected an address")


async def test_one_listener_too_many_is_told_429_until_one_leaves(door: Open) -> None:
    asked = head(door.port, "GET /events HTTP/1.1", token=door.token)
    held = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(LISTENERS)]
    for reader, writer in held:
        writer.write(asked)
        await reader.readuntil(b"beat\n\n")
    assert status(await say(door.port, asked)) == 429
    for _, writer in held:
        writer.close()
    await until(lambda: not door.engine.queues)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(asked)
    assert status(await reader.readuntil(b"beat\n\n")) == 200
    writer.close()


async def test_at_many_requests_at_once_each_is_answered_or_told_429(door: Open) -> None:
    content = json.dumps({"query": LINE}).encode()
    told = head(door.port, "POST /chat/analysis HTTP/1.1", f"Content-Length: {len(content)}", token=door.token)
    door.engine.room = 10
    door.engine.hold.clear()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(say(door.port, told + content)) for _ in range(120)]
        await until(lambda: sum(task.done() for task in asking) == 110)
        assert status(await say(door.port, head(door.port, "GET /health HTTP/1.1"))) == 200
        door.engine.hold.set()
    statuses = sorted(status(task.result()) for task in asking)
    assert statuses == [200] * 10 + [429] * 110


async def test_questions_beyond_their_room_are_told_429(door: Open, client: httpx.AsyncClient) -> None:
    assert ANSWERS < 100
    answers = await asyncio.gather(*(client.get("/knowledge/search?q=x") for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {200, 429}
