"""Everybody is told; who cannot listen any more stops nobody else."""

from __future__ import annotations

import logging

import pytest

from engine.announcer import SUBSCRIBER_EVENTS, Announcer
from engine.state import State
from engine.store.writer import Writer
from engine.types import Event, Fault
from tests.factories import alert, incident


def _announcer(listener: object = None, stops: list[bool] | None = None) -> tuple[Announcer, State]:
    state = State()
    writer = Writer(lambda reason: None, lambda reason: None, live=False)
    on_deaf = (stops if stops is not None else []).append
    return Announcer(state, writer, lambda: 7.0, listener, lambda: on_deaf(True)), state  # type: ignore[arg-type]


def test_an_event_reaches_the_state_the_listener_and_every_subscriber() -> None:
    heard: list[Event] = []
    announcer, state = _announcer(heard.append)
    queues = [announcer.subscribe(), announcer.subscribe()]
    announcer.publish(alert())
    assert heard == [queue.get_nowait() for queue in queues][:1] == [alert()]
    assert state.alerts.newest() == (alert(),)


def test_a_subscriber_that_falls_behind_loses_the_oldest_and_it_is_counted() -> None:
    announcer, _ = _announcer()
    queue = announcer.subscribe()
    for number in range(SUBSCRIBER_EVENTS + 3):
        announcer.publish(incident(updated_at=float(number)))
    assert announcer.dropped == 3
    first = queue.get_nowait()
    assert first == incident(updated_at=3.0)


def test_a_listener_that_went_away_stops_the_run_and_is_told_no_more() -> None:
    def closed(event: Event) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    stops: list[bool] = []
    announcer, _ = _announcer(closed, stops)
    announcer.publish(alert())
    announcer.publish(alert())
    assert isinstance(announcer.deaf, BrokenPipeError)
    assert stops == [True]


def test_the_log_says_when_a_fault_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "engine.announcer")
    announcer, _ = _announcer()
    announcer.fault("store", "the disk is full", "free some")
    announcer.clear("store")
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [("WARNING", "store: the disk is full"), ("INFO", "store: works again")]


def test_the_log_says_how_a_fault_ended_where_that_is_known(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "engine.announcer")
    announcer, _ = _announcer()
    announcer.publish(Fault("blocking", "the halt has ended", "", 7.0, cleared=True))
    assert [record.getMessage() for record in caplog.records] == ["blocking: the halt has ended"]


def test_a_standing_fault_is_told_once_and_its_end_once() -> None:
    heard: list[Event] = []
    announcer, state = _announcer(heard.append)
    for _ in range(3):
        announcer.fault("store", "the disk is full", "free some")
    for _ in range(2):
        announcer.clear("store")
    assert heard == [
        Fault("store", "the disk is full", "free some", 7.0),
        Fault("store", "", "", 7.0, cleared=True),
    ]
    assert state.faults() == ()
