"""The inputs of an incident are kept, within bounds, and nobody else's."""

from __future__ import annotations

from engine.recorder import INCIDENT_BYTES, INCIDENT_INPUTS, Recorder
from tests.factories import ATTACKER, five_tuple, flow, update


def test_what_came_before_the_alert_is_recorded_too() -> None:
    recorder = Recorder()
    early = update(at=1.0)
    recorder.see(early)
    assert recorder.follow(ATTACKER, "INC-1") == [("INC-1", 0, early)]


def test_what_comes_after_the_alert_is_recorded_in_order() -> None:
    recorder = Recorder()
    recorder.see(update(at=1.0))
    recorder.follow(ATTACKER, "INC-1")
    later = update(at=2.0)
    assert recorder.see(later) == [("INC-1", 1, later)]


def test_a_bystander_is_not_recorded() -> None:
    recorder = Recorder()
    recorder.follow(ATTACKER, "INC-1")
    assert recorder.see(update(flow(five_tuple("198.51.100.7")))) == []


def test_a_flow_between_two_targets_is_recorded_for_both() -> None:
    recorder = Recorder()
    recorder.follow("198.51.100.1", "INC-1")
    recorder.follow("198.51.100.2", "INC-2")
    seen = recorder.see(update(flow(five_tuple("198.51.100.1", dst_ip="198.51.100.2"))))
    assert [item.incident_id for item in seen] == ["INC-1", "INC-2"]


def test_following_twice_records_nothing_twice() -> None:
    recorder = Recorder()
    recorder.see(update())
    recorder.follow(ATTACKER, "INC-1")
    assert recorder.follow(ATTACKER, "INC-1") == []


def test_one_incident_keeps_a_bounded_number_of_inputs() -> None:
    recorder = Recorder()
    recorder.follow(ATTACKER, "INC-1")
    kept = sum(len(recorder.see(update())) for _ in range(INCIDENT_INPUTS + 50))
    assert kept == INCIDENT_INPUTS


def test_one_incident_keeps_a_bounded_number_of_bytes() -> None:
    recorder = Recorder()
    recorder.follow(ATTACKER, "INC-1")
    kept = sum(len(recorder.see(update(chunk=bytes(100_000)))) for _ in range(100))
    assert kept == INCIDENT_BYTES // 100_600


def test_the_memory_before_an_alert_is_bounded() -> None:
    recorder = Recorder(limit_bytes=10_000)
    for _ in range(100):
        recorder.see(update(chunk=bytes(1000)))
    assert len(recorder.follow(ATTACKER, "INC-1")) == 6
