"""The field that a filter is typed into: it says at once whether the text is one, and keeps what was typed before."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester

from aegis_tui.widgets.field import Field
from aegis_tui.widgets.safe import visible
from engine.filter import Filter, complete, parse
from engine.filter.vocabulary import FIELDS

KEPT = 50
"""Filters that up and down go through."""


class _Completion(Suggester):
    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the likeliest way to go on, which the right arrow takes."""
        return next(iter(complete(value)), None) if value and not value[-1].isspace() else None


class FilterField(Field):
    """Posts each filter that can be read; while the last word cannot, the words before it are in force."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "earlier(1)", "the filter before", show=False),
        Binding("down", "earlier(-1)", "the filter after", show=False),
    ]
    DEFAULT_CSS = """
    FilterField { display: none; height: 1; border: none; padding: 0 1; }
    FilterField.-open { display: block; }
    FilterField.-wrong { color: $wrong; text-style: bold; }
    """

    class Read(Message):
        """Another filter is in force, or why the text is none; one that was read is None when there is nothing."""

        def __init__(self, found: Filter | None, wrong: str) -> None:
            super().__init__()
            self.found = found
            self.wrong = wrong

    def __init__(self, *, id: str) -> None:
        hint = "src: dst: ip: port: app: name: score>.5 sev>=high, words, ! and or ( ) /regex/"
        super().__init__(placeholder=hint, id=id, compact=True, suggester=_Completion())
        self.cursor_blink = False  # an unchanged screen sends nothing
        self.last = ""
        """The last filter that could be read: what opens again."""
        self.found: Filter | None = None
        self.wrong = ""
        self._before: list[str] = []
        self._back = 0

    def keys_heard(self) -> list[tuple[str, str]]:
        """Return keys and labels for the footer while this has the focus."""
        return [("enter", "keep"), ("esc", "clear"), ("→", "complete"), ("↑↓", "filters before")]

    def open(self) -> None:
        """Show the field with what was typed last."""
        self._show(True)
        self._back = 0
        self.value = self.value or self.last
        self.cursor_position = len(self.value)
        # At once: the next key may be there already, and belongs to the field.
        self.screen.set_focus(self)

    def keep(self) -> None:
        """Take the text as it is: an empty one closes the field."""
        self.read(self.value, is_typing=False)
        self._remember()
        self._show(bool(self.value))

    def clear_filter(self) -> bool:
        """Close the field and let every row pass; returns whether it was open."""
        self._remember()
        was_open = self.has_class("-open")
        self._show(False)
        self.value = ""
        self.read("")
        return was_open

    def read(self, text: str, *, is_typing: bool = True) -> None:
        """Take a text for the filter; while its last word is half a word, what stands before that word."""
        before, _, word = text.rpartition(" ")
        try:
            found, self.wrong = parse(text), ""
            self.found = (parse(before) if is_typing and word.lower() in FIELDS else found) or None
            self.last = text or self.last
        except ValueError as refusal:
            self.wrong = visible(str(refusal))
            with contextlib.suppress(ValueError):
                self.found = parse(before) or None
        self.set_class(bool(self.wrong), "-wrong")
        self.post_message(self.Read(self.found, self.wrong))

    def watch_value(self, value: str) -> None:
        """Read every change."""
        if self.is_mounted:
            self.read(value)

    def action_earlier(self, step: int) -> None:
        """Go through the filters typed before."""
        self._back = max(0, min(len(self._before), self._back + step))
        self.value = self._before[-self._back] if self._back else ""
        self.cursor_position = len(self.value)

    def _show(self, shown: bool) -> None:
        self.set_class(shown, "-open")
        self.display = shown

    def _remember(self) -> None:
        if self.last:
            self._before = [*(text for text in self._before if text != self.last), self.last][-KEPT:]
