"""Opens the engine's database, or one in its place where it cannot be had: a run never fails for that."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from engine.reason import reason
from engine.store.connection import set_aside
from engine.store.database import Store, open_store


@asynccontextmanager
async def open_or_begin_anew(path: Path | None, fault: Callable[[str, str, str], None]) -> AsyncIterator[Store]:
    """Open the database at ``path``, or one in memory for ``None``.

    ``fault`` is told, as ability, message and remedy, when the file is damaged and a new one is begun,
    or cannot be opened and nothing of the run is kept.
    """
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(open_store(path))
        except (sqlite3.OperationalError, OSError) as error:
            if path is None:
                raise
            remedy = "nothing of this run will be kept: free disk space, or give the folder to the engine's user"
            fault("store", f"cannot open {path}: {reason(error, of=path)}", remedy)
            store = await stack.enter_async_context(open_store(None))
        except sqlite3.DatabaseError as error:
            if path is None:
                raise
            aside = set_aside(path)
            fault("store", f"{path} was damaged ({error}) and is now {aside.name}", "a new database was begun")
            store = await stack.enter_async_context(open_store(path))
        yield store
