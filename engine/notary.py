"""Has the guard note the end of each trace once it is stored, so that it shows when somebody rewrites it later."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from engine.chain import Anchor
from engine.guard.clock import RateLimit
from engine.guard.quota import TRACES_PER_MINUTE
from engine.reason import reason

log = logging.getLogger(__name__)

WAITING_NOTES = 512
"""Traces that wait to be noted; when full, a newcomer is left out and that is told."""

PAUSE_S = 1.0
"""How long to wait before looking whether the guard takes another one."""

ABILITY = "traces"


class Notary:
    """Tells the guard of one trace after the other, no faster than it takes them."""

    def __init__(
        self,
        note: Callable[[Anchor], Awaitable[object]],
        stored: Callable[[], Awaitable[object]],
        fault: Callable[[str, str, str], None],
        clear: Callable[[str], None],
    ) -> None:
        """Take ``note``, which tells the guard, ``stored``, which waits for the database, and whom to tell of a fault.

        What is noted before it is stored would look cut after a crash.
        """
        self._note = note
        self._stored = stored
        self._fault = fault
        self._clear = clear
        self._waiting: asyncio.Queue[Anchor] = asyncio.Queue(WAITING_NOTES)
        self._minute = RateLimit(TRACES_PER_MINUTE)

    def fill(self) -> tuple[int, int]:
        """Return how many traces wait, and how many may."""
        return self._waiting.qsize(), WAITING_NOTES

    def add(self, anchor: Anchor) -> None:
        """Have the end of a trace noted."""
        try:
            self._waiting.put_nowait(anchor)
        except asyncio.QueueFull:
            message = f"over {WAITING_NOTES} traces wait for the guard to note them: later ones are left out"
            self._fault(ABILITY, message, "`aegis-tui audit verify` cannot check those")

    async def work(self) -> NoReturn:
        """Have trace after trace noted."""
        while True:
            anchor = await self._waiting.get()
            try:
                await self._stored()
                await self._turn()
                await self._note(anchor)
            except Exception as error:  # the stage's boundary: a guard that refuses must not end the engine
                log.warning("the guard did not note the trace of %s: %s", anchor.incident_id, error)
                remedy = "investigations go on; `aegis-tui audit verify` cannot check what was not noted"
                self._fault(ABILITY, f"the guard does not note traces: {reason(error)}", remedy)
            else:
                self._clear(ABILITY)
            finally:
                self._minute.count(time.monotonic_ns())
                self._waiting.task_done()

    async def done(self) -> None:
        """Wait until every trace is noted, or was refused."""
        await self._waiting.join()

    async def _turn(self) -> None:
        """Wait until the guard's minute has room: it counted no later than the answer came."""
        while self._minute.full(time.monotonic_ns()):  # noqa: ASYNC110 - room comes with time alone
            await asyncio.sleep(PAUSE_S)
