"""A command adds what it spends to the engine's own count."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.store.database import open_store
from engine.store.rows import put_spending
from engine.store.tally import add_spending, spent

DAY = "2026-11-22"


async def test_what_is_added_counts_with_what_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "aegis.db"
    async with open_store(file) as store:
        await store.write([put_spending(DAY, "m", 100, 10)])
        add_spending(file, DAY, "m", 7, 1)
        assert await store.spending(DAY) == spent(file, DAY) == [("m", 107, 11, 2)]
    assert spent(file, "2026-11-23") == []


def test_no_database_is_made(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        add_spending(tmp_path / "aegis.db", DAY, "m", 1, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "aegis.db"
    sqlite3.connect(file).close()
    for ask in (lambda: add_spending(file, DAY, "m", 1, 1), lambda: spent(file, DAY)):
        with pytest.raises(ValueError, match="layout 0"):
            ask()
