"""Captured bytes in hex and text, with what the detector saw highlighted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual import events

from aegis_tui.widgets.line import Line, Paragraph, Span, line, wrap
from aegis_tui.widgets.pane import Pane
from engine.types import Alert, Direction


class Dump(NamedTuple):
    """Bytes to show and where they lie in their payload stream."""

    captured: bytes
    offset: int | None
    """Of the first byte in the stream; None where it is not known."""
    hits: frozenset[int]
    """Indices into ``captured`` that a span covers."""
    caption: str


def dump(alert: Alert) -> Dump:
    """Return the bytes an alert rests on; spans are marked where their place in the excerpt is certain."""
    found = alert.detection
    direction = found.spans[0].direction if found.spans else Direction.TO_SERVER
    head = alert.flow.head[0 if direction is Direction.TO_SERVER else 1]
    captured = found.excerpt or head
    offset = _place(captured, head, [s.offset for s in found.spans])
    if not captured:
        return Dump(b"", None, frozenset(), "no payload")
    hits: set[int] = set()
    if offset is not None:
        for span in (s for s in found.spans if s.direction is direction):
            hits.update(range(span.offset - offset, span.offset - offset + span.length))
    where = "place in the stream not recorded" if offset is None else f"from byte {offset}"
    return Dump(captured, offset, frozenset(hits), f"{direction.value.replace('_', ' ')}, {where}")


def hex_lines(shown: Dump, width: int) -> list[Line]:
    """Return the rows: offset, hex, text; 16 bytes each where there is room, else 8 or 4."""
    step = 16 if width >= 75 else 8 if width >= 42 else 4
    start = shown.offset or 0
    return [_row(shown, at, step, start) for at in range(0, len(shown.captured), step)]


class HexPane(Pane):
    """The bytes of one alert below the words about it."""

    def __init__(self, heading: str, *, id: str | None = None) -> None:
        super().__init__(heading, id=id)
        self._above: tuple[Paragraph, ...] = ()
        self._below: tuple[Paragraph, ...] = ()
        self._dump: Dump | None = None

    def draw(self, above: Sequence[Paragraph], shown: Dump | None, below: Sequence[Paragraph] = ()) -> None:
        """Show words, bytes and more words; the same again costs nothing."""
        wanted = (tuple(above), shown, tuple(below))
        if wanted != (self._above, self._dump, self._below):
            self._above, self._dump, self._below = wanted
            self.show(self._rows())

    def on_resize(self, event: events.Resize) -> None:
        """Lay the bytes out for the new width."""
        self._strips.clear()
        self.show(self._rows())

    def _rows(self) -> list[Line]:
        width = self.size.width or 80
        rows = [row for text in self._above for row in wrap(text, width)]
        if self._dump:
            rows += [line((self._dump.caption, "dim")), *hex_lines(self._dump, width)]
        return rows + [row for text in self._below for row in wrap(text, width)]


def _place(captured: bytes, head: bytes, offsets: list[int]) -> int | None:
    places = [at for at in range(len(head)) if head.startswith(captured, at)] if captured else []
    covering = [at for at in places if offsets and at <= offsets[0] < at + len(captured)]
    return next(iter(covering or places), None)


def _row(shown: Dump, at: int, step: int, start: int) -> Line:
    piece = shown.captured[at : at + step]
    style = ["hit" if at + n in shown.hits else "" for n in range(len(piece))]
    cells = [(f"{byte:02x}", style[n]) for n, byte in enumerate(piece)]
    gaps = [" " if n % 8 != 7 else "  " for n in range(len(piece))]
    hexes = [part for n, cell in enumerate(cells) for part in (Span(*cell), Span(gaps[n]))]
    texts = [Span(chr(byte) if 32 <= byte < 127 else ".", style[n]) for n, byte in enumerate(piece)]
    pad = Span(" " * ((step - len(piece)) * 3 + step // 8 - len(piece) // 8))
    return (Span(f"{start + at:04x}  ", "dim"), *hexes, pad, Span("│", "dim"), *texts, Span("│", "dim"))
