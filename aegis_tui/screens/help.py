"""The help: every key, from the table that makes the bindings."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from aegis_tui.keys import help_for
from aegis_tui.widgets.line import paragraph
from aegis_tui.widgets.pane import TextPane

SIGNS = (
    ("*", "beside the cursor: the row is marked"),
    ("!", "beside a score: an alert was raised on this flow"),
    ("? enc", "encrypted, the model has nothing to judge"),
    ("—", "not scored, never"),
)


class Help(ModalScreen[None]):
    """Keys and signs over half of the screen; the view stays visible beside it."""

    DEFAULT_CSS = """
    Help { align: right middle; background: transparent; }
    Help:ansi { background: transparent; }
    Help TextPane { width: 66; max-width: 100%; height: 100%; background: ansi_default; border: solid ansi_default; }
    """

    def __init__(self, view: str) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        yield TextPane("Help")

    def on_mount(self) -> None:
        """Fill the list."""
        keys = [
            paragraph((f"{command.shown:<11}", "bold"), command.help, indent=11) for command in help_for(self._view)
        ]
        signs = [paragraph((f"{sign:<11}", "bold"), words, indent=11) for sign, words in SIGNS]
        pane = self.query_one(TextPane)
        pane.write([*keys, paragraph(""), *signs], "Keys and signs of this screen, esc closes")
        pane.focus()

    def on_key(self, event: events.Key) -> None:
        """Close on esc, ? and q."""
        if event.key in ("escape", "question_mark", "q"):
            event.stop()
            self.dismiss()
