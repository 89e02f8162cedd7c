"""Opens a database that somebody else may have written: to read, for a while, and nothing in it is trusted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import aiosqlite

from engine.store.connection import connect
from engine.store.database import Store
from engine.store.schema import MIGRATIONS

LIMIT_S = 10.0
"""Longest time that the questions to one database may take together: a view in it may never end."""

_STEPS = 10_000
"""Instructions of SQLite between two looks at the clock."""


class StoredOnly(Store):
    """A database that is read and never changed."""

    async def open(self) -> aiosqlite.Connection:
        """Open the file as it is; neither made nor brought forward."""
        until = time.monotonic() + LIMIT_S
        address = f"file:{quote(str(self.file.absolute()))}?mode=ro"
        self._db = db = await connect(address, uri=True)
        await db.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        await db.execute("PRAGMA trusted_schema = OFF")
        await db.execute("PRAGMA query_only = ON")
        return db

    async def refuse_other_layouts(self) -> None:
        """Raise ``ValueError`` where the tables are not those of this version."""
        ((layout,),) = await self._all("PRAGMA user_version")
        if layout == len(MIGRATIONS):
            return
        remedy = "use a newer aegis-tui" if layout > len(MIGRATIONS) else "a run of aegis-tui on it brings it forward"
        msg = f"it has layout {layout}, this program reads {len(MIGRATIONS)}: {remedy}"
        raise ValueError(msg)


@asynccontextmanager
async def read_store(path: Path) -> AsyncIterator[StoredOnly]:
    """Open the database at ``path`` to read.

    Raises:
        ValueError: it cannot be read, is none of this program's, or takes longer than ``LIMIT_S``; the text names it.
    """
    store = StoredOnly(path)
    try:
        await store.open()
        await store.refuse_other_layouts()
        yield store
    except (sqlite3.Error, ValueError) as error:
        took_too_long = isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error)
        reason = f"no answer within {LIMIT_S:g} s" if took_too_long else str(error)
        msg = f"cannot read the database {path}: {reason}"
        raise ValueError(msg) from error
    finally:
        await store.close()
