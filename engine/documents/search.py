"""Ranks pieces by their words (BM25) and by their meaning (the direction of their vectors), and joins both ranks."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.documents.embedders import Vectors
from engine.documents.terms import terms

POOL = 60
"""Best pieces looked at of each rank."""
RANK_OFFSET = 60
"""Of reciprocal rank fusion: how little the very first places stand out."""

_IN_BASE = """
(? = '' OR {} IN (SELECT piece.number FROM piece JOIN document ON document.number = piece.document WHERE base = ?))
"""
_BY_WORDS = f"""
SELECT rowid FROM words WHERE words MATCH ? AND {_IN_BASE.format("rowid")} ORDER BY bm25(words, 2, 1), rowid LIMIT ?
"""  # noqa: S608 - the constant above
_HOLDING = "SELECT rowid FROM words WHERE words MATCH ? AND rowid IN (SELECT value FROM json_each(?))"
_COUNT = "SELECT count(*) FROM words WHERE words MATCH ?"
_VECTORS = f"""
SELECT piece, vector FROM vector WHERE embedding = ? AND length(vector) = ? AND {_IN_BASE.format("piece")}
"""  # noqa: S608 - the constant above
_NEAREST = f"{_VECTORS} ORDER BY vec_distance_cosine(vec_int8(vector), vec_int8(?)), piece LIMIT ?"

Likeness = Mapping[int, float]
"""Piece number to how well it fits, 0 to 1."""


def by_words(db: sqlite3.Connection, query: str, base: str) -> Likeness:
    """Return the pieces that hold words of the query, best first, each with the share of the query that it holds.

    A rare word is a larger share than a common one.
    """
    looked_for = terms(query)
    if not looked_for:
        return {}
    match = " OR ".join(map(_quoted, looked_for))
    found = [number for (number,) in db.execute(_BY_WORDS, (match, base, base, POOL))]
    (pieces,) = db.execute("SELECT count(*) FROM piece").fetchone()
    shares = dict.fromkeys(found, 0.0)
    whole = 0.0
    for term in looked_for:
        (holding,) = db.execute(_COUNT, (_quoted(term),)).fetchone()
        weight = math.log(1 + (pieces - holding + 0.5) / (holding + 0.5))
        whole += weight
        for (number,) in db.execute(_HOLDING, (_quoted(term), str(found))):
            shares[number] += weight
    return {number: share / whole for number, share in shares.items()}


def _quoted(term: str) -> str:
    return f'"{term}"'


def by_meaning(db: sqlite3.Connection, query: Vectors, embedding: str, base: str, *, extension: bool) -> Likeness:
    """Return the pieces whose vectors point most nearly where the query's does, nearest first, each with the cosine.

    ``extension`` lets sqlite-vec choose them; the cosines are worked out again in either case, so both give the same.
    """
    wanted = (embedding, len(query), base, base)
    rows = db.execute(_NEAREST, (*wanted, query.tobytes(), POOL)) if extension else db.execute(_VECTORS, wanted)
    found = rows.fetchall()
    if not found:
        return {}
    numbers = np.array([number for number, _ in found])
    cosines = _cosines(np.frombuffer(b"".join(row for _, row in found), dtype=np.int8).reshape(len(found), -1), query)
    order = np.lexsort((numbers, -cosines))[:POOL]
    return {int(numbers[row]): max(float(cosines[row]), 0.0) for row in order}


def _cosines(vectors: Vectors, query: Vectors) -> NDArray[np.float64]:
    """Return exact dot products over lengths: whole numbers until the division."""
    rows, column = vectors.astype(np.float64), query.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows) * (column @ column))
    cosines: NDArray[np.float64] = (rows @ column) / np.where(lengths == 0, 1, lengths)
    return cosines


def fused(ranks: Sequence[Likeness]) -> dict[int, float]:
    """Return each piece's score, 0 to 1: its joint rank, as a share of the best there can be, times its mean likeness.

    The rank alone would give the first place of any search the same score, whether it fits or not.
    """
    scores: dict[int, float] = {}
    for number in dict.fromkeys(number for rank in ranks for number in rank):
        places = [list(rank).index(number) for rank in ranks if number in rank]
        joint = sum((RANK_OFFSET + 1) / (RANK_OFFSET + 1 + place) for place in places) / len(ranks)
        likeness = sum(rank.get(number, 0.0) for rank in ranks) / len(ranks)
        scores[number] = joint * likeness
    return scores
