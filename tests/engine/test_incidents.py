"""Alerts around one target make one incident, and new kinds of alert ask for the analyst."""

from __future__ import annotations

from dataclasses import replace

from engine.incidents import GAP_S, MAX_INVESTIGATIONS, PAUSE_S, SETTLE_S, Correlator
from engine.types import Severity
from tests.factories import alert, detection


def test_alerts_of_one_target_make_one_incident() -> None:
    book = Correlator()
    first = book.add(alert(id="A-1"))
    second = book.add(alert(id="A-2", detection=detection("download.pipe", event_class="command_injection")))
    assert second.id == first.id
    assert second.alert_ids == ("A-1", "A-2")
    assert second.title == "Log4Shell, then command injection"


def test_the_worst_alert_gives_the_severity() -> None:
    book = Correlator()
    book.add(alert(id="A-1", detection=detection(severity=Severity.HIGH)))
    incident = book.add(alert(id="A-2", detection=detection("scan.ports", severity=Severity.LOW)))
    assert incident.severity is Severity.HIGH


def test_silence_closes_an_incident() -> None:
    book = Correlator()
    first = book.add(alert(id="A-1", first_at=0, last_at=0))
    later = book.add(alert(id="A-2", first_at=GAP_S + 1, last_at=GAP_S + 1))
    assert later.id != first.id


def test_an_incident_is_due_once_it_settled() -> None:
    book = Correlator()
    incident = book.add(alert(first_at=10, last_at=10))
    assert book.due(10 + SETTLE_S - 0.01) == []
    assert book.due(10 + SETTLE_S) == [(incident, 10 + SETTLE_S)]
    assert book.due(100) == []


def test_a_repeat_asks_for_no_second_investigation() -> None:
    book = Correlator()
    book.add(alert(first_at=10, last_at=10))
    book.due(11)
    book.add(alert(first_at=10, last_at=10 + PAUSE_S, count=2))
    assert book.due(100) == []


def test_an_attack_that_goes_on_is_looked_at_again_ever_less_often() -> None:
    book = Correlator()
    looks = []
    for second in range(3600):
        book.add(alert(first_at=10, last_at=10.0 + second, count=second + 1))
        looks += [at for _, at in book.due(10.0 + second)]
    assert looks == [10.5, 21.5, 82.5, 443.5, 2604.5]


def test_an_attack_that_goes_on_after_a_restart_is_looked_at_again() -> None:
    before = Correlator()
    stored = before.add(alert(id="A-1"))
    after = Correlator()
    after.restore([stored], [alert(id="A-1")])
    after.add(alert(id="A-1", last_at=stored.updated_at + PAUSE_S, count=2))
    assert len(after.due(stored.updated_at + PAUSE_S + SETTLE_S)) == 1


def test_something_new_asks_for_another_investigation_up_to_a_limit() -> None:
    book = Correlator()
    for number in range(MAX_INVESTIGATIONS + 3):
        book.add(alert(id=f"A-{number}", last_at=number * 10.0, detection=detection(f"rule.{number}")))
        book.due(number * 10.0 + 5)
    assert book._open["203.0.113.9"].investigations == MAX_INVESTIGATIONS


def test_an_incident_stored_before_a_restart_takes_further_alerts() -> None:
    before = Correlator()
    stored = before.add(alert(id="A-1"))
    after = Correlator()
    after.restore([stored], [alert(id="A-1")])
    assert after.add(alert(id="A-2", last_at=1010.0)).id == stored.id


def test_the_models_word_is_in_the_title_only_when_nothing_else_is() -> None:
    book = Correlator()
    unnamed = detection("model.malicious", detector="model", event_class="")
    assert book.add(alert(id="A-1", detection=unnamed)).title == "Suspicious payload"
    assert book.add(alert(id="A-2")).title == "Log4Shell"


def test_a_title_names_the_gravest_of_what_there_is_in_the_order_it_came() -> None:
    book = Correlator()
    for number, (label, event_class, severity) in enumerate(
        (
            ("file.traversal", "file_inclusion", Severity.HIGH),
            ("scan.ports", "scan", Severity.LOW),
            ("sql.union", "sql_injection", Severity.MEDIUM),
            ("log4shell.jndi", "vulnerability_exploit", Severity.CRITICAL),
        )
    ):
        found = detection(label, event_class=event_class, severity=severity)
        incident = book.add(alert(id=f"A-{number}", detection=found))
    assert incident.title == "Path traversal, then SQL injection, then Log4Shell and 1 more"
    graver = detection("scan.sweep", event_class="scan", severity=Severity.HIGH)
    assert book.add(alert(id="A-9", detection=graver)).title == "Path traversal, then scan, then Log4Shell and 1 more"


def test_a_title_names_the_gravest_after_a_restart_too() -> None:
    found = [
        alert(id=f"A-{n}", detection=detection(f"rule.{n}", event_class=name, severity=severity))
        for n, (name, severity) in enumerate(
            (("scan", Severity.LOW), ("xss", Severity.LOW), ("dos", Severity.LOW), ("xxe", Severity.HIGH))
        )
    ]
    before, after = Correlator(), Correlator()
    for one in found:
        stored = before.add(one)
    after.restore([stored], found)
    assert after.add(replace(found[0], last_at=1010.0)).title == stored.title
    assert "XML external entity and 1 more" in stored.title
