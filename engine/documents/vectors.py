"""The vectors of the pieces: made in batches that are kept, and searched once all are there."""

from __future__ import annotations

import sqlite3
import time

from engine.attack.vectors import load_sqlite_vec
from engine.documents.catalogue import changing
from engine.documents.embedders import DocumentEmbedder
from engine.documents.files import Progress
from engine.documents.search import Likeness, by_meaning
from engine.documents.wanted import Embedders
from engine.reason import reason

BATCH = 32
"""Pieces embedded in one go."""
PAUSE_S = 60.0
"""Until an endpoint that failed is asked again."""

_NO_VECTOR = "NOT EXISTS (SELECT 1 FROM vector WHERE embedding = ? AND vector.piece = piece.number)"
_COUNT_LACKING = f"SELECT count(*) FROM piece WHERE {_NO_VECTOR}"  # noqa: S608 - the constant above
_LACKING = f"SELECT number, heading, text FROM piece WHERE {_NO_VECTOR} ORDER BY number LIMIT ?"  # noqa: S608 - the constant above
_PUT = "INSERT OR REPLACE INTO vector SELECT ?, number, ? FROM piece WHERE number = ?"


class PieceVectors:
    """The vectors of one database, by the embedding that is set and by the one before it."""

    def __init__(self, db: sqlite3.Connection, embedders: Embedders, *, extensions: bool) -> None:
        self._db = db
        self._embedders = embedders
        self._extension = extensions and load_sqlite_vec(db)
        self._quiet_until = 0.0
        self.fault = ""
        """Why searches go by words only at the moment, or empty."""

    @property
    def backend(self) -> str:
        """What compares vectors: ``sqlite-vec`` or ``numpy``."""
        return "sqlite-vec" if self._extension else "numpy"

    def lacking(self) -> int:
        """Return how many pieces have no vector of the embedding that is set."""
        (count,) = self._db.execute(_COUNT_LACKING, (self._embedders.wanted,)).fetchone()
        return int(count)

    def searched(self) -> str:
        """Return the embedding whose vectors were complete last, or empty before there was one."""
        row = self._db.execute("SELECT embedding FROM searched").fetchone()
        return str(row[0]) if row else ""

    def nearest(self, query: str, base: str) -> Likeness | None:
        """Return None where words have to do: no vectors, an endpoint that is down, a language not learned."""
        name = self.searched()
        if not name or time.monotonic() < self._quiet_until:
            return None
        try:
            embedder = self._embedders.named(name)
            if not embedder.reads(query):
                return None
            vector = embedder.embed_query(query)
        except (ConnectionError, ImportError, OSError) as error:
            self._quiet_until = time.monotonic() + PAUSE_S
            self.fault = f"{reason(error)}; documents are searched by their words only"
            return None
        self.fault = ""
        return by_meaning(self._db, vector, name, base, extension=self._extension)

    def complete(self, progress: Progress | None = None) -> str:
        """Embed what has no vector of the embedding that is set; return why that failed, or empty.

        What was embedded is kept, so the next call goes on there. The vectors of another embedding are searched until
        the new ones are complete, and only then given up.
        """
        total, name = self.lacking(), self._embedders.wanted
        left = total
        try:
            embedder = self._embedders.named(name) if total else None
            while embedder and (left := self._embed_batch(embedder, left)):
                if progress:
                    progress(total - left, total, f"embedded with {name}")
        except (ConnectionError, ImportError, OSError) as error:
            return f"{left:,} of {total:,} pieces are not embedded yet: {reason(error)}"
        if progress and total:
            progress(total, total, f"embedded with {name}")
        with changing(self._db):
            self._db.execute("DELETE FROM searched")
            self._db.execute("INSERT INTO searched VALUES (?)", (name,))
            self._db.execute("DELETE FROM vector WHERE embedding <> ?", (name,))
        return ""

    def _embed_batch(self, embedder: DocumentEmbedder, left: int) -> int:
        """Return how many pieces are left."""
        rows = self._db.execute(_LACKING, (embedder.name, BATCH)).fetchall()
        if not rows:
            return 0
        vectors = embedder.embed([f"{heading}\n{text}".strip() for _, heading, text in rows])
        with changing(self._db):
            made = [(embedder.name, vector.tobytes(), row[0]) for row, vector in zip(rows, vectors, strict=True)]
            self._db.executemany(_PUT, made)
        return max(left - len(rows), 0)
