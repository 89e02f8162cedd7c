"""Lines of styled text and how they become strips: the only way text reaches the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from aegis_tui.widgets.safe import visible
from aegis_tui.widgets.theme import in_force


class Span(NamedTuple):
    """A piece of text in one style."""

    text: str
    style: str = ""
    """What it means, by a name of ``theme.py``."""


Line = tuple[Span, ...]


class Paragraph(NamedTuple):
    """Text that wraps at spaces; continuation rows start at ``indent``."""

    spans: Line
    indent: int = 0
    max_rows: int = 40


def line(*parts: str | tuple[str, str]) -> Line:
    """Return a line from plain strings and ``(text, style)`` pairs."""
    return tuple(Span(part) if isinstance(part, str) else Span(*part) for part in parts)


def paragraph(*parts: str | tuple[str, str], indent: int = 0, max_rows: int = 40) -> Paragraph:
    """Return a paragraph from plain strings and ``(text, style)`` pairs."""
    return Paragraph(line(*parts), indent, max_rows)


def plain(spans: Iterable[Span]) -> str:
    """Return the text of a line without its styles."""
    return "".join(span.text for span in spans)


def fit(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` cells, cut with an ellipsis or padded."""
    safe = visible(text)
    if cell_len(safe) > width:
        safe = set_cell_size(safe, max(0, width - 1)) + "…"
    return set_cell_size(safe, width)


def fit_ends(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` cells, cut in the middle: both ends of an address tell it from others."""
    safe = visible(text)
    if width < 5 or not safe.isascii() or len(safe) <= width:
        return fit(safe, width)
    head = width // 2
    return f"{safe[:head]}…{safe[head + 1 - width :]}"


def inked(cell: str, style: str) -> list[Span]:
    """Return a cell whose words have the style, and whose padding has none: that would be underlined."""
    words = cell.strip(" ")
    if not style or words == cell or not words:
        return [Span(cell, style)]
    at = cell.index(words)
    return [span for span in (Span(cell[:at]), Span(words, style), Span(cell[at + len(words) :])) if span.text]


def strip(spans: Line, width: int, over: str = "") -> Strip:
    """Return the strip of a line, escaped and exactly ``width`` cells; ``over`` is laid over every style."""
    segments = []
    styles = in_force().styles
    laid_over = styles[over] if over else None
    left = width
    for text, name in spans:
        safe = visible(text)
        cells = cell_len(safe)
        if cells > left:
            safe, cells = fit(safe, left), left
        if cells:
            segments.append(Segment(safe, styles[name] + laid_over))
        left -= cells
        if left <= 0:
            break
    if left > 0:
        segments.append(Segment(" " * left, styles[over]))
    return Strip(segments, width).simplify()


def wrap(text: Paragraph, width: int) -> list[Line]:
    """Return the rows of a paragraph, at most ``max_rows`` of them."""
    rows: list[Line] = []
    row: list[Span] = []
    room = width
    for word, name in _words(text.spans, max(8, width - text.indent)):
        cells = cell_len(word)
        if cells > room and row and word != " ":
            rows.append(tuple(row))
            row = [Span(" " * text.indent)] if text.indent else []
            room = width - text.indent
        if cells <= room:
            row.append(Span(word, name))
            room -= cells
    rows.append(tuple(row))
    if len(rows) > text.max_rows:
        rows = [
            *rows[: text.max_rows - 1],
            line(" " * text.indent, (f"… +{len(rows) - text.max_rows + 1} rows", "dim")),
        ]
    return rows


def _words(spans: Sequence[Span], longest: int) -> Iterable[Span]:
    for text, name in spans:
        for number, word in enumerate(visible(text).split(" ")):
            if number:
                yield Span(" ", name)
            at, step = 0, max(1, longest // 2)
            # No character is narrower than a cell, so only the last few are ever measured.
            while len(word) - at > longest or cell_len(word[at:]) > longest:
                yield Span(word[at : at + step], name)
                at += step
            if at < len(word):
                yield Span(word[at:], name)
