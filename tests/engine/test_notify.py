"""What is told, when, and what is left out."""

from __future__ import annotations

import time
from dataclasses import replace

from engine.notify import BURST, FAULT_AGAIN_S, SETTLE_S, SUMMED_UP, UNJUDGED_S, Notice, Notices
from engine.types import (
    Block,
    BlockState,
    Conclusion,
    Disposition,
    Enforced,
    Event,
    Fault,
    Incident,
    Proposal,
    ProposalState,
    Severity,
    Terms,
    Verdict,
)
from tests.factories import incident

EVERY_S = 600.0
HOSTILE = "\x1b]0;pwned\x07 ${jndi:x}\n\u202e"


def notices(least: Severity = Severity.HIGH, every_s: float = EVERY_S) -> Notices:
    return Notices("web1", least, every_s, lambda at: f"at {at:g}")


def verdict(of: Incident, **changes: object) -> Verdict:
    values: dict[str, object] = {
        "incident_id": of.id, "at": 1000.0, "analyst": "playbook", "conclusion": Conclusion.MALICIOUS,
        "severity": of.severity, "disposition": Disposition.UNDETERMINED, "attack_ids": (), "claims": (),
        "not_done": (), "actions": (), "summary": HOSTILE,
    }  # fmt: skip
    return Verdict(**(values | changes))  # type: ignore[arg-type]


def proposal(of: Incident, state: ProposalState = ProposalState.PENDING) -> Proposal:
    terms = Terms(of.id, f"{of.target_ip}/32", 3600.0, ("eth0",), "")
    return Proposal("P-17", terms, HOSTILE, 1000.0, 1900.0, state)


def taken(told: Notices, now: float, *events: Event) -> Notice | None:
    """Return what is told after these, once everything had its time."""
    for event in events:
        told.see(event, now)
    return told.take(now + SETTLE_S)


def test_an_incident_is_told_with_its_verdict_and_the_block_that_waits() -> None:
    found = incident(severity=Severity.HIGH)
    told = taken(notices(), 0, found, verdict(found), proposal(found))
    assert told is not None
    assert told.title == f"web1: HIGH {found.id} {found.target_ip}"
    assert "Verdict: malicious (playbook)." in told.body
    assert f"A block of {found.target_ip}/32 waits for a person: P-17, until at 1900." in told.body


def test_an_incident_waits_for_its_verdict_and_no_longer_than_that_is_told_too() -> None:
    told = notices()
    told.see(incident(severity=Severity.HIGH), 0)
    assert told.take(UNJUDGED_S - 1) is None
    late = told.take(UNJUDGED_S)
    assert late is not None
    assert "No verdict came within 3 minutes." in late.body


def test_what_is_below_the_least_severity_is_told_once_it_becomes_graver() -> None:
    told, found = notices(), incident(severity=Severity.LOW)
    assert taken(told, 0, found, verdict(found)) is None
    worse = taken(told, 60, replace(found, severity=Severity.CRITICAL))
    assert worse is not None
    assert "CRITICAL" in worse.title


def test_an_incident_is_told_once() -> None:
    told, found = notices(), incident(severity=Severity.HIGH)
    assert taken(told, 0, found, verdict(found)) is not None
    assert taken(told, 10_000, replace(found, severity=Severity.CRITICAL), verdict(found)) is None


def test_over_the_limit_the_rest_comes_in_one_later_message() -> None:
    told = notices()
    for number in range(20):
        found = incident(id=f"INC-{number:08d}", severity=Severity.HIGH)
        told.see(found, 0)
        told.see(verdict(found), 0)
    at_once = [told.take(SETTLE_S) for _ in range(BURST + 1)]
    assert [notice is not None for notice in at_once] == [True] * BURST + [False]
    last = at_once[BURST - 1]
    assert last is not None
    assert last.title == "web1: 15 messages in one"
    assert last.body.count("HIGH INC-") == SUMMED_UP
    assert "and 5 more" in last.body


def test_no_more_than_six_come_in_six_times_the_interval_whatever_happens() -> None:
    told, at = notices(), []
    for second in range(0, 7200, 10):
        found = incident(id=f"INC-{second:08d}", severity=Severity.HIGH)
        if taken(told, second, found, verdict(found)) is not None:
            at.append(second)
    windows = [sum(start <= one < start + BURST * EVERY_S for one in at) for start in at]
    assert max(windows) == BURST


def test_without_an_interval_each_comes_by_itself() -> None:
    told = notices(every_s=0)
    for number in range(20):
        told.see(Block(f"192.0.2.{number}/32", BlockState.FAILED, (), 0, 0, 0, 0), 0)
    assert sum(told.take(1) is not None for _ in range(30)) == 20


def test_a_fault_that_stops_capture_or_store_is_told_and_a_lesser_one_is_not() -> None:
    told = notices()
    assert taken(told, 10, Fault("llm", "is down", "wait", 0)) is None
    assert taken(notices(), 10, Fault("interface", "eth1 is not watched: it is down", "restart", 0)) is not None
    capture = taken(told, 10, Fault("capture", "eth0 went away", "check the interface", 0))
    assert capture == Notice(
        "web1: capture does not work", "eth0 went away\nWhat helps: check the interface", grave=True
    )


def test_a_fault_that_comes_and_goes_is_told_once_an_hour() -> None:
    told, fault = notices(), Fault("store", "disk full", "make room", 0)
    assert taken(told, 10, fault, replace(fault, cleared=True), fault) is not None
    assert told.take(20) is None
    assert taken(told, 10 + FAULT_AGAIN_S, fault) is not None


def test_a_block_that_failed_is_told() -> None:
    told = notices()
    block = Block("203.0.113.9/32", BlockState.FAILED, ("eth0",), 0, 0, 0, 0, proposal_id="P-17")
    first = taken(told, 0, block)
    many = taken(told, 0, Enforced.of(replace(block, state=BlockState.LIVE), 100, 3))
    assert first is not None
    assert many is not None
    assert first.title == "web1: the block of 203.0.113.9/32 failed"
    assert many.title == "web1: 3 of 100 blocks failed"
    assert taken(told, 0, replace(block, state=BlockState.LIVE)) is None


def test_a_block_that_a_replay_would_ask_for_is_not_said_to_wait() -> None:
    found = incident(severity=Severity.HIGH)
    told = taken(notices(), 0, found, verdict(found), proposal(found, ProposalState.REPLAY))
    assert told is not None
    assert "waits" not in told.body


def test_a_message_is_inert_and_holds_nothing_that_was_captured_or_that_a_model_wrote() -> None:
    found = incident(severity=Severity.HIGH, title=f"Scan{HOSTILE}", target_ip=HOSTILE)
    told = taken(notices(), 0, found, verdict(found, analyst=HOSTILE), proposal(found))
    assert told is not None
    assert all(line.isprintable() for line in [told.title, *told.body.splitlines()])
    assert found.id in told.title
    calm = taken(notices(), 0, incident(severity=Severity.HIGH), verdict(incident()), proposal(incident()))
    assert calm is not None
    assert "jndi" not in calm.body


def test_the_severities_of_the_settings_are_those_of_an_incident() -> None:
    from engine.config import load

    for severity in Severity:
        assert load({"notify_from": severity.value}, {}, None).settings.notify_from == severity


def test_a_flood_of_incidents_is_bounded_and_cheap() -> None:
    told = notices()
    for number in range(10_000):
        told.see(incident(id=f"INC-{number:08x}", severity=Severity.INFO), float(number))
    assert told.take(time.monotonic()) is None
