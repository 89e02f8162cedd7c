"""The transport bar, at every width and on every terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegis_tui.widgets.line import plain
from aegis_tui.widgets.tape import tape_line
from engine.types import Tape

TAPE = Tape(
    5, 10, at=1050.0, starts_at=1000.0, ends_at=1100.0, whole=True, playing=True, speed=4.0, alerts=(1000, 1080)
)


@pytest.mark.parametrize("width", [20, 80, 120, 200])
def test_the_bar_is_as_wide_as_the_pane_or_left_out(width: int) -> None:
    drawn = plain(tape_line(TAPE, width, ended=False))
    assert len(drawn) == width or (width < 60 and "━" not in drawn)
    assert "×4" in drawn


def test_alerts_are_marked_where_they_come_and_the_knob_where_it_stands() -> None:
    bar = "".join(char for char in plain(tape_line(TAPE, 120, ended=False)) if char in "━─●╂")
    assert bar[0] == "╂"
    assert abs(bar.index("●") - len(bar) / 2) <= 1
    assert abs(bar.rindex("╂") - 0.8 * len(bar)) <= 1


@pytest.mark.parametrize(
    ("tape", "ended", "word"),
    [
        (TAPE, False, "PLAYING"),
        (replace(TAPE, playing=False), False, "PAUSED"),
        (replace(TAPE, seeking=True), False, "SEEKING"),
        (TAPE, True, "ENDED"),
        (replace(TAPE, step=0, starts_at=0.0, ends_at=0.0, at=0.0), False, "LOADING"),
    ],
)
def test_a_word_says_what_it_does(tape: Tape, ended: bool, word: str) -> None:
    assert plain(tape_line(tape, 80, ended=ended)).startswith(word)


def test_a_plain_terminal_gets_plain_signs() -> None:
    assert plain(tape_line(TAPE, 100, ended=False, plain_bars=True)).isascii()


def test_an_end_that_is_not_known_yet_is_marked() -> None:
    assert plain(tape_line(replace(TAPE, whole=False), 100, ended=False)).endswith("…")


@pytest.mark.parametrize(("step", "bar"), [(0, "●─"), (1, "━●")])
def test_a_capture_of_one_moment_stands_at_its_start_or_at_its_end(step: int, bar: str) -> None:
    one = replace(TAPE, step=step, steps=1, starts_at=1050.0, ends_at=1050.0, alerts=())
    assert bar in plain(tape_line(one, 100, ended=step > 0))
