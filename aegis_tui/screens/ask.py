"""A question on the last line: one key answers, every other key means no."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from aegis_tui.widgets.bars import Bar
from aegis_tui.widgets.line import line


class Ask(ModalScreen[str]):
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
        """Lay out the one row."""
        yield Bar()

    def on_mount(self) -> None:
        """Show the question."""
        self.query_one(Bar).put(line((f" {self.question}", "hit")))

    def on_key(self, event: events.Key) -> None:
        """Take the answer."""
        event.stop()
        self.dismiss(self.answers.get(event.key, ""))
