"""What every dialog over a view has: a deaf start, Cancel within reach, and facts that fit the terminal."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from aegis_tui.keyboard.keys import common_dialog_bindings
from aegis_tui.screens.block_facts import Fact, fitted
from aegis_tui.screens.modal import Modal
from aegis_tui.widgets.controls import Push
from aegis_tui.widgets.pane import Pane

DEAF_S = 0.3
"""Keys this soon after the dialog appears were meant for the screen below it."""

STATUS_ROWS = 2


class Form:
    """Marks what is no dialog of this kind but has its controls, between which tab leads as well."""


class Frame(Vertical):
    """The frame of a dialog, which tells it when there is another width to draw for: at first there is none."""

    class Widened(Message):
        """The width is another one."""

    def __init__(self) -> None:
        super().__init__(id="frame")
        self._width = 0

    def on_resize(self) -> None:
        """Tell of a new width; the height follows what is drawn."""
        if self.size.width != self._width:
            self._width = self.size.width
            self.post_message(self.Widened())


class Dialog(Modal[None]):
    """A frame with a pane of facts, controls, a row of buttons that begins with Cancel, and a status below."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: transparent; }
    Dialog:ansi { background: transparent; }
    Dialog #frame { width: 80; max-width: 100%; height: auto; max-height: 100%; border: solid ansi_default; }
    Dialog.-normal #frame, Dialog.-wide #frame { width: 104; }
    Dialog #frame { background: ansi_default; padding: 0 1; }
    Dialog #facts { height: auto; margin-bottom: 1; }
    Dialog #status { height: 2; margin-top: 1; }
    Dialog .tight #facts { margin-bottom: 0; }
    Dialog .tight #status { margin-top: 0; }
    Dialog Input { height: 1; border: none; padding: 0; background: ansi_default; }
    Dialog #buttons { height: 1; align: center middle; }
    Dialog .off { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = common_dialog_bindings()

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._shown_at: float | None = None
        self._more_facts = False

    @abstractmethod
    def redraw(self) -> None:
        """Draw everything again."""

    @on(Frame.Widened)
    def _drawn_for_another_width(self) -> None:
        self.redraw()

    def keys_heard(self) -> list[tuple[str, str]]:
        """Return keys and labels for the footer below."""
        return [("tab", "next"), ("enter", "press"), ("esc", "cancel"), ("?", "keys")]

    def is_deaf(self, age_s: float) -> bool:
        """Whether a key that was pressed ``age_s`` ago came too early to be an answer.

        A console that was busy gets it late, when by the clock alone the dialog could have been read.
        """
        return self._shown_at is None or self._monotonic() - age_s - self._shown_at < DEAF_S

    def appear(self, first: str = "#cancel") -> None:
        """Begin to listen soon after the first frame, with the focus on Cancel, or where an enter does as little."""
        for pane in self.query(Pane):
            pane.can_focus = False
        self.query_one(first).focus()
        self.call_after_refresh(self._appeared)

    def _appeared(self) -> None:
        self._shown_at = self._monotonic()

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Draw the facts in the rows that the controls leave."""
        frame, pane = self.query_one("#frame"), self.query_one("#facts", Pane)
        width = max(20, frame.size.width or 76)
        below = sum(1 for child in frame.children if child.id not in ("facts", "status") and child.display)
        room = max(4, self.app.size.height - 2 - below - STATUS_ROWS)
        rows = fitted(facts, width, room)
        frame.set_class(len(rows) > room - 2, "tight")
        self._more_facts = len(rows) > room
        pane.styles.height = min(len(rows), room)
        pane.show(rows)

    def action_cancel(self) -> None:
        """Close; nothing happens."""
        self.dismiss()

    def action_focus_step(self, step: int) -> None:
        """Go to the next control that can be seen and does something."""
        for _ in range(1 + len(self.query(Push))):
            reached = self.focus_next() if step > 0 else self.focus_previous()
            if not (isinstance(reached, Push) and reached.off):
                return

    def action_scroll_facts(self, pages: int) -> None:
        """Show the facts that did not fit."""
        self.query_one("#facts", Pane).action_page(pages)

    async def action_help(self) -> None:
        """Show what the keys of the dialog do."""
        await self.run_action("app.press('help')")
