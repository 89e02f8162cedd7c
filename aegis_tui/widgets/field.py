"""A line to type or paste into: what cannot be seen stands there as a mark."""

from __future__ import annotations

from typing import Any

from rich.highlighter import Highlighter
from rich.text import Text
from textual.widgets import Input

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
