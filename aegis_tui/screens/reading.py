"""Text to read at leisure, over the view; esc closes it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult

from aegis_tui.keyboard.keymap import keys_of
from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.line import Paragraph
from aegis_tui.widgets.pane import TextPane


class Reading(Modal[None]):
    """Shows paragraphs over the whole screen but its first row."""

    DEFAULT_CSS = """
    Reading { align: left bottom; background: transparent; }
    Reading:ansi { background: transparent; }
    Reading TextPane { width: 100%; height: 100%; margin: 1 0 0 0; background: ansi_default; }
    """

    def __init__(self, heading: str, text: Sequence[Paragraph]) -> None:
        super().__init__()
        self._heading = heading
        self._text = tuple(text)

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield TextPane(self._heading)

    def on_mount(self) -> None:
        """Fill the pane."""
        pane = self.query_one(TextPane)
        pane.write(self._text, self._heading)
        pane.focus()

    def pane(self) -> TextPane:
        """Return the pane, whose lines can be copied."""
        return self.query_one(TextPane)

    async def on_key(self, event: events.Key) -> None:
        """Close on esc and q; offer the lines to copy."""
        if event.key in ("escape", "q"):
            event.stop()
            self.dismiss()
        elif event.key in keys_of("copy"):
            event.stop()
            await self.run_action("app.press('copy')")
