"""From detections to alerts, incidents, recorded inputs and cases."""

from __future__ import annotations

from engine.casebook import Casebook, Entries
from engine.incidents import SETTLE_S
from engine.types import Detection
from tests.factories import ATTACKER, SERVER, detection, five_tuple, flow, update


def _book(casebook: Casebook, at: float, *detections: Detection) -> Entries:
    return casebook.enter(update(at=at), detections)


def test_a_detection_becomes_an_alert_in_an_incident() -> None:
    casebook = Casebook(60, (SERVER,))
    entries = _book(casebook, 10.0, detection(at=10.0))
    (alert, is_new), incident = entries.alerts[0], entries.incidents[0]
    assert is_new
    assert alert.incident_id == incident.id
    assert incident.target_ip == ATTACKER


def test_a_repeat_keeps_its_incident() -> None:
    casebook = Casebook(60, (SERVER,))
    first = _book(casebook, 10.0, detection(at=10.0)).alerts[0][0]
    again, is_new = _book(casebook, 20.0, detection(at=20.0)).alerts[0]
    assert (again.id, again.incident_id, again.count, is_new) == (first.id, first.incident_id, 2, False)


def test_a_case_shows_the_alerts_and_the_flows_of_its_target() -> None:
    casebook = Casebook(60, (SERVER,))
    _book(casebook, 10.0, detection(at=10.0))
    other = flow(five_tuple(src_port=40001), first_seen=1000.2)
    casebook.enter(update(other, at=10.1), ())
    casebook.enter(update(flow(five_tuple("198.51.100.7")), at=10.2), ())
    (due,) = casebook.due(10.0 + SETTLE_S)
    assert [item.id for item in due.flows] == [flow().id, other.id]
    assert len(due.alerts) == 1


def test_a_case_is_due_at_the_same_moment_whether_time_or_traffic_brings_it() -> None:
    by_time, by_traffic = Casebook(60, (SERVER,)), Casebook(60, (SERVER,))
    _book(by_time, 10.0, detection(at=10.0))
    _book(by_traffic, 10.0, detection(at=10.0))
    later = by_traffic.enter(update(flow(five_tuple("198.51.100.7")), at=99.0), ())
    assert by_time.due(10.0 + SETTLE_S) == later.due


def test_an_incident_stored_before_a_restart_goes_on() -> None:
    before = Casebook(60, (SERVER,))
    entries = _book(before, 10.0, detection(at=10.0))
    after = Casebook(60, (SERVER,))
    after.restore(entries.incidents, [entries.alerts[0][0]])
    again, is_new = _book(after, 20.0, detection(at=20.0)).alerts[0]
    assert (is_new, again.incident_id) == (False, entries.incidents[0].id)
