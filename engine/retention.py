"""Removes what is old, and the oldest when the disk budget is used up; what it removes is remembered and told."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from engine.plan import Plan
from engine.store import expiry
from engine.store.database import Store
from engine.store.writer import Writer
from engine.types import Storage

if TYPE_CHECKING:
    from engine.agent.report.ageing import Day

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 600.0
JUMPED_S = 86400.0
"""By how much the wall clock may run away from the other since the start: beyond, nothing is old for its date."""
AGAIN_S = 2.0
"""Until the next sweep where there is more to remove than one sweep does."""
SPARED_S = 86400.0
"""What is watched is never removed within this time for want of room."""
PAGES_AT_ONCE = 20_000

ABILITY = "disk budget"
_REMEDY = "raise disk_budget_mb, or lower keep_days, in the configuration"


class Retention:
    """Keeps the database and the folder of reports within age and budget."""

    def __init__(
        self, plan: Plan, writer: Writer, fault: Callable[[str, str, str], None], clear: Callable[[str], None],
        forget: Callable[[str], None],
    ) -> None:  # fmt: skip
        """Take ``forget``, which is called with the id of each incident that is removed."""
        self._settings = plan.settings
        self._reports = plan.reports
        self._replays = plan.replays
        self._writer = writer
        self._fault = fault
        self._clear = clear
        self._forget = forget
        self.storage = Storage(0, self._budget, plan.settings.keep_days)
        self._began = _ahead()

    @property
    def _budget(self) -> int:
        return self._settings.disk_budget_mb * 1_000_000

    async def work(self, store: Store) -> NoReturn:
        """Sweep for ever."""
        while True:
            more = False
            try:
                more = await self.sweep(store, time.time())
            except (sqlite3.Error, OSError):  # the writer and the reports tell of their own trouble
                log.warning("nothing could be removed", exc_info=True)
            await asyncio.sleep(AGAIN_S if more else SWEEP_EVERY_S)

    async def sweep(self, store: Store, now: float) -> bool:
        """Remove a bounded number of old things; returns whether there are more."""
        before = await self._used(store)
        removed = await self._by_age(store, now) or await self._by_budget(store, now, before)
        await self._writer.settled()
        await store.reclaim(PAGES_AT_ONCE)
        self.storage = Storage(await self._used(store), self._budget, self._settings.keep_days)
        return removed

    async def _by_age(self, store: Store, now: float) -> bool:
        """Remove what is older than it is kept; a replay removes nothing for its age, which is the capture's."""
        keep_s, flows_s = self._settings.keep_days * expiry.DAY_S, self._settings.keep_flows_days * expiry.DAY_S
        if self._replays:
            return False
        if abs(_ahead() - self._began) > JUMPED_S:
            log.warning("the clock jumped: nothing is removed for its age until the next start")
            return False
        ids = await store.ids(expiry.old_incidents(now - keep_s, now)) if keep_s else []
        self._retire(ids, now, f"older than {self._settings.keep_days} days")
        flows = await store.flows_before(now - flows_s) if flows_s else 0
        if flows:
            self._writer.add([expiry.old_flows(now - flows_s)])
        if keep_s:
            self._writer.add(expiry.old_records(now - keep_s))
            for day in await self._days():
                if _last(day) < now - keep_s:
                    await self._remove_reports(store, day.name)
        return bool(ids) or flows > expiry.FLOWS_AT_ONCE

    async def _by_budget(self, store: Store, now: float, used: int) -> bool:
        """Remove ended flows, then reports, then incidents, the oldest first, while the budget is exceeded."""
        if not self._budget or used <= self._budget:
            self._clear(ABILITY)
            return False
        if await store.flows_before(now + expiry.DAY_S):
            self._writer.add([expiry.old_flows(now + expiry.DAY_S)])
            return True
        old = [day.name for day in await self._days() if _last(day) < now - SPARED_S]
        if old:
            await self._remove(old[0])
            return True
        ids = await store.ids(expiry.first_incidents(now - SPARED_S, now))
        self._retire(ids, now, "the disk budget was used up")
        if not ids:
            over = f"{used / 1e6:.0f} MB are used of {self._settings.disk_budget_mb} MB, all of it of the last day"
            self._fault(ABILITY, over, _REMEDY)
        return bool(ids)

    async def _remove_reports(self, store: Store, day: str) -> None:
        """Remove the reports of a day but those of incidents that are kept."""
        from engine.agent.report.ageing import incidents_of  # noqa: PLC0415 - its room is not loaded before it is used

        names = await asyncio.to_thread(incidents_of, self._reports, day)
        await self._remove(day, await store.known(names))

    async def _remove(self, day: str, kept: Collection[str] = ()) -> None:
        from engine.agent.report.ageing import remove_day  # noqa: PLC0415 - as above

        await asyncio.to_thread(remove_day, self._reports, day, kept)

    def _retire(self, ids: list[str], now: float, why: str) -> None:
        for incident_id in ids:
            self._writer.add(expiry.retire(incident_id, now, why))
            self._forget(incident_id)
        if ids:
            log.info("%d incidents were removed: %s", len(ids), why)

    async def _days(self) -> list[Day]:
        return await asyncio.to_thread(_days_of, self._reports)

    async def _used(self, store: Store) -> int:
        return await store.used_bytes() + sum(day.bytes for day in await self._days())


def _ahead() -> float:
    """Return how far the wall clock, which whoever serves the time sets, is ahead of the one since the boot."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _days_of(folder: Path) -> list[Day]:
    from engine.agent.report.ageing import days_of  # noqa: PLC0415 - in the thread: its room takes a while to load

    return days_of(folder)


def _last(day: Day) -> float:
    """Return when a day such as ``2026-11-22`` was over everywhere on earth, or a file was put there later."""
    return max(time.mktime(time.strptime(day.name, "%Y-%m-%d")) + 2 * expiry.DAY_S, day.changed_at)
