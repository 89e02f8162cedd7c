"""The help: every key, from the table that makes the bindings."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult

from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.line import paragraph
from aegis_tui.widgets.pane import TextPane

HEADING = "Keys and signs of this screen, esc closes"
SIGNS = (
    ("*", "beside the cursor: the row is marked"),
    ("!", "beside a score: an alert was raised on this flow"),
    ("? enc", "encrypted, the model has nothing to judge"),
    ("—", "not scored, never"),
)


class Help(Modal[None]):
    """Keys and signs over half of the screen; the view stays visible beside it."""

    DEFAULT_CSS = """
    Help { align: right middle; background: transparent; }
    Help:ansi { background: transparent; }
    Help TextPane { width: 66; max-width: 100%; height: 100%; background: ansi_default; border: solid ansi_default; }
    """

    def __init__(self, keys: Sequence[tuple[str, str]], heading: str = HEADING, signs: bool = True) -> None:
        """Take keys and what each does."""
        super().__init__()
        self._keys = tuple(keys)
        self._heading = heading
        self._signs = SIGNS if signs else ()

    def keys_heard(self) -> list[tuple[str, str]]:
        """Return keys and labels for the footer below."""
        return [("esc", "close")]

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        yield TextPane("Help")

    def on_mount(self) -> None:
        """Fill the list."""
        rows = [*self._keys, *([("", "")] if self._signs else []), *self._signs]
        pane = self.query_one(TextPane)
        wide = max(10, *(len(key) for key, _ in rows)) + 1
        pane.write([paragraph((f"{key:<{wide}}", "bold"), words, indent=wide) for key, words in rows], self._heading)
        pane.focus()

    def on_key(self, event: events.Key) -> None:
        """Close on esc, ? and q."""
        if event.key in ("escape", "question_mark", "q"):
            event.stop()
            self.dismiss()
