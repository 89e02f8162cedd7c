"""Holds a replay back until its tape deck lets it go on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress

from engine.transport import Transport


class Pacer:
    """The gate before each step of a replay; everything before the step is done when it is asked."""

    def __init__(self, deck: Transport, wall: Callable[[], float]) -> None:
        self.deck = deck
        self.resting = asyncio.Event()
        """Set while the replay stands still: at its goal, paused, or waiting for the capture's time to pass."""
        self.begun = asyncio.Event()
        """Set when the first step is asked for: the judges are loaded."""
        self._wall = wall
        self._changed = asyncio.Event()
        self._open = False

    def command(self, name: str, value: float = 0.0) -> None:
        """Obey a command of the deck.

        Raises:
            ValueError: the deck does not know it.
        """
        self.deck.command(name, value)
        self.resting.clear()
        self._changed.set()

    def open(self) -> None:
        """Hold nothing back any more."""
        self._open = True
        self._changed.set()

    async def admit(self, next_at: float | None) -> None:
        """Return when the step that ends at ``next_at`` may be taken; the last one has no time of its own."""
        self.begun.set()
        while not self._open and (left_s := self.deck.left_s(next_at, self._wall())) > 0:
            self._changed.clear()
            self.resting.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(left_s) else left_s):
                    await self._changed.wait()
        self.resting.clear()
        self.deck.take(next_at, self._wall())
