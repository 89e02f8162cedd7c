"""Keys in the order in which they were typed, however fast they come: what follows ``/`` or ``:`` is text.

Textual hands a key to the widget in focus, from where it rises to the application through three queues; the next key
sets out before what the first one opens has the focus, and a word that was pasted or sent by a program would be taken
for commands.
"""

from __future__ import annotations

import asyncio
import contextlib

from textual import events
from textual.widgets import Input

from aegis_tui.screens.decision import Decision
from aegis_tui.screens.dialog import Dialog, Form
from aegis_tui.screens.view import View
from aegis_tui.terminal.painting import PaintingApp
from aegis_tui.widgets.controls import Choice, Push
from aegis_tui.widgets.field import Lines

OPENING_S = 1.0
"""How long a key waits for what an earlier one opens, or for text that is not yet in its field."""
MOVES = frozenset({"tab", "shift+tab"})
"""Keys of a dialog after which another control hears the next key."""


class TypeaheadApp(PaintingApp):
    """The part of the console that keeps keys in order."""

    async def on_event(self, event: events.Event) -> None:
        """Do what a key of a view says before the next key is looked at."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded and self.screen_stack:
            await self._opened()
            if isinstance(event, events.Key) and await self._done_at_once(event):
                return
        await super().on_event(event)

    async def _opened(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPENING_S):
                await self.screen._mounted_event.wait()

    async def _done_at_once(self, event: events.Key) -> bool:
        of_view = isinstance(self.screen, View) and not isinstance(self.focused, Input)
        if not of_view and not self._moves_in_dialog(event):
            return False
        self.app_focus = True
        if isinstance(self.focused, Input | Lines):
            await self._typed()
        return await self._check_bindings(event.key, priority=True) or await self._check_bindings(event.key)

    def _moves_in_dialog(self, event: events.Key) -> bool:
        if not isinstance(self.screen, Dialog | Form):
            return False
        # Before a block an enter that comes with the text in one packet presses nothing.
        leaves_field = isinstance(self.focused, Input) and not isinstance(self.screen, Decision)
        return event.key in MOVES or isinstance(self.focused, Choice | Push) or (leaves_field and event.key == "enter")

    async def _typed(self) -> None:
        """Wait until the text that was typed or pasted before stands in its field, and its dialog knows."""
        rises_through = [node for node in self.focused.ancestors_with_self if node is not self] if self.focused else []
        for hears in rises_through:
            done = asyncio.Event()
            hears.call_later(done.set)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OPENING_S):
                    await done.wait()
