"""The nearest vectors to a query's: by sqlite-vec, or alike by comparing with every one."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from engine.embedding import DIMENSIONS

POOL = 200
"""Nearest vectors looked at for each view."""
VECTOR_TABLE = f"CREATE VIRTUAL TABLE nearest USING vec0(kind TEXT PARTITION KEY, vector INT8[{DIMENSIONS}])"
BY_MEANING = "SELECT rowid, distance FROM nearest WHERE kind = ? AND vector MATCH vec_int8(?) AND k = ?"

Nearest = list[tuple[float, int]]
"""Distance and chunk id, nearest first, equal distances by id."""


class VectorTable:
    """Nearest chunks by the sqlite-vec extension."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'nearest'").fetchone() is None:
            db.execute(VECTOR_TABLE)
            db.execute("INSERT INTO nearest (rowid, kind, vector) SELECT id, kind, vec_int8(vector) FROM chunks")
            db.commit()

    def nearest(self, kind: str, vector: NDArray[np.int8]) -> Nearest:
        rows = self._db.execute(BY_MEANING, (kind, vector.tobytes(), POOL))
        return sorted((float(distance), int(number)) for number, distance in rows)


class VectorArray:
    """The same by comparing with every vector, for a Python whose sqlite loads no extensions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        numbers: dict[str, list[int]] = defaultdict(list)
        vectors: dict[str, list[bytes]] = defaultdict(list)
        for number, kind, vector in db.execute("SELECT id, kind, vector FROM chunks ORDER BY id"):
            numbers[kind].append(number)
            vectors[kind].append(vector)
        self._numbers = {kind: np.array(found) for kind, found in numbers.items()}
        self._vectors = {
            kind: np.frombuffer(b"".join(rows), dtype=np.int8).reshape(-1, DIMENSIONS) for kind, rows in vectors.items()
        }

    def nearest(self, kind: str, vector: NDArray[np.int8]) -> Nearest:
        difference = self._vectors[kind].astype(np.float32) - vector.astype(np.float32)
        distances = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        order = np.argsort(distances, kind="stable")[:POOL]
        return [(float(distances[row]), int(self._numbers[kind][row])) for row in order]


def load_sqlite_vec(db: sqlite3.Connection) -> bool:
    """Return whether the extension is there now; a Python built without extensions has no such method."""
    if not hasattr(db, "enable_load_extension") or importlib.util.find_spec("sqlite_vec") is None:
        return False
    import sqlite_vec  # noqa: PLC0415 - optional

    db.enable_load_extension(True)
    try:
        sqlite_vec.load(db)
    except sqlite3.OperationalError:
        return False
    finally:
        db.enable_load_extension(False)
    return True
