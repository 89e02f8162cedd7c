"""The ``:`` line at the foot of the screen: completion above it, history behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from aegis_tui.keyboard.completing import Known, Offer, offers, problem, usage
from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.bars import Bar
from aegis_tui.widgets.field import Field
from aegis_tui.widgets.line import Line, line
from aegis_tui.widgets.picker import Picker
from aegis_tui.widgets.safe import foreign

OFFERED = 7
"""Rows of completion at most."""
HOW = "tab completes  ↑↓ history  enter runs  esc leaves"


class CommandLine(Modal[str]):
    """Takes one command; dismisses with it, or with an empty string when the person changed their mind."""

    DEFAULT_CSS = """
    CommandLine { align: left bottom; background: transparent; }
    CommandLine:ansi { background: transparent; }
    CommandLine Vertical { height: auto; background: ansi_default; }
    CommandLine Horizontal { height: 1; background: ansi_default; }
    CommandLine Picker { height: 0; background: ansi_default; }
    CommandLine #prompt { width: 2; }
    CommandLine Input { height: 1; width: 1fr; border: none; padding: 0; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("tab", "complete(1)", show=False, priority=True),
        Binding("shift+tab", "complete(-1)", show=False, priority=True),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
    ]

    def __init__(self, known: Known, history: Sequence[str], text: str = "") -> None:
        super().__init__()
        self._known = known
        self._history = [*history, text]
        self._at = len(history)
        self._text = text
        """What the person typed: tab goes through what completes it."""
        self._turn = -1
        self._set_by_us = text

    def compose(self) -> ComposeResult:
        """Lay out the completions, the hint and the field."""
        with Vertical():
            yield Picker(id="offers")
            yield Bar()
            with Horizontal():
                prompt = Bar()
                prompt.id = "prompt"
                yield prompt
                yield Field(self._text, compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one("#offers", Picker).can_focus = False
        self.query_one("#prompt", Bar).put(line((" :", "bold")))
        field = self.query_one(Field)
        self.set_focus(field)  # at once: the next keys may be there already
        field.cursor_position = len(self._text)
        self._show()

    def action_cancel(self) -> None:
        """Answer nothing."""
        self.dismiss("")

    def action_complete(self, step: int) -> None:
        """Put the next completion of what was typed on the line."""
        found = offers(self._text, self._known)
        if len(found) == 1:
            self._put(found[0].text)
            self._typed(found[0].text)
        elif found:
            self._turn = (self._turn + step) % len(found) if self._turn >= 0 or step > 0 else len(found) - 1
            self._put(found[self._turn].text)
            self._show()

    def action_recall(self, step: int) -> None:
        """Put an older or a newer line of the history there."""
        self._at = max(0, min(len(self._history) - 1, self._at + step))
        self._put(self._history[self._at])
        self._typed(self._history[self._at])

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._set_by_us:
            self._set_by_us = event.value
            self._typed(event.value)

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        wrong = problem(event.value)
        if wrong:
            self._hint(line((f" {foreign(wrong)}", "warn")))
        else:
            self.dismiss(event.value.strip())

    def _typed(self, text: str) -> None:
        self._text, self._turn = text, -1
        self._show()

    def _put(self, text: str) -> None:
        field = self.query_one(Field)
        self._set_by_us = text
        field.value = text
        field.cursor_position = len(text)

    def _show(self) -> None:
        found = offers(self._text, self._known)
        picker = self.query_one("#offers", Picker)
        picker.styles.height = min(len(found), OFFERED)
        picker.offer([_offered(offer) for offer in found], self._turn)
        told = usage(self._set_by_us)
        self._hint(line((f" {told}" if told else f" {HOW}", "dim")))

    def _hint(self, words: Line) -> None:
        next(bar for bar in self.query(Bar) if bar.id != "prompt").put(words)


def _offered(offer: Offer) -> Line:
    return line((f"  {foreign(offer.shown):<28}", "bold"), f" {offer.help}")
