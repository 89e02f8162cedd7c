"""A Textual application of one word: what the start of any console costs."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class Bare(App[None]):
    """Shows the word that the console's first frame is known by."""

    def compose(self) -> ComposeResult:
        """Yield it."""
        yield Static("AEGIS")


if __name__ == "__main__":
    Bare().run()
