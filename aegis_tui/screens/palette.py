"""The palette: every command that does something on this screen, narrowed by what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from aegis_tui.keyboard.keymap import Keymap, help_of
from aegis_tui.keyboard.keys import Command
from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.field import Field
from aegis_tui.widgets.line import Line, line
from aegis_tui.widgets.picker import Picker


class Palette(Modal[str]):
    """Dismisses with the name of the command that was picked, or with an empty string."""

    DEFAULT_CSS = """
    Palette { align: center top; background: transparent; }
    Palette:ansi { background: transparent; }
    Palette Vertical {
        width: 90; max-width: 100%; height: 80%; margin: 1 0 0 0;
        background: ansi_default; border: solid ansi_default;
    }
    Palette.-normal Vertical, Palette.-wide Vertical { width: 104; }
    Palette Input { height: 1; border: none; padding: 0 1; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-8)", show=False, priority=True),
        Binding("pagedown", "move(8)", show=False, priority=True),
    ]

    def __init__(self, offered: Sequence[Command], keymap: Keymap) -> None:
        super().__init__()
        self._offered = tuple(offered)
        self._keymap = keymap
        self._found = self._offered

    def compose(self) -> ComposeResult:
        """Lay out the field and the list."""
        with Vertical():
            yield Field(placeholder="a word of the command, its key or its help", compact=True)
            yield Picker("Commands, enter runs, esc closes")

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(Picker).can_focus = False
        self.set_focus(self.query_one(Field))  # at once: the next keys may be there already
        self._narrow("")

    def keys_heard(self) -> list[tuple[str, str]]:
        """Return keys and labels for the footer below."""
        return [("↑↓", "choose"), ("enter", "run"), ("esc", "close")]

    def action_cancel(self) -> None:
        """Answer nothing."""
        self.dismiss("")

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self.query_one(Picker).action_move(rows)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    @on(Input.Submitted)
    def _given(self) -> None:
        at = self.query_one(Picker).cursor_row
        if at >= 0:
            self.dismiss(self._found[at].name)

    @on(Picker.Picked)
    def _picked(self, event: Picker.Picked) -> None:
        if event.at == event.picker.cursor_row:  # else another list is offered by now
            self.dismiss(self._found[event.at].name)

    def _narrow(self, typed: str) -> None:
        words = typed.casefold().split()
        held = [command for command in self._offered if all(word in self._text(command) for word in words)]
        self._found = tuple(sorted(held, key=lambda command: not command.name.startswith(typed.casefold().strip())))
        picker = self.query_one(Picker)
        heading = f"Commands {len(self._found)}, enter runs, esc closes"
        picker.offer([self._row(command) for command in self._found], 0 if self._found else -1, heading)

    def _text(self, command: Command) -> str:
        return f"{command.name} {help_of(command)} {self._keymap.faces(command.name)}".casefold()

    def _row(self, command: Command) -> Line:
        key = self._keymap.faces(command.name)
        return line(f" {key:<11}", (f"{command.name:<17}", "bold"), f" {help_of(command)}")
