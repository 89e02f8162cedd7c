"""The terminal is sent what changed, and ends up showing what was drawn."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.app import ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Label

from aegis_tui.terminal.painting import Canvas, Cell, Changes, PaintingApp

WIDTH, HEIGHT = 12, 2
STANDARD = ColorSystem.STANDARD
BOLD = Style(bold=True)
_SEQUENCE = re.compile(r"\x1b\[(?:(\d+);(\d+)H|([\d;]*)m)|(.)", re.DOTALL)


class Screen:
    """A terminal of two rows that knows as much as the canvas uses."""

    def __init__(self) -> None:
        self.rows = [["?"] * WIDTH for _ in range(HEIGHT)]
        self.codes = [["?"] * WIDTH for _ in range(HEIGHT)]

    def write(self, sent: str) -> None:
        """Obey what is sent."""
        x = y = 0
        code = ""
        for row, column, style, char in _SEQUENCE.findall(sent):
            if row:
                y, x = int(row) - 1, int(column) - 1
            elif char:
                for number, cell in enumerate((char, *[""] * (cell_len(char) - 1))):
                    self.rows[y][x + number], self.codes[y][x + number] = cell, code
                x += cell_len(char)
            else:
                code = style.removeprefix("0;")


def strip(*parts: str | Segment) -> Strip:
    """Return a row as wide as the screen."""
    segments = [Segment(part) if isinstance(part, str) else part for part in parts]
    return Strip(segments).adjust_cell_length(WIDTH)


def drawn(canvas: Canvas, *rows: Strip) -> str:
    """Draw rows from the top, and return what is sent."""
    return canvas.draw([(0, y, row) for y, row in enumerate(rows)], WIDTH, HEIGHT, STANDARD)


def test_only_the_cells_that_changed_are_sent() -> None:
    canvas = Canvas()
    drawn(canvas, strip("packets 41"), strip("ok"))
    assert drawn(canvas, strip("packets 42"), strip("ok")) == "\x1b[1;10H2"


def test_what_is_the_same_sends_nothing() -> None:
    canvas = Canvas()
    drawn(canvas, strip("packets 41"))
    assert drawn(canvas, strip("packets 41")) == ""


def test_a_style_is_named_where_it_changes_and_reset_at_the_end() -> None:
    canvas = Canvas()
    drawn(canvas, strip("abc"))
    assert drawn(canvas, strip(Segment("a", BOLD), Segment("b", BOLD), "c")) == "\x1b[1;1H\x1b[0;1mab\x1b[m"


@pytest.mark.parametrize("forget", [Canvas.forget, lambda canvas: canvas.draw([], WIDTH + 1, HEIGHT, STANDARD)])
def test_after_a_resize_or_where_nothing_is_known_all_is_sent(forget: object) -> None:
    canvas = Canvas()
    drawn(canvas, strip("abc"))
    forget(canvas)  # type: ignore[operator]  # either of the two
    assert "abc" in drawn(canvas, strip("abc"))


_rows = st.lists(
    st.tuples(st.text(alphabet="ab 漢é", max_size=6), st.sampled_from((None, BOLD, Style(color="red")))), max_size=3
).map(lambda parts: strip(*(Segment(text, style) for text, style in parts if text)))


@given(st.lists(st.tuples(_rows, _rows), min_size=1, max_size=5))
def test_the_terminal_shows_what_was_drawn_last(frames: list[tuple[Strip, Strip]]) -> None:
    canvas, screen, other = Canvas(), Screen(), Screen()
    for first, second in frames:
        screen.write(drawn(canvas, first, second))
    other.write(drawn(Canvas(), *frames[-1]))
    assert (screen.rows, screen.codes) == (other.rows, other.codes)


_pieces = st.lists(st.tuples(st.integers(0, WIDTH - 1), st.text(alphabet="abc", min_size=1, max_size=4)), max_size=6)


@given(st.lists(_pieces, min_size=1, max_size=4))
def test_where_a_part_was_never_drawn_the_rest_of_its_row_stands_in_its_place(
    updates: list[list[tuple[int, str]]],
) -> None:
    canvas, screen, wanted = Canvas(), Screen(), ["?"] * WIDTH
    for pieces in updates:
        strips = [(x, 0, Strip([Segment(text)])) for x, text in pieces]
        screen.write(canvas.draw(strips, WIDTH, HEIGHT, STANDARD))
        for x, text in pieces:
            wanted[x : x + len(text)] = text[: WIDTH - x]
    assert screen.rows == [wanted, ["?"] * WIDTH]


class Below(PaintingApp):
    """A word below a screen that lets it be seen."""

    def compose(self) -> ComposeResult:
        """Lay out the word."""
        yield Label("one", id="word")


@pytest.mark.parametrize(("anew", "sent_again"), [(False, False), (True, True)])
async def test_the_whole_screen_is_sent_again_only_where_another_one_came_up(anew: bool, sent_again: bool) -> None:
    async with Below().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Below)
        whole = LayoutUpdate([[strip("abc")]], Region(0, 0, WIDTH, 1))
        Changes(whole, app, anew=True).render_segments(app.console)
        assert bool(Changes(whole, app, anew).render_segments(app.console)) == sent_again


@pytest.mark.parametrize("event", ["resize", "resume"])
async def test_after_a_resize_and_after_a_shell_nothing_is_known(event: str) -> None:
    async with Below().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, Below)
        await pilot.pause()
        app.canvas._rows = [[Cell("x", "")] * app.size.width for _ in range(app.size.height)]
        if event == "resize":
            app.on_resize()
        else:
            app.app_resume_signal.publish(app)
        await pilot.pause()
        assert not app.canvas._rows or app.canvas._rows[0][0] != Cell("x", "")
