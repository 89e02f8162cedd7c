"""What is read out of a document: text under headings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

TEXT_CHARACTERS = 8_000_000
"""Of one document; the rest is left out."""
HEADING_CHARACTERS = 200


class Section(NamedTuple):
    """Text under one heading."""

    heading: str
    """With those above it, such as ``Backup > Restore``; empty before the first."""
    text: str


@dataclass(frozen=True, slots=True)
class Extract:
    """What a document says."""

    format: str
    sections: tuple[Section, ...]
    encoding: str = ""
    """Empty where the format has one of its own."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""


Levels = list[tuple[int, str]]
"""The headings in force, each with its level."""


def outline(levels: Levels) -> str:
    """Return the heading that stands at the end of ``levels``, with those above it."""
    return " > ".join(title for _, title in levels)[:HEADING_CHARACTERS]


def below(levels: Levels, level: int, title: str) -> Levels:
    """Return the headings in force once one of ``level`` has begun."""
    return [*(above for above in levels if above[0] < level), (level, " ".join(title.split())[:HEADING_CHARACTERS])]
