"""The tape deck of a replay."""

from __future__ import annotations

import pytest

from engine.transport import LONGEST_WAIT_S, SPEEDS, Transport


@pytest.mark.parametrize(("speed", "wait_s"), [(1.0, 1.0), (4.0, 0.25), (0.5, 2.0)])
def test_a_batch_waits_as_long_as_the_capture_did_at_the_speed_that_was_chosen(speed: float, wait_s: float) -> None:
    deck = Transport(speed)
    assert deck.wait_s(100.0) == 0
    assert deck.wait_s(101.0) == wait_s


def test_neither_a_long_silence_nor_a_clock_that_jumps_back_is_waited_out() -> None:
    deck = Transport()
    deck.wait_s(100.0)
    assert deck.wait_s(10_000.0) == LONGEST_WAIT_S
    assert deck.wait_s(0.0) == 0


def test_a_paused_tape_holds_and_a_step_lets_one_batch_by() -> None:
    deck = Transport()
    assert not deck.holds()
    deck.command("pause")
    assert deck.holds()
    deck.command("step")
    assert [deck.holds(), deck.holds()] == [False, True]
    deck.command("play")
    assert not deck.holds()


def test_the_speed_stays_within_what_there_is() -> None:
    deck = Transport()
    deck.command("speed", 1000)
    assert deck.speed == SPEEDS[-1]
    deck.command("speed", -1)
    assert deck.speed == SPEEDS[0]


def test_an_unknown_command_is_refused() -> None:
    with pytest.raises(ValueError, match="rewind"):
        Transport().command("rewind")
