"""The tape deck of a replay."""

from __future__ import annotations

import math

import pytest

from engine.transport import LONGEST_WAIT_S, SPEEDS, Goal, Transport


@pytest.mark.parametrize(("speed", "wait_s"), [(1.0, 1.0), (4.0, 0.25), (0.5, 2.0)])
def test_a_step_waits_as_long_as_the_capture_did_at_the_speed_that_was_chosen(speed: float, wait_s: float) -> None:
    deck = Transport(speed)
    assert deck.left_s(100.0, wall=7.0) == 0
    deck.take(100.0, wall=7.0)
    assert deck.left_s(101.0, wall=7.0) == wait_s
    assert deck.left_s(101.0, wall=7.0 + wait_s) == 0


def test_neither_a_long_silence_nor_a_clock_that_jumps_back_is_waited_out() -> None:
    deck = Transport()
    deck.left_s(100.0, wall=0.0)
    deck.take(100.0, wall=0.0)
    assert deck.left_s(10_000.0, wall=0.0) == LONGEST_WAIT_S
    assert deck.left_s(0.0, wall=0.0) == 0


def test_every_step_is_waited_for_however_long_it_plays() -> None:
    deck, wall = Transport(), 0.0
    for at in range(100, 110):
        wall += deck.left_s(float(at), wall)
        deck.take(float(at), wall)
    assert wall == 9.0 > LONGEST_WAIT_S


def test_a_paused_tape_holds_and_a_step_lets_one_by() -> None:
    deck = Transport()
    deck.command("pause")
    assert math.isinf(deck.left_s(1.0, wall=0.0))
    deck.command("step")
    assert deck.left_s(1.0, wall=0.0) == 0
    deck.take(1.0, wall=0.0)
    assert math.isinf(deck.left_s(2.0, wall=0.0))
    deck.command("play")
    assert not math.isinf(deck.left_s(2.0, wall=0.0))


def test_a_pause_is_not_made_up_for() -> None:
    deck = Transport()
    deck.left_s(100.0, wall=0.0)
    deck.take(100.0, wall=0.0)
    deck.command("pause")
    deck.command("play")
    assert deck.left_s(101.0, wall=60.0) == 1.0


@pytest.mark.parametrize(
    ("goal", "steps", "next_at", "reached"),
    [
        pytest.param(Goal(step=3), 2, 5.0, False, id="a step before"),
        pytest.param(Goal(step=3), 3, 5.0, True, id="that step"),
        pytest.param(Goal(at=4.0), 9, 4.0, False, id="the next step belongs to the moment"),
        pytest.param(Goal(at=4.0), 9, 4.1, True, id="the next step is later"),
        pytest.param(Goal(at=4.0), 9, None, True, id="nothing is left before the end"),
        pytest.param(Goal(), 9, None, False, id="the end itself"),
    ],
)
def test_a_goal_is_reached(goal: Goal, steps: int, next_at: float | None, reached: bool) -> None:
    assert goal.is_reached(steps, next_at) is reached


def test_nothing_is_waited_for_on_the_way_to_a_goal() -> None:
    deck = Transport(playing=False)
    deck.command("seek", 50.0)
    assert deck.left_s(49.0, wall=0.0) == 0
    assert math.isinf(deck.left_s(51.0, wall=0.0))
    assert deck.goal is None


def test_the_speed_stays_within_what_there_is() -> None:
    deck = Transport()
    deck.command("speed", 1000)
    assert deck.speed == SPEEDS[-1]
    deck.command("speed", -1)
    assert deck.speed == SPEEDS[0]


def test_an_unknown_command_is_refused() -> None:
    with pytest.raises(ValueError, match="rewind"):
        Transport().command("rewind")
