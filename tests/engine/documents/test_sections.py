"""A heading is told with those above it."""

from __future__ import annotations

from engine.documents.sections import HEADING_CHARACTERS, Levels, below, outline


def test_a_heading_ends_those_of_its_level_and_below() -> None:
    levels: Levels = []
    told = []
    for level, title in ((1, "A"), (2, "B"), (4, " C  d "), (2, "E"), (1, "F")):
        levels = below(levels, level, title)
        told.append(outline(levels))
    assert told == ["A", "A > B", "A > B > C d", "A > E", "F"]


def test_a_heading_has_an_end() -> None:
    assert len(outline(below(below([], 1, "x" * 10_000), 2, "y" * 10_000))) == HEADING_CHARACTERS
