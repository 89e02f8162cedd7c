"""Questions on the last lines: one key answers and every other key means no, or a few words do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.bars import Bar
from aegis_tui.widgets.field import Field
from aegis_tui.widgets.line import line, paragraph, wrap


class Ask(Modal[str]):
    """Shows a question; dismisses with the answer of the key pressed, or with an empty string."""

    DEFAULT_CSS = """
    Ask { align: left bottom; background: transparent; }
    Ask:ansi { background: transparent; }
    Ask Bar { background: ansi_default; }
    """

    def __init__(self, question: str, answers: Mapping[str, str]) -> None:
        super().__init__()
        self.question = question
        self.answers = answers
        """Key name to answer."""

    def compose(self) -> ComposeResult:
        """Lay out as many rows as the question needs."""
        for text in self.question.split("\n"):
            for row in wrap(paragraph((f" {text}", "hit"), indent=1), self.app.size.width):
                bar = Bar()
                bar.put(row)
                yield bar

    def on_key(self, event: events.Key) -> None:
        """Take the answer."""
        event.stop()
        self.dismiss(self.answers.get(event.key, ""))


class AskWords(Modal[str]):
    """Asks for a few words; dismisses with them, or with an empty string when the person changed their mind."""

    DEFAULT_CSS = """
    AskWords { align: left bottom; background: transparent; }
    AskWords:ansi { background: transparent; }
    AskWords Vertical { height: 2; background: ansi_default; }
    AskWords Input { height: 1; border: none; padding: 0 1; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, question: str, placeholder: str, otherwise: str = "") -> None:
        super().__init__()
        self.question = question
        self._placeholder = placeholder
        self._otherwise = otherwise
        """The answer of enter alone; where empty, enter alone is none."""

    def compose(self) -> ComposeResult:
        """Lay out the question and the field."""
        with Vertical():
            yield Bar()
            yield Field(placeholder=self._placeholder, compact=True)

    def on_mount(self) -> None:
        """Show the question."""
        self.query_one(Bar).put(line((f" {self.question}", "hit")))
        self.set_focus(self.query_one(Input))  # at once: the next keys may be there already

    def action_cancel(self) -> None:
        """Answer nothing."""
        self.dismiss("")

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        if words := event.value.strip() or self._otherwise:
            self.dismiss(words)
