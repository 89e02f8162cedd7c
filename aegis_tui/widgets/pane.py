"""A titled, scrolling list of lines that repaints only the rows that changed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from aegis_tui.keyboard.keys import pane_bindings
from aegis_tui.widgets.line import Line, Paragraph, fit, line, strip, wrap
from aegis_tui.widgets.theme import Theme, in_force


class Pane(Widget, can_focus=True):
    """Draws lines below a heading; the arrow keys scroll it."""

    class NothingOpens(Message):
        """A person would open a row, and there is none under a cursor."""

    DEFAULT_CSS = "Pane { width: 1fr; height: 1fr; }"
    BINDINGS = pane_bindings()

    def __init__(
        self, heading: str, *, id: str | None = None, classes: str | None = None, follow: bool = False
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.heading = heading
        self.tail = ""
        """Words at the right end of the heading's row."""
        self.lines: Sequence[Line] = ()
        self.offset_y = 0
        self._follow = follow
        self._at_end = True
        """Whether the last line was in sight when it was drawn last: before the pane was made smaller."""
        self._room = 0
        """Rows for the lines when they were drawn last."""
        self._drawn: dict[int, tuple[Line, str]] = {}
        self._strips: dict[int, tuple[tuple[Line, str], Strip]] = {}
        self._painted_in: Theme = in_force()

    @property
    def above(self) -> int:
        """Rows above the lines: the heading, unless it is empty."""
        return 1 if self.heading else 0

    @property
    def room(self) -> int:
        """Rows left for the lines."""
        return max(0, self.size.height - self.above)

    @property
    def cursor_row(self) -> int:
        """Index of the line under the cursor, or -1 where there is no cursor."""
        return -1

    def show(self, lines: Sequence[Line], heading: str | None = None) -> None:
        """Replace the lines and repaint what differs on the screen."""
        self.lines = lines
        self.heading = self.heading if heading is None else heading
        if self._follow and self._at_end:
            self.offset_y = len(self.lines) - self.room
        self.repaint()

    def repaint(self) -> None:
        """Refresh each visible row whose content is not the one last drawn."""
        if self._follow and self._at_end and self.room < self._room:
            # A pane is drawn, smaller already, before it is told of its new size.
            self.offset_y = len(self.lines) - self.room
        self._room = self.room
        self.offset_y = max(0, min(self.offset_y, len(self.lines) - self.room))
        self._at_end = self.offset_y >= len(self.lines) - self.room
        if not self.is_mounted or not self.size:
            self._drawn = {}  # what comes while it is hidden is drawn for no width: all of it is drawn again
            return
        wanted = {y: self._row(y) for y in range(self.size.height)}
        changed = [y for y, row in wanted.items() if self._drawn.get(y) != row]
        self._drawn = wanted
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """Return one row of the pane."""
        row = self._row(y)
        if self._painted_in is not in_force():
            self._painted_in = in_force()
            self._strips.clear()
        held = self._strips.get(y)
        if held and held[0] == row and held[1].cell_length == self.size.width:
            return held[1]
        drawn = strip(row[0], self.size.width, row[1])
        self._strips[y] = (row, drawn)
        return drawn

    def _row(self, y: int) -> tuple[Line, str]:
        if y == 0 and self.heading:
            return self._title(), ""
        index = self.offset_y + y - self.above
        if index >= len(self.lines):
            return (), ""
        return self.lines[index], "cursor" if index == self.cursor_row and self.has_focus else ""

    def _title(self) -> Line:
        width = self.size.width
        last = min(len(self.lines), self.offset_y + self.room)
        place = f" {self.offset_y + 1}-{last}/{len(self.lines)}" if len(self.lines) > self.room else ""
        place += f" {self.tail}" if self.tail else ""
        mark = "> " if self.has_focus else "─ "
        words = _cut(f"{mark}{self.heading} ", max(0, width - cell_len(place) - 1))
        rule = "─" * (width - cell_len(words) - cell_len(place))
        return line((words, "bold" if self.has_focus else ""), (rule + place, "dim"))

    def shift(self, rows: int) -> None:
        """Move the view by ``rows``."""
        self.offset_y += rows
        self.repaint()

    def action_move(self, rows: int) -> None:
        """Move by rows, as the arrow keys do."""
        self.shift(rows)

    def action_page(self, pages: int) -> None:
        """Move by whole pages."""
        self.action_move(pages * max(1, self.room - 1))

    def action_open(self) -> None:
        """Answer the key that opens a row: there is none here."""
        self.post_message(self.NothingOpens())

    def action_end(self, direction: int) -> None:
        """Move to the start or the end."""
        self.action_move(direction * (len(self.lines) + 1))

    def fit(self) -> None:
        """Draw anew for the size there is now."""
        self._strips.clear()
        self.repaint()

    def on_resize(self, event: events.Resize) -> None:
        """Draw anew for the new size."""
        self.fit()

    def on_show(self, event: events.Show) -> None:
        """Draw anew: what came while the pane was hidden, and had no width, was laid out for none."""
        self.fit()

    def on_focus(self) -> None:
        """Mark the heading."""
        self.repaint()

    def on_blur(self) -> None:
        """Unmark the heading."""
        self.repaint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll by the wheel."""
        self.shift(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll by the wheel."""
        self.shift(-3)


def _cut(words: str, width: int) -> str:
    return words if cell_len(words) <= width else fit(words, width)


class TextPane(Pane):
    """A pane of paragraphs that wrap at its width."""

    def __init__(
        self, heading: str, *, id: str | None = None, classes: str | None = None, follow: bool = False
    ) -> None:
        super().__init__(heading, id=id, classes=classes, follow=follow)
        self._text: tuple[Paragraph, ...] = ()

    @property
    def text(self) -> list[Line]:
        """What was written, each paragraph as one line."""
        return [paragraph.spans for paragraph in self._text]

    def write(self, text: Sequence[Paragraph], heading: str | None = None) -> None:
        """Replace the text; the same text again costs nothing."""
        same = tuple(text) == self._text
        self._text = tuple(text)
        if not same or (heading is not None and heading != self.heading):
            self.show(self._wrapped(), heading)

    def fit(self) -> None:
        """Wrap again at the width there is now."""
        self._strips.clear()
        self.show(self._wrapped())

    def _wrapped(self) -> list[Line]:
        width = self.size.width or 80
        return [row for text in self._text for row in wrap(text, width)]
