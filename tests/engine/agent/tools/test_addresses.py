"""Logins, names, networks and the past of an address."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.agent.tools import Answer, Result, Toolbox
from engine.types import Disposition, Finding, FiveTuple, PastIncident, PastIncidents, Severity
from tests.engine.agent.cases import LOCAL, TARGET, HostFake, KnowledgeFake, case, flow
from tests.engine.agent.tools.hosts import NONCE, ThisHost, toolbox_of


def told(answer: Answer) -> dict[str, Any]:
    assert answer.result is Result.ANSWERED
    assert answer.evidence
    value: dict[str, Any] = json.loads(answer.evidence.content)
    return value


def test_logins_come_out_of_a_real_log(tmp_path: Path) -> None:
    log = tmp_path / "var/log/auth.log"
    log.parent.mkdir(parents=True)
    failed = f"2026-05-20T10:00:00+00:00 web sshd[7]: Failed password for root from {TARGET} port 4 ssh2\n"
    taken = f"2026-05-20T10:09:00+00:00 web sshd[7]: Accepted password for root from {TARGET} port 4 ssh2\n"
    log.write_text(failed * 40 + taken + failed.replace(TARGET, "203.0.113.70"))
    found = told(toolbox_of(ThisHost(tmp_path)).call("logins", {"ip": TARGET}))
    assert (found["failed"], found["successful"], found["users"]) == (40, 1, 1)


def test_names_are_told_apart_by_where_they_come_from() -> None:
    asked = flow(flow_id="1:q=", app="dns", name="c2.example", five_tuple=FiveTuple(TARGET, 5, "192.0.2.53", 53, "udp"))
    tools = Toolbox(replace(case(), flows=(*case().flows, asked)), HostFake(), KnowledgeFake(), NONCE)
    found = told(tools.call("dns_names", {"ip": TARGET}))
    assert (found["answered"], found["told"], found["asked"]) == (["evil.example"], ["shop.example"], ["c2.example"])


def test_this_incident_and_later_ones_are_no_past() -> None:
    class Store(HostFake):
        def past_incidents(self, ip: str) -> PastIncidents:
            def one(name: str, at: float) -> PastIncident:
                return PastIncident(name, at, "Scan", Severity.LOW, Disposition.UNDETERMINED)

            entries = (one("INC-later", 500.0), one("INC-01234567", 100.5), one("INC-before", 10.0))
            return PastIncidents(Finding.FOUND, entries)

    tools = Toolbox(case(), Store(), KnowledgeFake(), NONCE)
    answer = tools.call("past_incidents", {"ip": TARGET})
    assert [entry.id for entry in answer.subject.entries] == ["INC-before"]
    assert told(answer)["incidents"] == 1


def test_what_an_address_is_stands_in_one_line() -> None:
    answer = toolbox_of(HostFake()).call("address_facts", {"ip": LOCAL})
    assert answer.evidence
    assert answer.evidence.summary == f"{LOCAL}: documentation"
