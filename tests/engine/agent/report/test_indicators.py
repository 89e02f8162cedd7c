"""Indicators are what others can look for, and nothing of this host."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from engine.agent.report.indicators import INDICATORS, facts_of, indicators
from engine.types import Evidence, IncidentView, Severity
from tests.factories import ATTACKER, SERVER, alert, detection, flow, incident


def _evidence(kind: str, content: str) -> Evidence:
    return Evidence("E-0123456789", "INC-01234567", kind, 1000.0, "", content, "")


def _view(*evidence: Evidence, name: str = "", severity: Severity = Severity.HIGH) -> IncidentView:
    one = replace(alert(), flow=flow(name=name), detection=detection(severity=severity))
    return IncidentView(incident(), (one,), evidence, (), None, (), ())


def test_address_name_program_and_hashes_are_told_once() -> None:
    program = _evidence("process", json.dumps({"exe": "/tmp/x", "exe_sha256": "ab"}))
    file = _evidence("file", json.dumps({"path": "/tmp/x", "sha256": "ab"}))
    assert indicators(_view(program, program, file, name="evil.example")) == [
        ("address", ATTACKER),
        ("name in the traffic", "evil.example"),
        ("program", "/tmp/x"),
        ("SHA-256 of program", "ab"),
        ("file", "/tmp/x"),
        ("SHA-256 of file", "ab"),
    ]


@pytest.mark.parametrize(("name", "severity"), [(SERVER, Severity.HIGH), ("", Severity.HIGH), ("a", Severity.LOW)])
def test_a_name_that_tells_nothing_is_left_out(name: str, severity: Severity) -> None:
    assert indicators(_view(name=name, severity=severity)) == [("address", ATTACKER)]


@pytest.mark.parametrize("content", ["", "[]", "7", "{", "[" * 100_000])
def test_evidence_that_is_no_object_has_no_facts(content: str) -> None:
    assert facts_of(_evidence("process", content)) == {}


def test_the_digest_of_nothing_tells_nothing() -> None:
    empty = _evidence("payload", json.dumps({"sha256": hashlib.sha256(b"").hexdigest()}))
    assert indicators(_view(empty, name="")) == [("address", ATTACKER)]


def test_there_is_an_end_to_them() -> None:
    many = [_evidence("payload", json.dumps({"sha256": str(number)})) for number in range(500)]
    assert len(indicators(_view(*many))) == INDICATORS
