"""The tables are strict, made once, and never taken back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from engine.documents.schema import MIGRATIONS, migrate


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Return an empty file's connection."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    yield made
    made.close()


def test_every_table_is_strict_and_bringing_forward_twice_changes_nothing(db: sqlite3.Connection) -> None:
    migrate(db)
    migrate(db)
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    ours = "('document', 'piece', 'vector', 'searched')"
    assert db.execute(f"SELECT count(*) FROM pragma_table_list WHERE name IN {ours} AND strict").fetchone() == (4,)


def test_a_later_layout_is_refused_and_left_as_it_is(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="newer aegis-tui"):
        migrate(db)
    assert not db.in_transaction
