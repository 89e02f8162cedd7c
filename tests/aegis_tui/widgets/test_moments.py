"""The words for a moment of a replay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aegis_tui.clock import is_utc, show_utc
from aegis_tui.widgets.moments import moment_of
from engine.types import Tape

NOON = 1_760_011_200.0
"""2025-10-09 12:00 UTC."""
TAPE = Tape(
    0, 9, at=NOON + 60, starts_at=NOON, ends_at=NOON + 600, whole=True, playing=False, speed=1.0, alerts=(NOON + 5,)
)


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    before = is_utc()
    show_utc(True)
    yield
    show_utc(before)


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("start", 0), ("+30s", 90), ("-1m", 0), ("+2", 62), ("12:02:30.5", 150.5),
        ("12:02:30", 150.999999), ("12:02", 120.999999),
    ],
)  # fmt: skip
def test_a_moment_is_named_by_time_by_distance_or_by_alert(words: str, at: float) -> None:
    assert moment_of(words, TAPE) - NOON == pytest.approx(at, abs=1e-5)


def test_the_end_is_the_end() -> None:
    assert math.isinf(moment_of("end", TAPE))


def test_a_time_after_midnight_is_on_the_next_day() -> None:
    late = Tape(0, 9, at=NOON, starts_at=NOON + 43_000, ends_at=NOON + 44_000, whole=True, playing=False, speed=1.0)
    assert moment_of("00:01:00", late) - NOON == pytest.approx(43_260.999999)


@pytest.mark.parametrize("words", ["", "noon", "25:00", "12:60", "+", "12:00:99", "\x1b[2J", "+9h9"])
def test_what_is_no_moment_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"moment|alert|time of the day"):
        moment_of(words, TAPE)


@pytest.mark.parametrize("at", [253402300000.0, 1e12, 1e18, 1.8e19, -1e18, -1.8e19, 1e300], ids=str)
def test_a_capture_that_lies_about_its_time_is_steered_without_a_clock(at: float) -> None:
    """A stranger's file can hold any time; what the words come to must not end the console."""
    tape = replace(TAPE, at=at, starts_at=at, ends_at=at + 10)
    with pytest.raises(ValueError, match="no calendar holds"):
        moment_of("14:00", tape)
    assert moment_of("+2s", tape) == at + 2
