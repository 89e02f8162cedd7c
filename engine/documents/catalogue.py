"""What is known of each document and its pieces: the tables beneath the collection."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

from engine.documents.splitting import Piece
from engine.documents.terms import indexed
from engine.types import Passage

_PUT_DOCUMENT = (
    "INSERT INTO document (id, base, source, digest, size, added_at, format, encoding, notes)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_PIECE = "INSERT INTO piece (document, id, heading, text) VALUES (?, ?, ?, ?)"
_PUT_WORDS = "INSERT INTO words (rowid, heading, body) VALUES (?, ?, ?)"
_DROP_DOCUMENT = (
    "DELETE FROM vector WHERE piece IN (SELECT number FROM piece WHERE document = ?)",
    "DELETE FROM words WHERE rowid IN (SELECT number FROM piece WHERE document = ?)",
    "DELETE FROM piece WHERE document = ?",
    "DELETE FROM document WHERE number = ?",
)
_ENTRIES = (
    "SELECT id, base, source, digest, size, added_at, format, encoding, notes,"
    " (SELECT count(*) FROM piece WHERE piece.document = document.number) FROM document ORDER BY base, source"
)
_SAME = "SELECT source FROM document WHERE base = ? AND digest = ? ORDER BY source <> ? LIMIT 1"
_PASSAGE = (
    "SELECT piece.id, piece.heading, piece.text, document.source FROM piece"
    " JOIN document ON document.number = piece.document"
)
_PASSAGE_NUMBERED = f"{_PASSAGE} WHERE piece.number = ?"
_PASSAGE_NAMED = f"{_PASSAGE} WHERE piece.id = ? LIMIT 1"


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as it is listed."""

    id: str
    base: str
    source: str
    """Absolute path of the file that it was read from."""
    digest: str
    """SHA-256 of that file."""
    size_bytes: int
    added_at: float
    format: str
    encoding: str
    notes: str
    """What was left out when it was read."""
    pieces: int


class Catalogue:
    """The documents of a database."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def entries(self) -> list[Entry]:
        """Return every document, by base and source."""
        return [Entry(*row) for row in self._db.execute(_ENTRIES)]

    def bases(self) -> list[str]:
        """Return the names of the bases that hold documents."""
        return [base for (base,) in self._db.execute("SELECT DISTINCT base FROM document ORDER BY base")]

    def count_pieces(self) -> int:
        """Return how many pieces there are."""
        (count,) = self._db.execute("SELECT count(*) FROM piece").fetchone()
        return int(count)

    def same(self, base: str, source: str, digest: str) -> str:
        """Return the source under which a content is in the base already, or empty."""
        row = self._db.execute(_SAME, (base, digest, source)).fetchone()
        return str(row[0]) if row else ""

    def passage(self, number: int, score: float) -> Passage | None:
        """Return a piece by its number."""
        return _passage(self._db.execute(_PASSAGE_NUMBERED, (number,)).fetchone(), score)

    def passage_named(self, passage_id: str) -> Passage | None:
        """Return a piece by its id."""
        return _passage(self._db.execute(_PASSAGE_NAMED, (passage_id,)).fetchone(), 1.0)

    def store(self, entry: Entry, pieces: Sequence[Piece]) -> bool:
        """Store a document in one go, and return whether it took the place of an older one of its id."""
        with changing(self._db):
            replaced = self._drop([entry.id])
            row = (entry.id, entry.base, entry.source, entry.digest, entry.size_bytes, entry.added_at)
            document = self._db.execute(_PUT_DOCUMENT, (*row, entry.format, entry.encoding, entry.notes)).lastrowid
            for piece in pieces:
                named = (document, passage_id(piece, entry.digest), piece.heading, piece.text)
                number = self._db.execute(_PUT_PIECE, named).lastrowid
                heading = indexed(f"{PurePath(entry.source).stem} {piece.heading}")
                self._db.execute(_PUT_WORDS, (number, heading, indexed(piece.text)))
        return bool(replaced)

    def drop(self, document_ids: Sequence[str]) -> int:
        """Remove documents, and return how many there were."""
        with changing(self._db):
            return self._drop(document_ids)

    def _drop(self, document_ids: Sequence[str]) -> int:
        numbers = [
            row
            for document_id in document_ids
            for row in self._db.execute("SELECT number FROM document WHERE id = ?", (document_id,)).fetchall()
        ]
        for statement in _DROP_DOCUMENT:
            self._db.executemany(statement, numbers)
        return len(numbers)


@contextmanager
def changing(db: sqlite3.Connection) -> Iterator[None]:
    """Have all of what follows stored, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def passage_id(piece: Piece, digest: str) -> str:
    """Return the id under which a piece is cited: from what it says and the file that it stands in."""
    return f"K-{_hex10(digest, piece.heading, piece.text)}"


def document_id(base: str, source: str) -> str:
    """Return the id of a document, which stays when its file is changed."""
    return f"D-{_hex10(base, source)}"


def _hex10(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


def _passage(row: tuple[str, str, str, str] | None, score: float) -> Passage | None:
    if row is None:
        return None
    named, heading, text, source = row
    name = PurePath(source).name
    title = f"{name}: {heading}" if heading else name
    return Passage(named, title, text, f"{source}, {heading}" if heading else source, round(score, 4))
