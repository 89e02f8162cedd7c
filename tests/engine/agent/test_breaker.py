"""An endpoint that keeps failing is left alone, and one call at a time tries whether it is back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agent.breaker import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker


def broken(at: float = 0.0) -> Breaker:
    """Return a breaker after as many failures in a row as it takes."""
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.lets_pass(at)
        breaker.failed(at)
    return breaker


def test_failures_in_a_row_open_it_for_a_minute() -> None:
    breaker = broken(at=100.0)
    assert breaker.open_until == 100.0 + FIRST_PAUSE_S
    assert not breaker.lets_pass(100.0 + FIRST_PAUSE_S - 1)


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0.0)
        breaker.failed(0.0)
        breaker.succeeded()
    assert breaker.open_until == 0.0
    assert breaker.lets_pass(0.0)


def test_after_the_pause_one_call_passes_and_no_other_beside_it() -> None:
    breaker = broken()
    assert breaker.lets_pass(FIRST_PAUSE_S)
    assert not breaker.lets_pass(FIRST_PAUSE_S)


def test_a_trial_that_succeeds_lets_every_call_pass() -> None:
    breaker = broken()
    breaker.lets_pass(FIRST_PAUSE_S)
    breaker.succeeded()
    assert [breaker.lets_pass(FIRST_PAUSE_S) for _ in range(3)] == [True] * 3
    assert breaker.open_until == 0.0


def test_each_trial_that_fails_doubles_the_pause_up_to_ten_minutes() -> None:
    breaker, now, pauses = broken(), 0.0, []
    for _ in range(6):
        now = breaker.open_until
        assert breaker.lets_pass(now)
        breaker.failed(now)
        pauses.append(breaker.open_until - now)
    assert pauses == [120.0, 240.0, 480.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_a_trial_that_never_comes_back_holds_nobody_up_for_ever() -> None:
    breaker = broken()
    assert breaker.lets_pass(FIRST_PAUSE_S)
    assert breaker.lets_pass(2 * FIRST_PAUSE_S)


@given(st.lists(st.tuples(st.sampled_from(["ask", "fail", "answer"]), st.floats(0, 300)), max_size=60))
def test_no_pause_is_longer_than_the_longest(moves: list[tuple[str, float]]) -> None:
    breaker, now = Breaker(), 0.0
    for move, later in moves:
        now += later
        if move == "ask":
            breaker.lets_pass(now)
        elif move == "fail":
            breaker.failed(now)
        else:
            breaker.succeeded()
        assert breaker.open_until <= now + LONGEST_PAUSE_S


@pytest.mark.parametrize("failures", range(FAILURES))
def test_fewer_failures_hold_nothing_up(failures: int) -> None:
    breaker = Breaker()
    for _ in range(failures):
        breaker.failed(0.0)
    assert breaker.lets_pass(0.0)


def test_one_call_that_stalled_is_enough_to_leave_the_endpoint_alone() -> None:
    breaker = Breaker()
    breaker.failed(100.0, stalled=True)
    assert breaker.is_open
    assert not breaker.lets_pass(159.0)
    assert breaker.lets_pass(160.0)
