"""A short list to pick from: the cursor shows although a field above or below has the focus."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from aegis_tui.widgets.line import Line
from aegis_tui.widgets.pane import Pane


class Picker(Pane):
    """Lines of which one is picked."""

    class Picked(Message):
        """A line was picked."""

        def __init__(self, picker: Picker, at: int) -> None:
            super().__init__()
            self.picker = picker
            self.at = at

        @property
        def control(self) -> Picker:
            """The list, for selectors."""
            return self.picker

    class Moved(Picked):
        """The cursor came to another line."""

    def __init__(self, heading: str = "", *, id: str | None = None) -> None:
        super().__init__(heading, id=id)
        self.at = -1
        """Index of the line under the cursor, or -1 where none is."""

    @property
    def cursor_row(self) -> int:
        """Index of the line under the cursor, or -1."""
        return self.at if self.at < len(self.lines) else -1

    def offer(self, lines: Sequence[Line], at: int = -1, heading: str | None = None) -> None:
        """Replace the lines and put the cursor on one of them."""
        self.lines, self.at = list(lines), at
        self._keep_in_sight()
        self.show(lines, heading)

    def action_move(self, rows: int) -> None:
        """Move the cursor and keep it in sight."""
        if not self.lines:
            return
        self.at = max(0, min(len(self.lines) - 1, self.at + rows))
        self._keep_in_sight()
        self.repaint()
        self.post_message(self.Moved(self, self.at))

    def action_open(self) -> None:
        """Pick the line under the cursor."""
        if self.cursor_row >= 0:
            self.post_message(self.Picked(self, self.at))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the line clicked."""
        if event.y >= self.above:
            self.action_move(self.offset_y + event.y - self.above - self.at)

    def _keep_in_sight(self) -> None:
        room = max(1, self.room)
        self.offset_y = max(min(self.offset_y, self.at), self.at - room + 1, 0)

    def _row(self, y: int) -> tuple[Line, str]:
        row, over = super()._row(y)
        index = self.offset_y + y - self.above
        return row, "cursor" if y >= self.above and index == self.cursor_row else over
