"""A table drawn by lines: columns drop by priority, the cursor follows its row."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, overload

from rich.cells import cell_len
from textual import events
from textual.message import Message

from aegis_tui.keyboard.keymap import key_of
from aegis_tui.widgets.arranging import Arrangement
from aegis_tui.widgets.line import Line, Span, fit, fit_ends, inked, line, paragraph, wrap
from aegis_tui.widgets.listing import Aim, Listing, Row, ready
from aegis_tui.widgets.pane import Pane
from engine.filter import HOST_FIELDS, Filter

__all__ = ["Aim", "Column", "Listing", "Row", "Table"]


REACTION_S = 0.25
"""How long nobody can have seen a row that just came, to press a key about it."""


FAR = 120
"""Cells of a row in which a column that takes what is left would put the next one out of the eye's reach."""
ENOUGH = 60
"""Cells that such a column then takes whatever is in it; more only for its longest cell."""


class Column(NamedTuple):
    """How one column is drawn."""

    title: str
    width: int
    priority: int
    """The column with the highest number is the first to go when room is short."""
    cap: int = 0
    """Width it may grow to when a cell needs it; 0 means ``width``."""
    full: int = 0
    """Width up to which it grows even where others have to go for it; 0 means ``cap``."""
    ends: bool = False
    """Whether a cell that is too long is cut in the middle, as an address is."""
    flex: bool = False
    """Whether it takes what the others leave."""
    right: bool = False
    """Whether cells are set to the right."""


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
        self.cursor = 0
        self.lines = _Lines(self)
        self._arrangement = Arrangement()
        self._held = False
        self._kept = ""
        """Key of the row that the cursor goes with while the things are arranged anew."""
        self._under = self._before = ""
        """Keys of the row under the cursor, and of the one that was there before the things were arranged anew."""
        self._came_at = -math.inf
        """Monotonic time when the one took the place of the other."""
        self._words = heading
        self._empty: Sequence[str] = ()
        self._nothing: list[Line] = []
        self._head: Line = ()
        self._laid_out: list[tuple[Column, int]] = []
        self._made: dict[int, Row] = {}
        """Rows that were made since the table was last drawn."""
        self._longest: dict[int, int] = {}
        """The longest cell seen of each column that grows: columns do not jump while a person scrolls."""
        self._signs = ("^", "v") if os.environ.get("TERM") == "linux" else ("▲", "▼")
        self.marked: dict[str, Aim] = {}
        """The rows a person marked: key to what each is about. A mark outlives its row."""

    @property
    def above(self) -> int:
        """Rows above the lines: the heading and the column titles."""
        return 2

    @property
    def cursor_row(self) -> int:
        """Index of the row under the cursor."""
        return self.cursor if self._arrangement.shown else -1

    @property
    def item(self) -> Any:
        """The thing under the cursor, or None."""
        shown = self._arrangement.shown
        return shown[self.cursor] if self.cursor < len(shown) else None

    @property
    def key(self) -> str:
        """Key of the row under the cursor, or empty."""
        return "" if self.item is None else self._arrangement.listing.key(self.item)

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return None if self.item is None else self._arrangement.listing.row(self.item)

    @property
    def aim(self) -> Aim | None:
        """What the row under the cursor is about."""
        return self.row.aim if self.row else None

    @property
    def filter(self) -> Filter | None:
        """What rows must match."""
        return self._arrangement.filter

    def hold(self, pressed_at: float = math.inf) -> None:
        """Tie the cursor to its row: a person acts on it, and no row that comes above may take its place.

        Until then a cursor at the top stays at the top, where the newest row is. A key pressed at a monotonic time
        too soon after that row came is about the one before.
        """
        if pressed_at < self._came_at + REACTION_S:
            self.select(self._before)
        self._came_at = -math.inf
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
        self._draw()
        return True

    def unmark(self) -> bool:
        """Take every mark away; returns whether there were any."""
        had = bool(self.marked)
        self.marked.clear()
        self._draw()
        return had

    def picked(self) -> list[Any]:
        """Return the marked things that are still here, or with no mark all that pass the filter, in their order."""
        key = self._arrangement.listing.key
        if self.marked:
            return [one for one in self._arrangement.listing.items if key(one) in self.marked]
        return list(self._arrangement.shown)

    def fill(self, rows: Sequence[Row], heading: str, empty: Sequence[str]) -> bool:
        """Replace the rows, a ``Listing`` of things or made ones; ``empty`` is what to say when there are none.

        Returns whether they are taken; a large table, or one that is being searched, leaves them for a later time.
        """
        self._words, self._empty = heading, empty
        listing = ready(rows)
        if self._arrangement.may_wait(listing):
            self._draw()
            return False
        self._keep_cursor()
        self._arrangement.listing = listing
        self._arrange()
        return True

    def narrow(self, found: Filter | None) -> None:
        """Show only rows that match."""
        if found != self.filter:
            self._arrangement.filter = found or None
            self._arrange()

    def sort(self, step: int) -> str:
        """Sort by the next column that is shown, after the last by none again; returns the column's title."""
        shown = [-1, *(self.columns.index(column) for column, _ in self._laid_out)]
        at = shown.index(self._arrangement.column) if self._arrangement.column in shown else 0
        index = shown[(at + step) % len(shown)]
        self._arrangement.column, self._arrangement.backwards = index, False
        self._arrangement.title = self.columns[index].title if index >= 0 else ""
        self._arrange()
        return self._arrangement.title

    def turn_over(self) -> None:
        """Turn the order of the rows round."""
        self._arrangement.backwards = not self._arrangement.backwards
        self._arrange()

    def select(self, key: str) -> None:
        """Put the cursor on the row with this key, if it is there."""
        if self.key == key:
            return
        index = self._arrangement.place(key, self.cursor)
        if index >= 0:
            self.cursor, self._under = index, key
            self._draw()

    def action_move(self, rows: int) -> None:
        """Move the cursor and keep it in sight."""
        if self.item is None:
            return
        self.hold()
        before = self.key
        self.cursor = max(0, min(len(self.lines) - 1, self.cursor + rows))
        self._under = self.key
        self._draw()
        if self.key != before:
            self.post_message(self.Moved(self, self.key))

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.item is None:
            super().action_open()
        else:
            self.post_message(self.Opened(self, self.key))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row clicked."""
        if event.y >= self.above:
            self.action_move(self.offset_y + event.y - self.above - self.cursor)

    def fit(self) -> None:
        """Choose the columns again."""
        self._strips.clear()
        self._longest.clear()
        self._draw()

    def _keep_cursor(self) -> None:
        if not self._kept and (self.cursor or self._held):
            self._kept = self.key

    def _arrange(self) -> None:
        self._keep_cursor()
        self._arrangement.begin()
        self._arranged()

    def _arranged(self) -> None:
        if self._arrangement.searching:
            self.call_after_refresh(self._search_on)
            self._draw()
            return
        found = self._arrangement.place(self._kept, self.cursor) if self._kept else -1
        self.cursor = found if found >= 0 else max(0, min(self.cursor, len(self._arrangement.shown) - 1))
        self._kept = ""
        if self.key != self._under:
            self._before, self._came_at = self._under, time.monotonic()
        self._under = self.key
        self._draw()

    def _search_on(self) -> None:
        if self._arrangement.searching:
            self._arrangement.go_on()
            self._arranged()

    def _draw(self) -> None:
        self.heading = self._words + self._of_total() + (f" · {len(self.marked)} marked" if self.marked else "")
        if self.cursor < self.offset_y or self.cursor >= self.offset_y + self.room:
            self.offset_y = max(0, self.cursor - self.room // 2)
        self._made.clear()
        self._laid_out = self._widths()
        self._head = line(("  " + " ".join(_cell(self._title_of(c, w), w, c) for c, w in self._laid_out), "dim"))
        self._nothing = [] if self._arrangement.shown else self._empty_lines()
        self.repaint()

    def _of_total(self) -> str:
        total = len(self._arrangement.listing)
        return f" · {len(self._arrangement.shown):,} of {total:,}" if self.filter and total else ""

    def _title_of(self, column: Column, width: int) -> str:
        sorted_by = self.columns.index(column) == self._arrangement.column
        sign = self._signs[self._arrangement.backwards] if sorted_by else ""
        return column.title[: width - len(sign)] + sign

    def _empty_lines(self) -> list[Line]:
        texts = self._unmatched() if len(self._arrangement.listing) else self._empty
        return [row for text in texts for row in wrap(paragraph("  ", text, indent=2), self.size.width or 80)]

    def _unmatched(self) -> list[str]:
        """Return why nothing is shown: most often the rows of this table do not have what the filter asks for."""
        kind = self._arrangement.listing.kind
        lacking = self.filter.lacking(kind) if self.filter else []
        hint = " ip: asks for their address." if {"src", "dst"} & set(lacking) and "ip" in kind else ""
        hint += " The host names processes with incidents." if HOST_FIELDS & set(lacking) else ""
        why = [f"These rows have no {' and no '.join(lacking)}.{hint}"] if lacking else []
        return [f"No row matches '{self.filter}'. {key_of('back')} clears the filter.", *why]

    def _row(self, y: int) -> tuple[Line, str]:
        if y == 1:
            return (self._head if self._arrangement.shown else ()), ""
        return super()._row(y)

    def _row_at(self, number: int) -> Row:
        row = self._made.get(number)
        if row is None:
            row = self._made[number] = self._arrangement.listing.row(self._arrangement.shown[number])
        return row

    def line_at(self, number: int) -> Line:
        """Return a row as it is drawn."""
        if self._nothing:
            return self._nothing[number]
        row = self._row_at(number)
        cells = dict(zip(self.columns, row.cells, strict=True))
        spans = [Span((">" if number == self.cursor else " ") + ("*" if row.key in self.marked else " "))]
        for column, width in self._laid_out:
            text, style = cells[column]
            spans += [*inked(_cell(text, width, column), style), Span(" ")]
        return tuple(spans[:-1])

    def line_count(self) -> int:
        """Return how many lines there are."""
        return len(self._arrangement.shown) or len(self._nothing)

    def _widths(self) -> list[tuple[Column, int]]:
        self._measure()
        wanted = {column: self._wanted(index) for index, column in enumerate(self.columns)}
        kept = {column: min(width, column.full or width) for column, width in wanted.items()}
        room = self.size.width - 2
        while len(kept) > 1 and sum(kept.values()) + len(kept) - 1 > room:
            del kept[max(kept, key=lambda column: column.priority)]
        spare = max(0, room - sum(kept.values()) - len(kept) + 1)
        for column in sorted(kept, key=lambda column: column.priority):
            more = min(spare, wanted[column] - kept[column])
            kept[column], spare = kept[column] + more, spare - more
        flexible = [column for column in kept if column.flex]
        for column in flexible:
            kept[column] = min(kept[column] + spare // len(flexible), self._most(column, next(reversed(kept))))
        return list(kept.items())

    def _most(self, column: Column, last: Column) -> int:
        """Return the cells that a column which takes what is left may have: the last one all of them."""
        if self.size.width <= FAR or column is last:
            return self.size.width
        return max(ENOUGH, self._longest.get(self.columns.index(column), 0))

    def _measure(self) -> None:
        """Look how long the cells in sight are, of the columns that grow with them."""
        far = self.size.width > FAR
        growing = [index for index, column in enumerate(self.columns) if column.cap or (far and column.flex)]
        count = len(self._arrangement.shown)
        if not count:
            self._longest.clear()
        for number in range(self.offset_y, min(count, self.offset_y + max(self.room, 1))) if growing else ():
            cells = self._row_at(number).cells
            for index in growing:
                self._longest[index] = max(self._longest.get(index, 0), cell_len(cells[index].text))

    def _wanted(self, index: int) -> int:
        column = self.columns[index]
        return max(column.width, min(column.cap, self._longest.get(index, 0))) if column.cap else column.width


class _Lines(Sequence[Line]):
    """The lines of a table, made when they are looked at."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @overload
    def __getitem__(self, index: int) -> Line: ...

    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...

    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        """Return one line, or some."""
        if isinstance(index, slice):
            return [self._table.line_at(n) for n in range(len(self))[index]]
        return self._table.line_at(index)

    def __len__(self) -> int:
        return self._table.line_count()

    def __iter__(self) -> Iterator[Line]:
        return (self._table.line_at(n) for n in range(len(self)))


def _cell(text: str, width: int, column: Column) -> str:
    if column.ends:
        return fit_ends(text, width)
    return fit(text.rjust(width) if column.right else text, width)
