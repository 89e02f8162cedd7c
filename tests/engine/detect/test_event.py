from __future__ import annotations

import pytest

from engine.classifier import shipped_classifier
from engine.detect.event import GUESS, EventDetector, accused
from engine.sources.event import parse
from engine.triage import update_of
from engine.types import Detection, Party, Severity
from tests.factories import update

TIME = "2023-10-09T11:23:00Z"
TROJAN = "emp3r0r木马攻击 https中疑似存在emp3r0r恶意流量"


def detect(line: str) -> Detection:
    (found,) = EventDetector(shipped_classifier).inspect(update_of(parse(line)))
    return found


def test_a_report_is_one_detection_of_its_class() -> None:
    found = detect(f"{TIME} 172.24.158.39:45676 180.215.5.133:2599  {TROJAN}")
    assert (found.detector, found.label, found.event_class) == ("event", "event.trojan", "trojan")
    assert found.score > 0.8
    assert found.severity is Severity.HIGH
    assert found.attack_ids
    assert found.event is not None and found.event.dst_ip == "180.215.5.133"


def test_what_is_no_report_is_none_of_its_business_and_loads_nothing() -> None:
    def load() -> None:
        raise AssertionError

    assert EventDetector(load).inspect(update()) == ()  # type: ignore[arg-type]


def test_the_version_is_that_of_the_classifier_that_judged() -> None:
    found = detect(f"{TIME} 192.0.2.1:1 192.0.2.2:2 port-scan nmap")
    assert found.version == shipped_classifier().version


@pytest.mark.parametrize(
    ("ends", "party"),
    [
        ("10.0.0.5:1 203.0.113.9:2", Party.RESPONDER),
        ("203.0.113.9:1 10.0.0.5:2", Party.INITIATOR),
        ("[fd00::5]:1 [2001:db8::9]:2", Party.RESPONDER),
        ("203.0.113.9:1 198.51.100.7:2", Party.RESPONDER),
        ("10.0.0.5:1 10.0.0.6:2", Party.RESPONDER),
    ],
)
def test_the_public_end_is_accused_or_the_one_that_the_class_accuses(ends: str, party: Party) -> None:
    event = parse(f"{TIME} {ends} {TROJAN}")
    assert accused(event, shipped_classifier().classes["trojan"]) is party


def test_between_two_public_ends_an_inbound_class_accuses_the_initiator() -> None:
    event = parse(f"{TIME} 203.0.113.9:1 198.51.100.7:2 SQL注入攻击 union select")
    assert accused(event, shipped_classifier().classes["sql_injection"]) is Party.INITIATOR


def test_an_unsure_report_counts_one_step_less() -> None:
    found = detect(f"{TIME} 192.0.2.1:1 192.0.2.2:2 something happened")
    whole = shipped_classifier().classes[found.event_class].severity
    assert found.score < 0.5
    assert found.severity.rank == whole.rank - 1


def test_a_report_that_says_nothing_of_any_class_is_only_noted() -> None:
    found = detect(f"{TIME} 203.0.113.9:1 192.0.2.2:2  问候 你好")
    assert found.score < GUESS
    assert found.severity is Severity.INFO


def test_no_report_alone_is_critical() -> None:
    assert all(found.severity.rank <= Severity.HIGH.rank for found in shipped_classifier().classes.values())


def test_the_reason_holds_no_reported_text() -> None:
    assert "emp3r0r" not in detect(f"{TIME} 10.0.0.5:1 203.0.113.9:2 {TROJAN}").reason


def test_the_excerpt_is_cut_between_two_characters() -> None:
    found = detect(f"{TIME} 10.0.0.5:1 203.0.113.9:2 木马 {'攻击' * 200}")
    assert 250 <= len(found.excerpt) <= 256
    assert found.excerpt.decode("utf-8").startswith("木马 攻击")
