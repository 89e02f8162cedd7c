"""A database of any earlier version is brought forward, and keeps what is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.store.database import open_store
from engine.store.rows import put_incident
from engine.store.schema import MIGRATIONS
from tests.factories import incident


@pytest.mark.parametrize("layout", range(1, len(MIGRATIONS)))
async def test_a_database_of_an_earlier_version_is_brought_forward(layout: int, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as raw:
        for migration in MIGRATIONS[:layout]:
            migration(raw)
        raw.execute(f"PRAGMA user_version = {layout:d}")
        raw.execute(*put_incident(incident(), "live"))
    async with open_store(tmp_path / "a.db") as store:
        assert await store.incidents() == [incident()]
        assert await store.broke_off_at("live") == 0
        assert await store.retired("INC-01234567") is None
    with closing(sqlite3.connect(tmp_path / "a.db")) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
