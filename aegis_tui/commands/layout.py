"""Lines that fit the reader's terminal: tables with headings, and paragraphs that hang below their first word.

Where standard output is no terminal nothing is cut, wrapped or left out: a program finds the same columns always.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from engine.text import escape

NARROWEST = 40
"""Columns that are laid out for at least, however narrow the terminal says it is."""
_GAP = 2
_ELASTIC = 16
"""Least width of the last column in a terminal, before another column gives way to it."""

Row = TypeVar("Row")


def terminal_width() -> int:
    """Return the columns of the terminal that is written to, 0 where it is none."""
    return max(shutil.get_terminal_size().columns, NARROWEST) if sys.stdout.isatty() else 0


class Column(NamedTuple, Generic[Row]):
    """One column: its heading, and what stands in it."""

    heading: str
    cell: Callable[[Row], str]
    goes: int = 0
    """When it is left out of a terminal that is too narrow: the highest number first, 0 never."""
    right: bool = False
    """Whether it is set flush right, as numbers are."""
    least: int = 0
    """Width where standard output is no terminal, so that columns stand still from page to page."""


class Table(Generic[Row]):
    """Lays out page after page in the columns that the first page needs; the last column takes what is left."""

    def __init__(self, columns: Sequence[Column[Row]], width: int) -> None:
        """Take the terminal's ``width`` in columns, 0 for none."""
        self._columns, self._width = list(columns), width
        self._widths: list[int] | None = None

    def lines(self, rows: Sequence[Row]) -> Iterator[str]:
        """Yield the rows, and before the first of all of them the headings."""
        if not rows:
            return
        cells = [[escape(column.cell(row)) for column in self._columns] for row in rows]
        if self._widths is None:
            self._fit(cells)
            yield self._line([column.heading.upper() for column in self._columns])
        for row in cells:
            yield self._line(row)

    def _fit(self, cells: Sequence[Sequence[str]]) -> None:
        """Choose the columns that fit, and how wide each is."""
        self._widths = [
            max(cells_of(column.heading), *(cells_of(row[at]) for row in cells), 0 if self._width else column.least)
            for at, column in enumerate(self._columns)
        ]
        while self._width and self._needed() > self._width and max(column.goes for column in self._columns):
            at = max(range(len(self._columns)), key=lambda index: self._columns[index].goes)
            for listed in (self._widths, self._columns, *cells):
                del listed[at]  # type: ignore[attr-defined]

    def _needed(self) -> int:
        assert self._widths is not None  # noqa: S101 - _fit set them
        *fixed, last = self._widths
        return sum(fixed) + _GAP * len(fixed) + min(last, _ELASTIC)

    def _line(self, cells: Sequence[str]) -> str:
        assert self._widths is not None  # noqa: S101 - the first page set them
        *fixed, last = [
            padded(cell, width, right=column.right)
            for cell, width, column in zip(cells, self._widths, self._columns, strict=True)
        ]
        start = "".join(f"{cell}{' ' * _GAP}" for cell in fixed)
        line = f"{start}{last.rstrip()}".rstrip()
        return cut(line, self._width) if self._width else line


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return a text in a field of a width; one that is longer stays whole."""
    blank = " " * (width - cells_of(text))
    return blank + text if right else text + blank


def cells_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return a text in at most so many columns; what is missing is an ellipsis."""
    if cells_of(text) <= width:
        return text
    taken = 0
    for at, character in enumerate(text):
        taken += _cells(character)
        if taken > width - 1:
            return f"{text[:at]}…"
    return text


def hanging(head: str, text: str, width: int, indent: int) -> Iterator[str]:
    """Yield a text behind its head in lines that end between words; where there is no terminal it is one line."""
    start, shown = padded(head, indent), escape(text)
    if not width:
        yield f"{start}{shown}".rstrip()
        return
    room = max(width - indent, NARROWEST // 2)
    for line in _wrapped(shown, room):
        yield f"{start}{line}".rstrip()
        start = " " * indent


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Yield lines of at most ``room`` columns; a word that is longer than that is broken."""
    line, taken = "", 0
    for word in text.split(" "):
        wide = cells_of(word)
        if line and taken + 1 + wide > room:
            yield line
            line, taken = "", 0
        elif line:
            line, taken = f"{line} ", taken + 1
        for piece in _pieces(word, room) if wide > room else (word,):
            if taken and taken + cells_of(piece) > room:
                yield line
                line, taken = "", 0
            line, taken = line + piece, taken + cells_of(piece)
    yield line


def _pieces(word: str, room: int) -> Iterator[str]:
    piece, taken = "", 0
    for character in word:
        if taken + _cells(character) > room:
            yield piece
            piece, taken = "", 0
        piece, taken = piece + character, taken + _cells(character)
    yield piece
