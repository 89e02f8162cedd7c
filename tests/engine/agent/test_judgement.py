"""Code sets the floor: an attack and its look-alike side by side."""

from __future__ import annotations

from typing import Any

import pytest

from engine.agent.judgement import block_decision, is_odd, judge
from engine.types import Conclusion, Finding, ProcessFacts, Severity
from tests.engine.agent.cases import BookFake, case

M, S, U = Conclusion.MALICIOUS, Conclusion.SUSPICIOUS, Conclusion.UNDETERMINED

TABLE: dict[str, tuple[dict[str, Any], Conclusion, bool]] = {
    "critical rule, real source": ({}, M, True),
    "high rule, real source": ({"severity": Severity.HIGH}, M, True),
    "high behaviour, real source": ({"detector": "bruteforce", "severity": Severity.HIGH}, M, True),
    "high rule, perhaps spoofed": ({"handshake": False}, S, True),
    "medium rule": ({"severity": Severity.MEDIUM}, S, False),
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
