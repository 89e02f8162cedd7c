"""A comparison drawn in two columns, or one under the other."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from aegis_tui.screens.difference import rows
from aegis_tui.widgets.line import plain
from engine.types import Change, Comparison
from tests.aegis_tui.widgets.test_safe import HOSTILE

LONG = "critical, malicious, proposes block of 203.0.113.9/32: Log4Shell, then path traversal and command injection"


def _found(*changes: Change) -> Comparison:
    return Comparison("a.pcap", "threshold as shipped", "threshold 0.8", changes, 7, ("model: cannot read it",))


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_row_is_wider_than_the_screen(width: int) -> None:
    changes = (Change("changed", "incident", 1.0, "203.0.113.9", LONG, LONG), Change("new", "alert", 1.0, "a", "", "b"))
    assert all(cell_len(plain(row)) <= width for row in rows(_found(*changes), width))


def test_both_sides_stand_in_one_row_where_there_is_room() -> None:
    drawn = [plain(row) for row in rows(_found(Change("changed", "alert", 1.0, "k", "high 0.5", "high 0.7")), 120)]
    assert any("high 0.5" in row and "high 0.7" in row for row in drawn)
    narrow = [plain(row) for row in rows(_found(Change("changed", "alert", 1.0, "k", "high 0.5", "high 0.7")), 80)]
    assert not any("high 0.5" in row and "high 0.7" in row for row in narrow)


def test_no_change_and_a_fault_are_said() -> None:
    drawn = "\n".join(plain(row) for row in rows(_found(), 120))
    assert "Nothing changes" in drawn
    assert "! model: cannot read it" in drawn


@pytest.mark.parametrize("width", [80, 120])
def test_hostile_text_is_inert(width: int) -> None:
    changes = tuple(Change("changed", "alert", 1.0, text, text, f"{text}b") for text in HOSTILE)
    drawn = "".join(plain(row) for row in rows(_found(*changes), width))
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in drawn)
