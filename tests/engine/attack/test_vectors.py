"""Both ways to compare vectors give the same neighbours in the same order."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from engine.attack.vectors import POOL, VectorArray, VectorTable, load_sqlite_vec
from engine.embedding import DIMENSIONS

COUNT = 300
LOADS_EXTENSIONS = hasattr(sqlite3.Connection, "enable_load_extension")


def database() -> sqlite3.Connection:
    """Return chunks of one kind, the first two alike."""
    vectors = np.random.default_rng(1).integers(-60, 60, (COUNT, DIMENSIONS), dtype=np.int8)
    vectors[1] = vectors[0]
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE chunks (id INTEGER PRIMARY KEY, kind TEXT, vector BLOB)")
    db.executemany("INSERT INTO chunks VALUES (?, 'k', ?)", ((at, row.tobytes()) for at, row in enumerate(vectors)))
    return db


QUERY = np.random.default_rng(2).integers(-60, 60, DIMENSIONS, dtype=np.int8)


def test_the_nearest_come_first_and_equal_ones_by_id() -> None:
    db = database()
    own = np.frombuffer(db.execute("SELECT vector FROM chunks WHERE id = 0").fetchone()[0], dtype=np.int8)
    found = VectorArray(db).nearest("k", own)
    assert found[:2] == [(0.0, 0), (0.0, 1)]
    assert len(found) == POOL
    assert found == sorted(found)


@pytest.mark.skipif(not LOADS_EXTENSIONS, reason="this Python's sqlite3 loads no extensions")
def test_the_extension_finds_the_same() -> None:
    db = database()
    assert load_sqlite_vec(db)
    table, array = VectorTable(db).nearest("k", QUERY), VectorArray(db).nearest("k", QUERY)
    assert [number for _, number in table] == [number for _, number in array]
    assert [distance for distance, _ in table] == pytest.approx([distance for distance, _ in array])
