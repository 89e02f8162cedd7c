"""The values under the cursor, each in full: one of them goes to the clipboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical

from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.line import line, paragraph, plain
from aegis_tui.widgets.pane import Pane, TextPane
from aegis_tui.widgets.picker import Picker
from aegis_tui.widgets.safe import visible
from aegis_tui.widgets.table import Table

MOST = 500
"""Lines of a pane that are offered."""


class Value(NamedTuple):
    """One thing to copy."""

    label: str
    text: str


class Copying(Modal[str]):
    """Dismisses with the text that was picked, or with an empty string."""

    DEFAULT_CSS = """
    Copying { align: left bottom; background: transparent; }
    Copying:ansi { background: transparent; }
    Copying Vertical { height: 100%; margin: 1 0 0 0; background: ansi_default; }
    Copying TextPane { height: 8; background: ansi_default; }
    """

    def __init__(self, values: Sequence[Value], how: str) -> None:
        super().__init__()
        self._values = tuple(values)
        self._how = how

    def compose(self) -> ComposeResult:
        """Lay out the values and the one under the cursor in full."""
        with Vertical():
            yield Picker(f"Copy: {self._how}, esc closes")
            yield TextPane("In full")

    def on_mount(self) -> None:
        """Fill the list."""
        self.query_one(TextPane).can_focus = False
        rows = [line((f" {value.label:<10}", "dim"), value.text) for value in self._values]
        picker = self.query_one(Picker)
        picker.focus()
        picker.offer(rows, 0)
        self._tell(0)

    def on_key(self, event: events.Key) -> None:
        """Close on esc and q."""
        if event.key in ("escape", "q"):
            event.stop()
            self.dismiss("")

    @on(Picker.Moved)
    def _moved(self, event: Picker.Moved) -> None:
        if isinstance(event, Picker.Moved):
            self._tell(event.at)

    @on(Picker.Picked)
    def _picked(self, event: Picker.Picked) -> None:
        if not isinstance(event, Picker.Moved):
            self.dismiss(self._values[event.at].text)

    def _tell(self, at: int) -> None:
        self.query_one(TextPane).write([paragraph(self._values[at].text)])


def values_of(pane: Pane) -> list[Value]:
    """Return what can be copied where the person looks: of a row all it names, of a pane its lines."""
    if isinstance(pane, Table):
        return _of_row(pane)
    lines = [plain(row) for row in pane.text] if isinstance(pane, TextPane) else [plain(row) for row in pane.lines]
    return [Value(str(number + 1), visible(text.strip())) for number, text in enumerate(lines[:MOST]) if text.strip()]


def _of_row(table: Table) -> list[Value]:
    """Return what the row is about, then its cells uncut, then the whole of it."""
    row, aim = table.row, table.aim
    if row is None:
        return []
    about = [("address", aim.address), ("incident", aim.incident_id), ("proposal", aim.proposal_id)] if aim else []
    cells = [(column.title, cell.text.strip()) for column, cell in zip(table.columns, row.cells, strict=True)]
    values = [*about, ("id", row.key), *cells, ("row", "  ".join(text for _, text in cells if text))]
    first: dict[str, str] = {}
    for label, text in values:
        first.setdefault(text, label)
    return [Value(label, visible(text)) for text, label in first.items() if text]
