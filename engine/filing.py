"""Writes the report of each incident that came to a verdict or a decision, one after the other, beside the engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from engine.reason import reason

log = logging.getLogger(__name__)

WAITING_REPORTS = 512
"""Incidents whose report waits to be written; when full, a newcomer's is left out and that is told."""

ABILITY = "reports"


class Filing:
    """Keeps the folder of reports up to date; an incident that waits already is written once."""

    def __init__(
        self,
        save: Callable[[str], Awaitable[object]],
        fault: Callable[[str, str, str], None],
        clear: Callable[[str], None],
    ) -> None:
        """Take ``save``, which writes an incident's report, and whom to tell of a fault and of its end."""
        self._save = save
        self._fault = fault
        self._clear = clear
        self._waiting: asyncio.Queue[str] = asyncio.Queue(WAITING_REPORTS)
        self._known: set[str] = set()

    def fill(self) -> tuple[int, int]:
        """Return how many reports wait, and how many may."""
        return self._waiting.qsize(), WAITING_REPORTS

    def add(self, incident_id: str) -> None:
        """Have an incident's report written."""
        if incident_id in self._known:
            return
        try:
            self._waiting.put_nowait(incident_id)
        except asyncio.QueueFull:
            message = f"over {WAITING_REPORTS} reports wait to be written: that of {incident_id} is left out"
            self._fault(ABILITY, message, "`aegis-tui report ID --save` writes it")
            return
        self._known.add(incident_id)

    async def work(self) -> NoReturn:
        """Write report after report."""
        while True:
            incident_id = await self._waiting.get()
            self._known.discard(incident_id)
            try:
                await self._save(incident_id)
            except Exception as error:  # the stage's boundary: one report must not end the engine
                log.exception("saving the report of %s", incident_id)
                remedy = "make room, or the folder yours alone; `aegis-tui report ID --save` writes it again"
                self._fault(ABILITY, f"cannot save the report of {incident_id}: {reason(error)}", remedy)
            else:
                self._clear(ABILITY)
            finally:
                self._waiting.task_done()

    async def done(self) -> None:
        """Wait until every report is written."""
        await self._waiting.join()
