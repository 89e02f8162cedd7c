"""A document is stored whole or not at all, and leaves nothing behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from engine.documents.catalogue import Catalogue, Entry, changing, document_id, passage_id
from engine.documents.schema import migrate
from engine.documents.splitting import Piece


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Return an empty database."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    migrate(made)
    yield made
    made.close()


def _entry(source: str = "/a.md", digest: str = "00") -> Entry:
    return Entry(document_id("default", source), "default", source, digest, 1, 5.0, "text", "utf-8", "", 1)


def _rows(db: sqlite3.Connection) -> list[int]:
    tables = ("document", "piece", "vector", "words")
    return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


def test_a_document_is_listed_as_it_was_stored(db: sqlite3.Connection) -> None:
    Catalogue(db).store(_entry(), [Piece("h", "text")])
    assert Catalogue(db).entries() == [_entry()]


def test_dropping_leaves_nothing_behind(db: sqlite3.Connection) -> None:
    catalogue = Catalogue(db)
    catalogue.store(_entry(), [Piece("h", "text")])
    db.execute("INSERT INTO vector VALUES ('m', 1, x'01')")
    assert catalogue.drop([_entry().id]) == 1
    assert _rows(db) == [0, 0, 0, 0]


def test_replacing_leaves_one(db: sqlite3.Connection) -> None:
    catalogue = Catalogue(db)
    assert not catalogue.store(_entry(), [Piece("h", "text")])
    assert catalogue.store(_entry(digest="11"), [Piece("h", "other")])
    assert _rows(db) == [1, 1, 0, 1]


def test_a_change_that_fails_changes_nothing(db: sqlite3.Connection) -> None:
    with pytest.raises(RuntimeError), changing(db):
        db.execute("INSERT INTO searched VALUES ('m')")
        raise RuntimeError
    assert db.execute("SELECT count(*) FROM searched").fetchone() == (0,)


def test_an_id_follows_from_what_is_said_and_where() -> None:
    piece = Piece("h", "text")
    assert passage_id(piece, "00") == passage_id(piece, "00")
    others = {passage_id(piece, "11"), passage_id(Piece("h", "texts"), "00"), passage_id(Piece("", "text"), "00")}
    assert len({passage_id(piece, "00"), *others}) == 4
