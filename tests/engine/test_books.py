"""What is told of an incident, and what is written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.announcer import Announcer
from engine.books import Books, stamp
from engine.casebook import Due
from engine.config import Settings
from engine.desk import Work
from engine.plan import Plan
from engine.recorder import Recorded
from engine.state import State
from engine.store.writer import Writer
from engine.types import Alert, Disposition, Event, Incident, StepKind, TraceStep
from tests.factories import alert, incident, update


class _Desk:
    """Books, and what they told."""

    def __init__(self, only: str = "") -> None:
        self.heard: list[Event] = []
        self.state = State()
        writer = Writer(lambda reason: None, lambda reason: None, live=False)
        announcer = Announcer(self.state, writer, lambda: 7.0, self.heard.append, lambda: None)
        plan = Plan("test", "test", (), Settings(), None, only=only)
        self.books = Books(plan, self.state, writer, announcer, lambda: 7.0)


def _tables(rows: list[tuple[str, tuple[object, ...]]]) -> list[str]:
    return [statement.split()[0] for statement, _ in rows]


def test_a_new_alert_is_told_and_a_repeat_only_stored() -> None:
    desk = _Desk()
    desk.books.alert_rows(alert(), True)
    rows = desk.books.alert_rows(alert(count=2), False)
    assert [event for event in desk.heard if isinstance(event, Alert)] == [alert()]
    assert (desk.books.alerts, _tables(rows)) == (1, ["INSERT"])


def test_what_an_earlier_replay_stored_is_forgotten_once_and_first() -> None:
    desk = _Desk()
    first, second = desk.books.alert_rows(alert(), True), desk.books.incident_rows(incident())
    assert _tables(first)[-1] == "INSERT"
    assert set(_tables(first)[:-1]) == {"DELETE"}
    assert _tables(second) == ["INSERT"]


def test_an_incident_taken_up_from_an_earlier_run_is_not_forgotten() -> None:
    desk = _Desk()
    desk.books.take_up("INC-01234567", steps=4, digest="ab", inputs=10)
    assert _tables(desk.books.alert_rows(alert(), True)) == ["INSERT"]
    desk.books.step(TraceStep("INC-01234567", 1, 0.0, "investigator", StepKind.ANSWER, "playbook", ""))
    assert [event.seq for event in desk.heard if isinstance(event, TraceStep)] == [5]
    ((_, stored),) = desk.books.input_rows(Work(recorded=[Recorded("INC-01234567", 0, update())]))
    assert stored[:2] == ("INC-01234567", 10)


def test_an_incident_is_told_when_it_shows_something_new_and_keeps_what_a_person_made_of_it() -> None:
    desk = _Desk()
    desk.books.incident_rows(incident())
    desk.state.apply(incident(disposition=Disposition.FALSE_POSITIVE))
    desk.books.incident_rows(incident(updated_at=2000.0))
    desk.books.incident_rows(incident(title="Log4Shell, then scan"))
    told = [event for event in desk.heard if isinstance(event, Incident)]
    assert told == [incident(), incident(title="Log4Shell, then scan", disposition=Disposition.FALSE_POSITIVE)]


def test_a_replay_of_one_incident_leaves_the_others_out() -> None:
    books = _Desk(only="INC-01234567").books
    other = replace(incident(), id="INC-ffffffff")
    assert not books.is_elsewhere(incident())
    assert not books.is_elsewhere((alert(), True))
    assert books.is_elsewhere(other)
    assert books.is_elsewhere(Due(other, (), (), 0.0))


def test_an_incident_that_was_judged_is_open_again_when_alerts_come() -> None:
    desk = _Desk()
    desk.books.incident_rows(incident())
    desk.state.apply(incident(disposition=Disposition.TRUE_POSITIVE))
    renewed = incident(alert_ids=(*incident().alert_ids, "A-later"), updated_at=2000.0)
    rows = desk.books.incident_rows(renewed)
    assert [event for event in desk.heard if isinstance(event, Incident)][-1] == renewed
    assert _tables(rows) == ["INSERT", "UPDATE", "INSERT"]
    assert "open again: alerts came after it was judged true positive" in str(rows[-1][1])


@pytest.mark.parametrize(("at", "written"), [(1e18, "1e+18 s after 1970"), (-1.8e19, "-1.8e+19 s after 1970")])
def test_a_time_that_no_calendar_holds_is_written_as_it_is(at: float, written: str) -> None:
    assert stamp(at) == written
