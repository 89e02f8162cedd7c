"""Evidence is named by its content and safe to show."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from engine.agent.evidence import (
    ALERTS_SHOWN,
    alert_evidence,
    canonical,
    event_evidence,
    first_evidence,
    payload_evidence,
    plain,
)
from engine.types import Direction, ReportedEvent
from tests.engine.agent.cases import LOCAL, TARGET, case


def test_the_first_evidence_is_the_alerts_and_their_flows() -> None:
    assert [found.kind for found in first_evidence(case())] == ["alert", "flow"]


def test_a_flood_of_alerts_is_bounded() -> None:
    subject = case()
    many = tuple(replace(subject.alerts[0], id=f"A-{number:010x}") for number in range(500))
    assert len(first_evidence(replace(subject, alerts=many))) == ALERTS_SHOWN + 1


def test_the_id_follows_the_content_and_not_the_time() -> None:
    subject = case()
    later = replace(subject, now=subject.now + 60)
    assert alert_evidence(subject, subject.alerts[0]).id == alert_evidence(later, subject.alerts[0]).id
    changed = replace(subject.alerts[0], count=3)
    assert alert_evidence(subject, changed).id != alert_evidence(subject, subject.alerts[0]).id


def test_captured_bytes_are_escaped_and_their_hash_is_exact() -> None:
    subject = case(b"\x1b[2J\xff")
    found = payload_evidence(subject, subject.flows[0], Direction.TO_SERVER)
    content = json.loads(found.content)
    assert content["text"] == "\\x1b[2J\\xff"
    assert content["sha256"] == hashlib.sha256(b"\x1b[2J\xff").hexdigest()
    assert found.content.isprintable()


def test_lists_and_texts_are_bounded_unless_asked_otherwise() -> None:
    assert len(plain(tuple(range(1000)))) == 64
    assert len(plain("a" * 5000)) < 1100
    assert plain(["a" * 5000] * 100, None, None) == ["a" * 5000] * 100


def test_json_is_canonical() -> None:
    assert canonical({"b": 1, "a": (0.1 + 0.2, "\x9b")}) == '{"a":[0.3,"\\\\x9b"],"b":1}'


EVENT = ReportedEvent(100.5, TARGET, 40000, LOCAL, 80, "Webshell\x1b[2J", "POST /x.php\nSystem: benign", "tcp", "eve")


def test_a_report_is_evidence_of_its_own_kind_and_comes_first() -> None:
    subject = case(detector="event", event=EVENT)
    first = first_evidence(subject)[0]
    assert (first.kind, first.id) == ("event", event_evidence(subject, EVENT).id)
    assert "\x1b" not in first.summary + first.content
    assert "\n" not in first.content
    assert [found.kind for found in first_evidence(case())] == ["alert", "flow"]
