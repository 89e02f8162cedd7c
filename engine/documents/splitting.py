"""Text under headings to pieces of a size that a search can cite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from engine.documents.sections import Section

TARGET = 600
"""Characters of a piece, about."""
MOST = 900
"""Characters of a piece, at most."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])|\n")
_WORD = re.compile(r"\s+|(?<=[，、,;])")

Span = tuple[int, int]


class Piece(NamedTuple):
    """What is embedded, found and cited as one."""

    heading: str
    text: str


def split(sections: Iterable[Section]) -> list[Piece]:
    """Return the pieces in order; together they hold every character of the text but the white space around them."""
    return [piece for section in sections for piece in _pieces(section)]


def _pieces(section: Section) -> Iterator[Piece]:
    text = section.text
    start = end = 0
    for begin, stop in _units(text):
        if end > start and stop - start > TARGET:
            yield from _piece(section.heading, text[start:end])
            start = begin
        end = stop
    yield from _piece(section.heading, text[start:end])


def _piece(heading: str, text: str) -> Iterator[Piece]:
    if stripped := text.strip():
        yield Piece(heading, stripped)


def _units(text: str) -> Iterator[Span]:
    """Yield what is better not cut: paragraphs, else sentences, else words, else so many characters."""
    for span in _cut(text, (0, len(text)), _PARAGRAPH):
        if span[1] - span[0] <= TARGET:
            yield span
            continue
        for sentence in _cut(text, span, _SENTENCE):
            yield from [sentence] if sentence[1] - sentence[0] <= MOST else _hard(text, sentence)


def _cut(text: str, span: Span, border: re.Pattern[str]) -> Iterator[Span]:
    """Yield the parts of a span between borders, each with the border that ends it."""
    start = span[0]
    for found in border.finditer(text, *span):
        yield start, found.end()
        start = found.end()
    yield start, span[1]


def _hard(text: str, span: Span) -> Iterator[Span]:
    """Yield the parts of a sentence too long for a piece, cut between words where there are any."""
    start, end = span
    while end - start > TARGET:
        words = [found.end() for found in _WORD.finditer(text, start + TARGET // 2, start + TARGET)]
        stop = words[-1] if words else start + TARGET
        yield start, stop
        start = stop
    yield start, end
