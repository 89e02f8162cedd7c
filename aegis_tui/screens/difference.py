"""What other judges make of the same record, beside what the configured ones did."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.line import Line, Span, fit, line, paragraph, plain, wrap
from aegis_tui.widgets.pane import Pane
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import clock
from engine.types import Change, Comparison

SIDE_BY_SIDE = 120
"""Columns from which both runs stand beside each other; below, one stands under the other."""

_MARKS = {"new": ("+ new", "warn"), "gone": ("- gone", "danger"), "changed": ("~ changed", "bold")}


class DifferenceScreen(Modal[None]):
    """Both runs over the whole screen; esc closes it."""

    DEFAULT_CSS = """
    DifferenceScreen { align: left bottom; background: transparent; }
    DifferenceScreen:ansi { background: transparent; }
    DifferenceScreen Pane { width: 100%; height: 100%; margin: 1 0 0 0; background: ansi_default; }
    """

    def __init__(self, found: Comparison) -> None:
        super().__init__()
        self._found = found

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield _DifferencePane(self._found)

    def on_mount(self) -> None:
        """Take the keys."""
        self.query_one(Pane).focus()

    def on_key(self, event: events.Key) -> None:
        """Close on esc and q."""
        if event.key in ("escape", "q"):
            event.stop()
            self.dismiss()


class _DifferencePane(Pane):
    def __init__(self, found: Comparison) -> None:
        super().__init__(f"What changes: {foreign(found.title, 60)}, esc closes")
        self._found = found

    def on_mount(self) -> None:
        self.fit()

    def fit(self) -> None:
        """Lay out for the width there is now."""
        self._strips.clear()
        self.show(rows(self._found, self.size.width or 80))


def rows(found: Comparison, width: int) -> list[Line]:
    """Return a comparison in two columns where there is room for them, else one under the other."""
    same = f"{found.unchanged} alerts and incidents are the same in both"
    end = same if found.changes else f"Nothing changes: {same}."
    drawn = _beside if width >= SIDE_BY_SIDE else _under
    lines = drawn(found, width)
    for fault in found.faults:
        lines += wrap(paragraph(("! ", "danger"), foreign(fault, 300), indent=2), width)
    note = "Both runs are investigated by the playbook analyst, with the host's answers as recorded; nothing is kept."
    return [*lines, line(), *wrap(paragraph(end), width), *wrap(paragraph((note, "dim")), width)]


def _beside(found: Comparison, width: int) -> list[Line]:
    half = (width - 3) // 2
    head = (Span(fit(f"before: {found.before}", half), "bold"), Span(" │ "), Span(f"after: {found.after}", "bold"))
    lines: list[Line] = [head, line(("─" * half + "─┼─" + "─" * half, "dim"))]
    for change in found.changes:
        lines.append(_title(change))
        left, right = (wrap(paragraph(foreign(text, 400) or "—"), half) for text in (change.before, change.after))
        for number in range(max(len(left), len(right))):
            one, other = (side[number] if number < len(side) else () for side in (left, right))
            lines.append((*one, Span(" " * max(0, half - len(plain(one)))), Span(" │ ", "dim"), *other))
    return lines


def _under(found: Comparison, width: int) -> list[Line]:
    lines = [
        *wrap(paragraph(("before: ", "bold"), found.before, indent=8), width),
        *wrap(paragraph(("after:  ", "bold"), found.after, indent=8), width),
        line(("─" * width, "dim")),
    ]
    for change in found.changes:
        lines.append(_title(change))
        for name, text in (("before", change.before), ("after", change.after)):
            lines += wrap(paragraph((f"  {name:<7}", "dim"), foreign(text, 400) or "—", indent=9), width)
    return lines


def _title(change: Change) -> Line:
    return line(_MARKS[change.kind], f" {change.what} {clock(change.at)} {foreign(change.key, 100)}")
