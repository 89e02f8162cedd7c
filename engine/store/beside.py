"""Opens the database for a command beside the engine, which may be writing: for one change, in one go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from engine.store.rows import Row
from engine.store.schema import MIGRATIONS

WAIT_S = 5.0
"""How long to wait for another program's write."""


def change(file: Path, rows: Iterable[Row]) -> int:
    """Run the statements as one transaction, and return how many rows they changed; raises like ``opened``."""
    with closing(opened(file, "rw")) as db:
        db.execute("BEGIN IMMEDIATE")
        changed = sum(db.execute(*row).rowcount for row in rows)
        db.execute("COMMIT")
        return changed


def opened(file: Path, mode: str) -> sqlite3.Connection:
    """Open a database that is there already; ``mode`` is ``ro`` or ``rw``.

    Raises:
        ValueError: it is no database of this version.
        sqlite3.Error: it cannot be read.
    """
    address = f"file:{quote(str(file.absolute()))}?mode={mode}"
    db = sqlite3.connect(address, uri=True, isolation_level=None, timeout=WAIT_S)
    try:
        db.execute("PRAGMA trusted_schema = OFF")
        ((layout,),) = db.execute("PRAGMA user_version")
        if layout != len(MIGRATIONS):
            raise ValueError(f"it has layout {layout}, this program reads {len(MIGRATIONS)}")
    except BaseException:
        db.close()
        raise
    return db
