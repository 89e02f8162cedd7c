"""The dialog for a note beside an incident: a few lines that a person types or pastes."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import TextArea

from aegis_tui.screens.dialog import Form
from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.controls import Push
from aegis_tui.widgets.field import MARK, Lines
from aegis_tui.widgets.line import paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.safe import visible


class Written(NamedTuple):
    """What became of the dialog."""

    text: str
    store: bool
    """Whether the person wants it stored; a text that is not is kept to be gone on with."""


class Page(Lines, TextArea):
    """Lines that keep what was pasted as it is, and show it inert; its cursor needs no colour."""

    DEFAULT_CSS = """
    Page .text-area--cursor, Page .text-area--selection {
        background: ansi_default; color: ansi_default; text-style: reverse;
    }
    """

    def get_line(self, line_index: int) -> Text:
        """Return a line with a mark of the same length for each character that is not fit for a terminal."""
        shown = "".join(char if visible(char) == char else MARK for char in self.document.get_line(line_index))
        return Text(shown, end="", no_wrap=True)


class NoteDialog(Form, Modal[Written]):
    """Asks for the text of a note; dismisses with it."""

    DEFAULT_CSS = """
    NoteDialog { align: center middle; background: transparent; }
    NoteDialog:ansi { background: transparent; }
    NoteDialog #frame { width: 80; max-width: 100%; height: 18; max-height: 100%; border: solid ansi_default; }
    NoteDialog.-normal #frame, NoteDialog.-wide #frame { width: 104; }
    NoteDialog #frame { background: ansi_default; padding: 0 1; }
    NoteDialog #about { height: 2; }
    NoteDialog #text { height: 1fr; border: none; padding: 0; background: ansi_default; }
    NoteDialog #text:focus { border: none; }
    NoteDialog #buttons { height: 1; margin-top: 1; align: center middle; }
    NoteDialog #status { height: 1; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, about: str, longest: int, begun: str = "") -> None:
        """Take the words for the incident, the most characters, and what was typed before and not stored."""
        super().__init__()
        self._longest = longest
        self._about = about
        self._begun = begun

    def compose(self) -> ComposeResult:
        """Lay out the text and the buttons."""
        with Vertical(id="frame"):
            yield TextPane("", id="about")
            yield Page(self._begun, id="text", compact=True, highlight_cursor_line=False)
            with Horizontal(id="buttons"):
                yield Push("Store", id="store")
                yield Push("Cancel", id="cancel")
            yield TextPane("", id="status")

    def on_mount(self) -> None:
        """Put the cursor behind the text."""
        for pane in self.query(TextPane):
            pane.can_focus = False
        self.query_one("#about", TextPane).write([paragraph((f"Note beside {self._about}", "bold"), max_rows=2)])
        page = self.query_one(Page)
        page.focus()
        page.move_cursor(page.document.end)
        self.draw()

    def keys_heard(self) -> list[tuple[str, str]]:
        """Return keys and labels for the footer below."""
        return [("enter", "new line"), ("tab", "buttons"), ("esc", "back, the text is kept")]

    @property
    def text(self) -> str:
        """What stands there now."""
        return self.query_one(Page).text.strip()

    @on(TextArea.Changed)
    def draw(self) -> None:
        """Say what is in the way, or what the keys do."""
        off = self.why_off()
        self.query_one("#store", Push).put(off)
        words = f"{len(self.text):,} of {self._longest:,} characters"
        self.query_one("#status", TextPane).write(
            [paragraph(("Store is off: ", "warn"), off) if off else paragraph(words)]
        )

    def why_off(self) -> str:
        """Return why it cannot be stored, or empty."""
        if not self.text:
            return "type what the next person should know"
        number = len(self.text)
        return "" if number <= self._longest else f"{number:,} characters are {number - self._longest:,} too many"

    def action_cancel(self) -> None:
        """Close, and keep the text for the next time."""
        self.dismiss(Written(self.text, store=False))

    @on(Push.Pressed, "#cancel")
    def _cancel_pressed(self) -> None:
        self.action_cancel()

    @on(Push.Pressed, "#store")
    def _store_pressed(self) -> None:
        if not self.why_off():
            self.dismiss(Written(self.text, store=True))
