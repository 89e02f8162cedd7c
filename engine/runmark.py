"""Marks in the database where a live run began and where it came to its end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from types import TracebackType

from engine.plan import Plan
from engine.store.database import Store
from engine.store.rows import begin_run, end_run
from engine.store.writer import Writer


class RunMark:
    """Marks the begin of a live run in the database, and its end: whatever kills the engine leaves the end out."""

    def __init__(self, plan: Plan, writer: Writer) -> None:
        self.broke_off_at = 0.0
        """Wall clock of the last record of the run before; 0 where it came to its end, or there was none."""
        self._plan = plan
        self._writer = writer
        self._begun = False

    async def begin(self, store: Store) -> None:
        """See how the run before ended, and mark that this one began.

        A replay leaves no mark: several may go on over one database at once. A database that cannot be read says
        so by itself.
        """
        if not self._plan.live or store.file != self._plan.database:
            return
        now = time.time()
        try:
            self.broke_off_at = min(await store.broke_off_at(self._plan.source), now)
        except sqlite3.Error:
            return
        self._begun = True
        self._writer.add([begin_run(self._plan.source, now)])

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Mark the end, with what the writer writes last; a run that breaks on an error has none."""
        is_end = kind is None or issubclass(kind, asyncio.CancelledError)
        if self._begun and is_end:
            self._writer.add([end_run(self._plan.source, time.time())])
