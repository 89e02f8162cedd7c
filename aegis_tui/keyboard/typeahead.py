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

from aegis_tui.screens.view import View
from aegis_tui.terminal.painting import PaintingApp

OPENING_S = 1.0
"""How long a key waits for what an earlier one opens."""


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
        if not isinstance(self.screen, View) or isinstance(self.focused, Input):
            return False
        self.app_focus = True
        return await self._check_bindings(event.key, priority=True) or await self._check_bindings(event.key)
