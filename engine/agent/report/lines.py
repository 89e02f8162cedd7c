"""The lines of a report, the same for Markdown and HTML: words of the program, and beside them what others wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from engine.agent.tongue import Tongue
from engine.text import escape

PLAYBOOK = "playbook"
"""The analyst without a language model."""

LINES = 200
"""Of one section; how many more there are is said."""

LINE_CHARACTERS = 5_000
"""Of the words, the quoted text and the ids of a line, each."""

_TEXT_LIMIT = 2_000
_T = TypeVar("_T")


class Mark(StrEnum):
    """How a line is to be read."""

    PLAIN = "plain"
    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a section: words of the program, then text that others wrote."""

    words: str
    quoted: str = ""
    ids: tuple[str, ...] = ()
    """Of evidence and knowledge that the line rests on."""
    mark: Mark = Mark.PLAIN
    anchor: str = ""
    """The id of the evidence that the line tells."""
    fields: tuple[tuple[str, str], ...] = ()
    """Names and values that stand below it, escaped; a name may be empty."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines."""

    name: str
    """For the page's style and links."""
    title: str
    lines: tuple[Line, ...]


def listed(items: Sequence[_T], one: Callable[[_T], Line], tongue: Tongue) -> tuple[Line, ...]:
    """Return one line for each item, or one that says there is none."""
    return bounded(map(one, items), tongue)


def bounded(lines: Iterable[Line], tongue: Tongue) -> tuple[Line, ...]:
    """Return the first lines, and how many more there are."""
    every = tuple(lines)
    more = len(every) - LINES
    kept = every[:LINES] or (Line(tongue.say("none")),)
    return (*kept, Line(tongue.say("and {count} more", count=more))) if more > 0 else kept


def cut(text: str) -> str:
    """Return text that others wrote, escaped and within bounds."""
    return escape(text, limit=_TEXT_LIMIT)
