"""A line to type or paste into: what cannot be seen stands there as a mark."""

from __future__ import annotations

from typing import Any

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Label

from aegis_tui.widgets.safe import visible

MARK = "\N{REPLACEMENT CHARACTER}"
"""In the place of one character that moves, hides or reorders others; of its length, so that the cursor stays true."""


class _Marks(Highlighter):
    def __call__(self, text: str | Text) -> Text:
        """Return the text with a mark for each character that is not fit for a terminal."""
        shown = "".join(char if visible(char) == char else MARK for char in str(text))
        return Text(shown, no_wrap=True, overflow="ignore", end="")

    def highlight(self, text: Text) -> None:
        """Colour nothing."""


class Field(Input):
    """An input that keeps what was pasted as it is, and shows it inert."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **(options | {"highlighter": _Marks()}))


class Lines:
    """Marks a field of several lines. Textual's takes long to load, and is not there before the first frame."""


class LabelledField(Horizontal):
    """A field behind its name, which is marked while the field has the focus."""

    DEFAULT_CSS = """
    LabelledField { height: 1; }
    LabelledField Label { width: 9; }
    LabelledField Field { width: 1fr; height: 1; border: none; padding: 0; }
    """

    def __init__(self, label: str, field: Field, *, id: str) -> None:
        super().__init__(id=id)
        self._label = label
        self._field = field

    def compose(self) -> ComposeResult:
        """Lay out the name and the field."""
        yield Label(f" {self._label}")
        yield self._field

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _point(self) -> None:
        label = self.query_one(Label)
        label.update((">" if self._field.has_focus else " ") + self._label)
        label.styles.text_style = "bold" if self._field.has_focus else "none"
