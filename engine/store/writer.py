"""The one writer of the database: collects rows and writes them in batches."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from typing import NoReturn

from engine.store.database import Row, Store

BATCH_ROWS = 1000
MAX_WAITING = 20_000
"""Rows that may wait before the judges are held back; then the kernel ring fills, and its losses are counted."""
RETRY_S = 1.0


class Writer:
    """Accepts rows at any time and loses none that it accepted while the program runs."""

    def __init__(self, on_trouble: Callable[[str], None]) -> None:
        """Take who is told when writing fails, with the reason, and when it works again, with an empty text."""
        self._waiting: deque[Row] = deque()
        self._on_trouble = on_trouble
        self._idle = asyncio.Event()
        self._idle.set()
        self._roomy = asyncio.Event()
        self._roomy.set()

    def add(self, rows: Iterable[Row]) -> None:
        """Accept rows, to be written in this order."""
        self._waiting.extend(rows)
        if self._waiting:
            self._idle.clear()
        if len(self._waiting) > MAX_WAITING:
            self._roomy.clear()

    def fill(self) -> tuple[int, int]:
        """Return how many rows wait, and how many may."""
        return len(self._waiting), MAX_WAITING

    async def room(self) -> None:
        """Wait until there is room for more."""
        await self._roomy.wait()

    async def drained(self) -> None:
        """Wait until every accepted row is written."""
        await self._idle.wait()

    async def finish(self, store: Store) -> None:
        """Write what still waits, once, before the program ends."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_ROWS))]
            try:
                await store.write(batch)
            except sqlite3.Error as error:
                self._on_trouble(f"{len(batch) + len(self._waiting)} rows are lost: {error}")
                return
        self._idle.set()

    async def run(self, store: Store) -> NoReturn:
        """Write for ever; a failing database is tried again, and said."""
        failing = False
        while True:
            batch = [self._waiting[index] for index in range(min(len(self._waiting), BATCH_ROWS))]
            if not batch:
                self._idle.set()
                await asyncio.sleep(0.02)
                continue
            try:
                await store.write(batch)
            except sqlite3.Error as error:
                failing = True
                self._on_trouble(f"cannot write to the database: {error}")
                await asyncio.sleep(RETRY_S)
                continue
            for _ in batch:
                self._waiting.popleft()
            if len(self._waiting) <= MAX_WAITING:
                self._roomy.set()
            if failing:
                failing = False
                self._on_trouble("")
