"""A connection to the database: opened, asked, written to in batches, and put aside when it is damaged."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import aiosqlite

from engine import wire
from engine.newfile import found_or_made
from engine.store.rows import Row
from engine.store.schema import migrate

log = logging.getLogger(__name__)

BUSY_S = 0.5
"""How long one write waits for another program's; then the writer says so and tries again."""


async def connect(database: Path | str, *, uri: bool = False) -> aiosqlite.Connection:
    """Return a connection; where there is none to be had, raise once its thread has ended.

    aiosqlite leaves that thread to answer an event loop which may be closed by then.
    """
    connection = aiosqlite.connect(database, timeout=BUSY_S, uri=uri)
    try:
        return await connection
    except BaseException:
        await asyncio.to_thread(connection._thread.join)
        raise


class Connection:
    """One file, open or not. Only the writer writes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._db: aiosqlite.Connection | None = None

    async def write(self, rows: Iterable[Row]) -> None:
        """Write a batch as one transaction: all of it, or nothing."""
        db = self._db or await self.open()
        try:
            for statement, group in groupby(rows, key=itemgetter(0)):
                await db.executemany(statement, [parameters for _, parameters in group])
            await db.commit()
        except BaseException:
            await db.rollback()
            raise

    async def open(self) -> aiosqlite.Connection:
        """Open the file, made and brought forward where that is needed."""
        _prepare(self.file)
        self._db = await connect(self.file)
        await self._db.execute("PRAGMA synchronous = NORMAL")
        return self._db

    async def begin_anew(self) -> Path:
        """Put a database that was damaged aside, go on with an empty one, and return where the old one is."""
        await self.close()
        aside = set_aside(self.file)
        await self.open()
        return aside

    async def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            await db.close()

    async def used_bytes(self) -> int:
        """Return the bytes in use; free pages inside the file are not counted, since they are used again."""
        pragmas = [await self._all(f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")]
        pages, free, size = (int(rows[0][0]) for rows in pragmas)
        return (pages - free) * size

    async def reclaim(self, pages: int) -> None:
        """Give free pages back to the file system, as far as the database was made to."""
        await self._all(f"PRAGMA incremental_vacuum({pages:d})")

    async def _all(self, query: str, *parameters: Any) -> list[Any]:
        if self._db is None:
            msg = "the database is not open"
            raise sqlite3.OperationalError(msg)
        return list(await self._db.execute_fetchall(query, parameters))


def readable(cls: Any, rows: Iterable[tuple[str]]) -> list[Any]:
    """Return the values in rows; one that another version wrote, or that was damaged, is passed over."""
    values = []
    for (body,) in rows:
        try:
            values.append(wire.loads(cls, body))
        except ValueError as error:
            log.warning("a stored %s is passed over: %s", cls.__name__.lower(), error)
    return values


def _prepare(file: Path) -> None:
    found_or_made(Path(os.path.realpath(file)))  # ``resolve`` raises no OSError on a loop of links
    with closing(sqlite3.connect(file, isolation_level=None, timeout=10.0)) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded where the file is new
        db.execute("PRAGMA journal_mode = WAL")
        migrate(db)


def set_aside(path: Path) -> Path:
    """Rename a damaged database and its companions out of the way, and return its new name."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    return aside
