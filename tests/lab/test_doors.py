"""No door of the engine blocks whoever manages the server, and none approves: the real guard refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.station import GATEWAY, IFACE, OPERATOR, SERVER, Desk, Station, missing_tools

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(bool(missing_tools()), reason=f"needs {', '.join(missing_tools())}"),
]

STRANGER = "198.51.100.23"
KEY = "/var/lib/aegis/engine/token"

ASK = f"""
import asyncio, json, sys, time
from pathlib import Path
import httpx, httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

async def main():
    headers = {{"Authorization": "Bearer " + Path("{KEY}").read_text().strip()}}
    async with httpx.AsyncClient(base_url="http://127.0.0.1:9999", headers=headers, timeout=60) as http:
        for _ in range(100):
            try:
                await http.get("/health")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.2)
        line = f"2023-10-09T11:23:00Z {{sys.argv[1]}}:40000 {{sys.argv[2]}}:80 sql-injection GET /?id=1' or 1=1--"
        judged = (await http.post("/chat/analysis", json={{"query": line}})).json()
    async with httpx2.AsyncClient(headers=headers) as carrier:
        async with Client(streamable_http_client("http://127.0.0.1:8000/mcp", http_client=carrier)) as client:
            told = await client.call_tool("block_malicious_ip", {{"incident_id": judged["incident_id"]}})
    said = told.structured_content or {{"refused": told.content[0].text}}
    proposals = [one for one in judged["proposals"] if one["state"] == "pending"]
    print(json.dumps({{"target": judged["target_ip"], "own": proposals, **said}}))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    """A server on which the operator started ``aegis-tui serve`` over SSH."""
    with Station() as made:
        desk = Desk(made, OPERATOR)
        desk.console("serve", "--iface", IFACE, "--json")
        made.wait_for(KEY)
        yield made
        desk.close()


def ask(station: Station, src: str, dst: str = SERVER) -> dict[str, Any]:
    """Report an event between two addresses by HTTP, and ask by MCP to block who it accuses."""
    told: dict[str, Any] = json.loads(station.python(ASK, src, dst)[-1])
    return told


def test_a_program_at_the_doors_cannot_block_the_operator(station: Station) -> None:
    told = ask(station, OPERATOR)
    assert (told["target"], told["own"]) == (OPERATOR, [])
    assert "the address you are connected from" in told["refused"]


def test_a_program_at_the_doors_cannot_block_the_gateway_or_the_server_itself(station: Station) -> None:
    for src, dst in ((GATEWAY, SERVER), (SERVER, SERVER)):
        told = ask(station, src, dst)
        assert (told["target"], told["own"], "refused" in told) == (src, [], True), told


def test_what_a_program_asks_for_waits_for_a_person_and_blocks_nothing(station: Station) -> None:
    told = ask(station, STRANGER)
    assert (told["prefix"], told["state"], told["typed_confirmation"]) == (f"{STRANGER}/32", "pending", True)
    assert "nothing is blocked" in told["note"]
    assert station.blocks() == []
