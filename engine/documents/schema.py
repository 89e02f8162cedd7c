"""The tables of the user's documents, as numbered migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

_TABLES = """
CREATE TABLE document (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, base TEXT NOT NULL, source TEXT NOT NULL, digest TEXT NOT NULL,
    size INTEGER NOT NULL, added_at REAL NOT NULL, format TEXT NOT NULL, encoding TEXT NOT NULL,
    notes TEXT NOT NULL) STRICT;
CREATE INDEX document_by_digest ON document (base, digest);
CREATE TABLE piece (
    number INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, id TEXT NOT NULL, heading TEXT NOT NULL,
    text TEXT NOT NULL) STRICT;
CREATE INDEX piece_by_document ON piece (document);
CREATE INDEX piece_by_id ON piece (id);
CREATE TABLE vector (
    embedding TEXT NOT NULL, piece INTEGER NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (embedding, piece)) STRICT, WITHOUT ROWID;
CREATE TABLE searched (embedding TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE words USING fts5(heading, body, tokenize='porter unicode61');
CREATE VIRTUAL TABLE word USING fts5vocab(words, row)
"""


def m001_create_tables(db: sqlite3.Connection) -> None:
    """Create the first set of tables."""
    for statement in _TABLES.split(";"):
        db.execute(statement)


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [m001_create_tables]
"""Appended to, never edited: a database's ``user_version`` is how many of these it has had."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring a database forward.

    Raises:
        ValueError: the database was written by a later version of the program.
    """
    version = _version(db)
    if version > len(MIGRATIONS):
        msg = f"the documents have layout {version}, this program knows {len(MIGRATIONS)}: use a newer aegis-tui"
        raise ValueError(msg)
    if version == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    for number, migration in list(enumerate(MIGRATIONS, 1))[_version(db) :]:
        migration(db)
        db.execute(f"PRAGMA user_version = {number:d}")
    db.execute("COMMIT")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
