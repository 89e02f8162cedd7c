"""Looks ahead in a replay: when each of its steps is, and at which of them alerts come."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from engine.desk import Desk
from engine.intake import Reader
from engine.sources.pcapfile import CaptureError

WORK_S = 0.02
"""Longest work at a time; as long again the console has the processor to itself."""

MAX_STEPS = 4_000_000
"""Steps looked at; the rest of a longer capture is reached by playing or seeking, and its alerts are not marked."""

MAX_AHEAD = 10_000
"""Alerts marked."""


class Ahead(NamedTuple):
    """An alert that a replay comes to."""

    step: int
    """It stands once so many steps are taken."""
    at: float


class Scout:
    """Judges the whole capture once, beside the replay and without the analyst."""

    def __init__(self, only: str = "") -> None:
        """Take the one incident whose alerts count; empty means all."""
        self.times: array[float] = array("d")
        """The capture's clock after each step."""
        self.alerts: list[Ahead] = []
        self.done = False
        """Whether the end is known."""
        self._only = only

    async def run(self, open_reader: Callable[[], Reader], desk: Desk, clock: Callable[[], float]) -> None:
        """Look at everything; a capture that breaks off ends where it does."""
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, thread_name_prefix="scout")
        try:
            reader = await loop.run_in_executor(thread, open_reader)
            while not self.done and len(self.times) < MAX_STEPS:
                self.done = await loop.run_in_executor(thread, self._look, reader, desk, clock)
                await asyncio.sleep(WORK_S)
        except CaptureError:
            self.done = True
        finally:
            thread.shutdown()  # within WORK_S; what the judges made in the thread ends with it

    def next_alert(self, step: int) -> Ahead | None:
        """Return the first alert after so many steps."""
        return next((one for one in self.alerts if one.step > step), None)

    def alert_before(self, step: int) -> Ahead | None:
        """Return the last alert before the one, if any, that came with step number ``step``."""
        return next((one for one in reversed(self.alerts) if one.step < step), None)

    def _look(self, reader: Reader, desk: Desk, clock: Callable[[], float]) -> bool:
        until = clock() + WORK_S
        while clock() < until and len(self.times) < MAX_STEPS:
            batch = reader.read()
            work = desk.work(batch)
            self.times.append(max(batch.now, self.times[-1]) if self.times else batch.now)
            for item in work.items:
                # A tuple is an alert with whether it is new; the others are detections, incidents and cases.
                if isinstance(item, tuple) and item[1] and self._only in ("", item[0].incident_id):
                    self._note(item[0].first_at)
            if batch.last:
                return True
        return False

    def _note(self, at: float) -> None:
        if len(self.alerts) < MAX_AHEAD:
            self.alerts.append(Ahead(len(self.times), at))
