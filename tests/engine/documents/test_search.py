"""The joint rank follows words and meaning, and says how well a piece fits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from engine.documents.catalogue import Catalogue, Entry
from engine.documents.schema import migrate
from engine.documents.search import by_words, fused
from engine.documents.splitting import Piece


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Return a database of three pieces."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    migrate(made)
    pieces = [Piece("", "the vault keeps backups"), Piece("", "the vault is cold"), Piece("", "coffee is hot")]
    Catalogue(made).store(Entry("D-1", "default", "/a.md", "00", 1, 0.0, "text", "utf-8", "", 3), pieces)
    yield made
    made.close()


def test_a_rare_word_is_a_larger_share_of_a_query_than_a_common_one(db: sqlite3.Connection) -> None:
    shares = by_words(db, "vault backups", "")
    assert list(shares) == [1, 2]
    assert shares[1] == pytest.approx(1)
    assert 0 < shares[2] < 0.5


def test_a_word_that_no_piece_holds_lowers_the_share(db: sqlite3.Connection) -> None:
    assert by_words(db, "coffee machine", "")[3] < by_words(db, "coffee", "")[3]


@pytest.mark.parametrize("query", ['"', "NEAR(a b)", "body : vault OR", "*", "the", "", "a AND", "'; DROP TABLE words"])
def test_the_language_of_the_index_is_not_the_user_s(db: sqlite3.Connection, query: str) -> None:
    by_words(db, query, "")
    assert by_words(db, "coffee", "")


def test_what_both_ranks_find_comes_before_what_one_finds() -> None:
    scores = fused([{1: 0.9, 2: 0.8}, {2: 0.8, 3: 0.9}])
    assert max(scores, key=scores.__getitem__) == 2


def test_the_first_of_what_does_not_fit_has_a_low_score() -> None:
    assert fused([{1: 0.0}, {1: 0.04}])[1] < 0.05
    assert fused([{1: 1.0}, {1: 1.0}])[1] == 1.0
    assert fused([]) == {}
