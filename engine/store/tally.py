"""What was spent on a day, for a command that asks an endpoint beside the engine: read and added to in one go."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from engine.store.beside import opened
from engine.store.rows import put_spending

_SPENT = "SELECT model, tokens_in, tokens_out, calls FROM spending WHERE day = ?"


def spent(file: Path, day: str) -> list[tuple[str, int, int, int]]:
    """Return model, tokens in, tokens out and calls of a day.

    Raises:
        ValueError: it is no database of this version.
        sqlite3.Error: it cannot be read.
    """
    with closing(opened(file, "ro")) as db:
        return [(str(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in db.execute(_SPENT, (day,))]


def add_spending(file: Path, day: str, model: str, tokens_in: int, tokens_out: int) -> None:
    """Add one call to a database that is there already; raises like ``spent``."""
    with closing(opened(file, "rw")) as db:
        db.execute(*put_spending(day, model, tokens_in, tokens_out))
