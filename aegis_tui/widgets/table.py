"""A table drawn by lines: columns drop by priority, the cursor follows its row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual import events
from textual.message import Message

from aegis_tui.widgets.line import Line, Span, fit, line, paragraph, wrap
from aegis_tui.widgets.pane import Pane


class Column(NamedTuple):
    """How one column is drawn."""

    title: str
    width: int
    priority: int
    """The column with the highest number is the first to go when room is short."""
    cap: int = 0
    """Width it may grow to when a cell needs it; 0 means ``width``."""
    flex: bool = False
    """Whether it takes what the others leave."""
    right: bool = False
    """Whether cells are set to the right."""


class Aim(NamedTuple):
    """What a key pressed on a row is about."""

    address: str
    """The address, or the prefix, that the row tells of; empty for a proposal of a whole list."""
    incident_id: str = ""
    proposal_id: str = ""
    """The proposal that the row is."""
    in_force: bool = False
    """Whether the row is a block that the guard holds an order for."""


class Row(NamedTuple):
    """One row: its key, its cells, and what keys on it are about."""

    key: str
    cells: tuple[Span, ...]
    aim: Aim | None = None


class Table(Pane):
    """Rows under column titles, with a cursor and a filter."""

    class Moved(Message):
        """The cursor came to another row."""

        def __init__(self, table: Table, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table:
            """The table, for selectors."""
            return self.table

    class Opened(Moved):
        """A row was opened."""

    def __init__(self, heading: str, columns: Sequence[Column], *, id: str | None = None) -> None:
        super().__init__(heading, id=id)
        self.columns = tuple(columns)
        self.filter = ""
        self.cursor = 0
        self._held = False
        self._rows: tuple[Row, ...] = ()
        self._shown: list[Row] = []
        self._words = heading
        self._empty: Sequence[str] = ()
        self._head: Line = ()
        self._laid_out_for = 0
        """The width the lines were made for: none while the table is hidden."""
        self.marked: dict[str, Aim] = {}
        """The rows a person marked: key to what each is about. A mark outlives its row."""

    @property
    def above(self) -> int:
        """Rows above the lines: the heading and the column titles."""
        return 2

    @property
    def cursor_row(self) -> int:
        """Index of the row under the cursor."""
        return self.cursor if self._shown else -1

    @property
    def key(self) -> str:
        """Key of the row under the cursor, or empty."""
        return self._shown[self.cursor].key if self._shown else ""

    @property
    def aim(self) -> Aim | None:
        """What the row under the cursor is about."""
        return self._shown[self.cursor].aim if self._shown else None

    def hold(self) -> None:
        """Tie the cursor to its row: a person acts on it, and no row that comes above may take its place.

        Until then a cursor at the top stays at the top, where the newest row is.
        """
        self._held = True

    def mark(self) -> bool:
        """Mark the row under the cursor, or take its mark away, and go on; returns whether it can be marked."""
        self.hold()
        aim = self.aim
        if aim is None or not aim.address:
            return False
        if self.marked.pop(self.key, None) is None:
            self.marked[self.key] = aim
        self.action_move(1)
        self._arrange()
        return True

    def unmark(self) -> bool:
        """Take every mark away; returns whether there were any."""
        had = bool(self.marked)
        self.marked.clear()
        self._arrange()
        return had

    def fill(self, rows: Sequence[Row], heading: str, empty: Sequence[str]) -> None:
        """Replace the rows; ``empty`` is what to say when there are none."""
        same = (tuple(rows), heading, empty) == (self._rows, self._words, self._empty)
        if same and self._laid_out_for == self.size.width:
            return
        self._rows, self._words, self._empty = tuple(rows), heading, empty
        self._arrange()

    def narrow(self, words: str) -> None:
        """Show only rows that contain every word."""
        self.filter = words
        self._arrange()

    def select(self, key: str) -> None:
        """Put the cursor on the row with this key, if it is there."""
        keys = [row.key for row in self._shown]
        if key in keys and keys[self.cursor] != key:
            self.cursor = keys.index(key)
            self._arrange()

    def action_move(self, rows: int) -> None:
        """Move the cursor and keep it in sight."""
        if not self._shown:
            return
        self.hold()
        before = self.key
        self.cursor = max(0, min(len(self._shown) - 1, self.cursor + rows))
        self._arrange()
        if self.key != before:
            self.post_message(self.Moved(self, self.key))

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self._shown:
            self.post_message(self.Opened(self, self.key))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row clicked."""
        if event.y >= self.above:
            self.action_move(self.offset_y + event.y - self.above - self.cursor)

    def fit(self) -> None:
        """Choose the columns again."""
        self._strips.clear()
        self._arrange()

    def _arrange(self) -> None:
        self.heading = self._words + (f" · {len(self.marked)} marked" if self.marked else "")
        key = self.key if self.cursor or self._held else ""
        words = self.filter.casefold().split()
        self._shown = [row for row in self._rows if _matches(row, words)]
        keys = [row.key for row in self._shown]
        self.cursor = keys.index(key) if key in keys else max(0, min(self.cursor, len(keys) - 1))
        if self.cursor < self.offset_y or self.cursor >= self.offset_y + self.room:
            self.offset_y = max(0, self.cursor - self.room // 2)
        self._laid_out_for = self.size.width
        widths = self._widths()
        self._head = line(("  " + " ".join(_cell(c.title, w, c.right) for c, w in widths), "dim"))
        self.show([self._line(number, row, widths) for number, row in enumerate(self._shown)] or self._nothing())

    def _nothing(self) -> list[Line]:
        if self._rows:
            return [line(f"  No row matches '{self.filter}'. esc clears the filter.")]
        return [row for text in self._empty for row in wrap(paragraph("  ", text, indent=2), self.size.width or 80)]

    def _row(self, y: int) -> tuple[Line, str]:
        if y == 1:
            return (self._head if self._shown else ()), ""
        return super()._row(y)

    def _line(self, number: int, row: Row, widths: list[tuple[Column, int]]) -> Line:
        cells = dict(zip(self.columns, row.cells, strict=True))
        spans = [Span((">" if number == self.cursor else " ") + ("*" if row.key in self.marked else " "))]
        for column, width in widths:
            text, style = cells[column]
            spans += [Span(_cell(text, width, column.right), style), Span(" ")]
        return tuple(spans[:-1])

    def _widths(self) -> list[tuple[Column, int]]:
        kept = {column: self._wanted(index) for index, column in enumerate(self.columns)}
        room = self.size.width - 2
        while len(kept) > 1 and sum(kept.values()) + len(kept) - 1 > room:
            del kept[max(kept, key=lambda column: column.priority)]
        spare = room - sum(kept.values()) - len(kept) + 1
        flexible = [column for column in kept if column.flex]
        for column in flexible:
            kept[column] += max(0, spare // len(flexible))
        return list(kept.items())

    def _wanted(self, index: int) -> int:
        column = self.columns[index]
        if not column.cap:
            return column.width
        longest = max((cell_len(row.cells[index].text) for row in self._shown), default=0)
        return max(column.width, min(column.cap, longest))


def _cell(text: str, width: int, right: bool) -> str:
    return fit(text.rjust(width) if right else text, width)


def _matches(row: Row, words: list[str]) -> bool:
    text = " ".join(cell.text for cell in row.cells).casefold()
    return all(word in text for word in words)
