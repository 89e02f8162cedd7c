"""What a batch of updates amounts to, in order."""

from __future__ import annotations

from collections.abc import Sequence

from engine.casebook import Due, Entries
from engine.desk import Desk
from engine.intake import Batch
from engine.types import Alert, Detection, FlowUpdate, Incident, UpdateReason
from tests.factories import SERVER, detection, update


class Accuser:
    """Holds something against every payload, and breaks on a chunk that says so."""

    name = "rules"
    version = "test"

    def inspect(self, seen: FlowUpdate) -> Sequence[Detection]:
        """Return a detection for a payload."""
        if seen.chunk == b"break":
            raise ValueError("broken")
        return [detection(at=seen.at)] if seen.reason is UpdateReason.PAYLOAD else []


def desk() -> Desk:
    return Desk([Accuser()], 60.0, [SERVER])


def _names(items: Sequence[object]) -> list[str]:
    return ["alert" if isinstance(item, tuple) else type(item).__name__ for item in items]


def test_a_detection_comes_before_its_alert_and_that_before_its_incident() -> None:
    work = desk().work(Batch([update(at=10.0)], 10.0))
    assert _names(work.items) == ["Detection", "alert", "Incident"]
    alert, is_new = next(item for item in work.items if isinstance(item, tuple))
    incident = next(item for item in work.items if isinstance(item, Incident))
    assert isinstance(alert, Alert)
    assert (is_new, alert.incident_id) == (True, incident.id)


def test_a_case_is_due_after_a_moment_or_with_the_last_batch() -> None:
    at_work = desk()
    assert not any(isinstance(item, Due) for item in at_work.work(Batch([update(at=10.0)], 10.0)).items)
    assert [type(item) for item in at_work.work(Batch([], 10.6)).items] == [Due]
    last = desk().work(Batch([update(at=10.0)], 10.0, last=True))
    assert isinstance(last.items[-1], Due)


def test_a_clock_that_is_set_back_makes_what_waits_due_but_disorder_does_not() -> None:
    at_work = desk()
    at_work.work(Batch([update(at=5000.0)], 5000.0))
    assert at_work.work(Batch([], 4999.0)).items == []
    assert [type(item) for item in at_work.work(Batch([], 1000.0)).items] == [Due]


def test_a_detector_that_breaks_is_told_of_once_and_its_flow_is_still_booked() -> None:
    at_work = desk()
    work = at_work.work(Batch([update(chunk=b"break"), update(reason=UpdateReason.END)], 10.0))
    assert [(broken.stage, broken.reason) for broken in work.broken] == [("rules", "ValueError: broken")]
    assert len(work.ended) == 1
    assert at_work.work(Batch([], 11.0)).broken == []


def test_detections_are_counted_as_alerts_or_as_folded() -> None:
    at_work = desk()
    work = at_work.work(Batch([update(at=10.0 + number) for number in range(5)], 15.0))
    new = sum(isinstance(item, tuple) and item[1] for item in work.items)
    assert at_work.detections == 5 == new + at_work.casebook.dedup.folded


def test_an_update_that_the_casebook_breaks_on_is_set_aside_and_the_next_is_booked() -> None:
    at_work = desk()
    calls: list[FlowUpdate] = []
    enter = at_work.casebook.enter

    def breaks_once(seen: FlowUpdate, detections: Sequence[Detection]) -> Entries:
        calls.append(seen)
        if len(calls) == 1:
            raise KeyError("lost")
        return enter(seen, detections)

    at_work.casebook.enter = breaks_once  # type: ignore[assignment,method-assign]
    work = at_work.work(Batch([update(at=10.0), update(at=11.0)], 11.0))
    assert [broken.stage for broken in work.broken] == ["casebook"]
    assert "alert" in _names(work.items)
