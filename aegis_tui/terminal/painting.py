"""Sends a terminal the cells that changed, and nothing else.

Textual repaints a changed line from the left edge of its widget, and puts a style before and a reset behind each
piece of text. Over SSH that is four to seven times the bytes of what a person sees change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.screen import Screen
from textual.strip import Strip

NEAR = 6
"""Cells that did not change are sent as well where moving past them takes as many bytes."""
RESET = "\x1b[m"


class Cell(NamedTuple):
    """What stands in one place of the terminal."""

    text: str
    """One character, with those that combine with it; empty in the right half of a wide one."""
    code: str
    """The numbers of its style, as SGR takes them."""


UNKNOWN = Cell("?", "unknown")
"""Where nothing was drawn yet: nobody knows what stands there, and nothing is sent."""


class Canvas:
    """What the terminal shows, as far as is known."""

    def __init__(self) -> None:
        self._rows: list[list[Cell]] = []

    def forget(self) -> None:
        """Know nothing of the terminal any more: the next update is sent in full."""
        self._rows = []

    def draw(self, pieces: Iterable[tuple[int, int, Strip]], width: int, height: int, system: ColorSystem) -> str:
        """Return what brings the terminal from what it shows to this: strips, each with its column and row."""
        if len(self._rows) != height or len(self._rows[0] if self._rows else ()) != width:
            self._rows = [[UNKNOWN] * width for _ in range(height)]
        fresh: dict[int, list[Cell]] = {}
        for x, y, strip in pieces:
            if 0 <= y < height and x < width:
                row = fresh.setdefault(y, self._rows[y].copy())
                cells = _cells(strip, system)[: width - x]
                row[x : x + len(cells)] = cells
        pen = _Pen()
        for y, row in sorted(fresh.items()):
            for start, end in _runs(self._rows[y], row):
                pen.write(start, y, row[start:end])
            self._rows[y] = row
        return pen.lifted()


class _Pen:
    """Writes cells, with a change of style only where it changes."""

    def __init__(self) -> None:
        self._code = ""
        self._out: list[str] = []

    def write(self, x: int, y: int, cells: list[Cell]) -> None:
        out = self._out
        out.append(f"\x1b[{y + 1};{x + 1}H")
        for text, code in cells:
            if code != self._code:
                out.append(f"\x1b[0;{code}m" if code else RESET)
                self._code = code
            out.append(text)

    def lifted(self) -> str:
        return "".join(self._out) + (RESET if self._code else "")


def _runs(old: list[Cell], new: list[Cell]) -> Iterator[tuple[int, int]]:
    """Yield where a row changed, as start and end; places near each other are one, and no wide character is cut."""
    changed = [x for x, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
    start = end = -1
    for x in changed:
        if start >= 0 and x - end <= NEAR and UNKNOWN not in new[end:x]:
            end = x + 1
            continue
        if start >= 0:
            yield _whole(new, start, end)
        start, end = x, x + 1
    if start >= 0:
        yield _whole(new, start, end)


def _whole(row: list[Cell], start: int, end: int) -> tuple[int, int]:
    while start > 0 and not row[start].text:
        start -= 1
    while end < len(row) and not row[end].text:
        end += 1
    return start, end


def _cells(strip: Strip, system: ColorSystem) -> list[Cell]:
    cells: list[Cell] = []
    for text, style, _ in strip:
        cells += _laid(text, _code(style, system) if style else "")
    return cells


@lru_cache(maxsize=1024)
def _laid(text: str, code: str) -> tuple[Cell, ...]:
    """Return the cells of a text; a row that only moved up or down is asked for again."""
    return tuple([_cell(place, code) for place in (text if text.isascii() else _places(text))])


@lru_cache(maxsize=4096)
def _cell(text: str, code: str) -> Cell:
    return Cell(text, code)


def _places(text: str) -> Iterator[str]:
    """Yield what stands in one place after the other."""
    held = ""
    for char in text:
        size = get_character_cell_size(char)
        if not size:
            held += char
            continue
        if held:
            yield from _placed(held)
        held = char
    if held:
        yield from _placed(held)


def _placed(text: str) -> Iterator[str]:
    yield text
    if get_character_cell_size(text[0]) > 1:
        yield ""


@lru_cache(maxsize=1024)
def _code(style: Style, system: ColorSystem) -> str:
    return Strip.render_style(style, "", system).removeprefix("\x1b[").partition("m")[0]


def pieces(update: CompositorUpdate) -> Iterator[tuple[int, int, Strip]] | None:
    """Return the strips of an update, each with its column and row, or None where it is of another kind."""
    if isinstance(update, LayoutUpdate):
        return _of_layout(update)
    return _of_chops(update) if isinstance(update, ChopsUpdate) else None


def _of_layout(update: LayoutUpdate) -> Iterator[tuple[int, int, Strip]]:
    for y, strips in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in strips:
            yield x, y, strip
            x += strip.cell_length


def _of_chops(update: ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < right and end > left:
                yield x, y, strip


class Changes(CompositorUpdate):
    """An update that is sent as what differs from what the terminal shows."""

    def __init__(self, update: CompositorUpdate, app: PaintingApp, anew: bool) -> None:
        """Take the update, and whether one of the whole screen may be so because nobody knows what is there."""
        self._update = update
        self._app = app
        self._anew = anew

    def render_segments(self, console: Console) -> str:
        """Return what is sent."""
        found = pieces(self._update)
        if found is None:
            self._app.canvas.forget()
            return self._update.render_segments(console)
        if self._anew and isinstance(self._update, LayoutUpdate):
            self._app.canvas.forget()
        width, height = self._app.size
        return self._app.canvas.draw(found, width, height, console._color_system or ColorSystem.TRUECOLOR)


class PaintingApp(App[None]):
    """An application that sends its terminal the cells that changed."""

    def __init__(self) -> None:
        super().__init__()
        self.canvas = Canvas()
        self._displayed: Screen[object] | None = None

    async def on_mount(self) -> None:
        """Know nothing of the terminal once a shell had it."""
        self.app_resume_signal.subscribe(self, lambda _: self.canvas.forget())

    def on_resize(self) -> None:
        """Know nothing of a terminal that laid its text out anew."""
        self.canvas.forget()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        known = isinstance(renderable, CompositorUpdate)
        # A dialog that lets what is below it be seen is painted whole at every change there: that is no news.
        anew, self._displayed = screen is not self._displayed, screen
        sent = Changes(renderable, self, anew) if isinstance(renderable, CompositorUpdate) else renderable
        super()._display(screen, sent)
        if not known and renderable is not None:
            self.canvas.forget()
