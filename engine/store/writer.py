"""The one writer of the database: collects rows and writes them in batches."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import NoReturn

from engine.reason import reason
from engine.store.database import Store
from engine.store.rows import Row, incident_of, is_expendable, put_quarantine

BATCH_ROWS = 1000
MAX_WAITING = 20_000
"""Rows that may wait before the judges are held back; then the kernel ring fills, and its losses are counted."""
RETRY_S = 1.0
FINISH_S = 1.0
"""How long a failing database is tried when the program ends."""

_UNFIT = (
    sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError,
    sqlite3.NotSupportedError, OverflowError, UnicodeEncodeError,
)  # fmt: skip
"""What SQLite raises on a row that it will never take; anything else may pass."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Writer:
    """Accepts rows at any time and loses none that it accepted while the program runs."""

    def __init__(
        self, on_trouble: Callable[[str], None], on_broken: Callable[[str], None], *, live: bool = False
    ) -> None:
        """Take who is told when writing fails, with the reason, and when it works again, with an empty text.

        ``on_broken`` hears why a row can never be written; it is kept in the quarantine. A ``live`` writer never
        holds the judges back while the database fails: beyond ``MAX_WAITING`` it refuses ended flows, and beyond
        twice that every row, and counts them.
        """
        self._waiting: deque[Row] = deque()
        self._on_trouble = on_trouble
        self._on_broken = on_broken
        self._live = live
        self._accepted = self._written = 0
        self._progress = asyncio.Event()
        self._more = asyncio.Event()
        self._singly = 0
        self._trouble = ""
        self.refused = 0
        """Rows given up because the database failed for too long."""
        self.spared: Mapping[str, str] = {}
        """Incidents of which nothing is written, by id, and where what is stored of them is from."""
        self.left: set[str] = set()
        """Those of the spared that there were rows of."""

    def add(self, rows: Iterable[Row]) -> None:
        """Accept rows, to be written in this order."""
        for row in rows:
            if self.spared and (incident_id := incident_of(row)) in self.spared:
                self.left.add(incident_id)
            elif self._refuses(row):
                self.refused += 1
            else:
                self._waiting.append(row)
                self._accepted += 1
        self._more.set()

    def fill(self) -> tuple[int, int]:
        """Return how many rows wait, and how many may."""
        return len(self._waiting), MAX_WAITING

    def is_full(self) -> bool:
        """Whether the judges should wait for room."""
        return len(self._waiting) > MAX_WAITING and not (self._live and self._trouble)

    async def room(self) -> None:
        """Wait until there is room for more."""
        while self.is_full():
            await self._progress.wait()

    async def drained(self) -> None:
        """Wait until every row accepted before this call is written."""
        goal = self._accepted
        while self._written < goal:
            await self._progress.wait()

    async def settled(self) -> None:
        """Wait as ``drained`` does, but not for a database that fails."""
        goal = self._accepted
        while self._written < goal and not self._trouble:
            await self._progress.wait()

    async def run(self, store: Store) -> NoReturn:
        """Write for ever; a failing database is tried again, and said."""
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            elif not await self._write(store):
                await asyncio.sleep(RETRY_S)

    async def finish(self, store: Store) -> None:
        """Write what still waits before the program ends."""
        give_up_at = time.monotonic() + FINISH_S
        while self._waiting:
            if await self._write(store):
                continue
            if time.monotonic() >= give_up_at:
                self._on_trouble(f"{len(self._waiting)} rows are lost: {self._trouble}")
                return
            await asyncio.sleep(0.05)

    async def _write(self, store: Store) -> bool:
        """Write the next rows; a write that was begun is seen to its end, or its rows would be written twice."""
        batch = tuple(islice(self._waiting, 1 if self._singly else BATCH_ROWS))
        writing = asyncio.ensure_future(store.write(batch))
        try:
            await asyncio.wait([writing])
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            await self._book(store, batch, writing.exception())
            raise
        return await self._book(store, batch, writing.exception())

    async def _book(self, store: Store, batch: tuple[Row, ...], error: BaseException | None) -> bool:
        if error is None:
            self._clear(len(batch))
        elif isinstance(error, _UNFIT):
            self._single_out(batch, error)
        elif getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            await self._replace(store, error)
        elif isinstance(error, sqlite3.Error | OSError):
            self._fail(f"cannot write to the database: {reason(error)}")
        else:
            raise error
        self._progress.set()
        self._progress = asyncio.Event()
        return not self._trouble

    def _clear(self, rows: int) -> None:
        for _ in range(rows):
            self._waiting.popleft()
        self._written += rows
        self._singly = max(0, self._singly - rows)
        if self._trouble:
            self._trouble = ""
            self._on_trouble("")

    def _single_out(self, batch: tuple[Row, ...], error: BaseException) -> None:
        if len(batch) > 1:
            self._singly = len(batch)
            return
        reason = f"{type(error).__name__}: {error}"
        self._waiting[0] = put_quarantine(time.time(), "store", reason, ascii(batch[0])[:4096])
        self._on_broken(reason)

    async def _replace(self, store: Store, error: BaseException) -> None:
        try:
            aside = await store.begin_anew()
        except (sqlite3.Error, OSError) as failure:
            self._fail(f"the database was damaged ({error}) and cannot be replaced: {reason(failure)}")
        else:
            self._trouble = ""
            self._on_trouble(f"the database was damaged ({error}) and is now {aside.name}; a new one was begun")

    def _fail(self, reason: str) -> None:
        self._trouble = reason
        self._on_trouble(f"{reason}; {self.refused} rows are given up" if self.refused else reason)

    def _refuses(self, row: Row) -> bool:
        if not (self._live and self._trouble):
            return False
        return len(self._waiting) >= (MAX_WAITING if is_expendable(row) else 2 * MAX_WAITING)
