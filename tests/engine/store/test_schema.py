"""A database of any earlier version is brought forward, and keeps what is in it."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from engine.store.database import open_store
from engine.store.rows import put_incident
from engine.store.schema import MIGRATIONS, migrate
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


def test_programs_that_open_a_new_database_at_once_bring_it_forward_once(tmp_path: Path) -> None:
    def opened(_: int) -> int:
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None, timeout=30)) as raw:
            together.wait()
            migrate(raw)
            return int(raw.execute("PRAGMA user_version").fetchone()[0])

    together = threading.Barrier(4)
    with ThreadPoolExecutor(4) as programs:
        assert list(programs.map(opened, range(4))) == [len(MIGRATIONS)] * 4
