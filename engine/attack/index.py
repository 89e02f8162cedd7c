"""Finds the techniques that a query is about."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.attack.grams import HAN, is_chinese
from engine.attack.shipped import CENTRE, Shipped
from engine.attack.vectors import Nearest, VectorArray, VectorTable, load_sqlite_vec
from engine.embedding import SCALE, Embedder, embedder_of
from engine.reason import reason
from engine.types import Passage

ATTACK_ID = re.compile(r"\bT\d{4}(?:\.\d{3})?\b", re.ASCII)
VIEWS = ("description", CENTRE)
"""What vectors there are of a technique: those of its description's pieces, and one of all that is said about it."""
WEIGHTS = {"words": 0.3, "description": 0.14, CENTRE: 0.56}
"""What speaks for a technique, to its weight; together 1.

On phrases left out of the index ``knowledge/fit_weights.py`` finds .22, .22 and .56; the words weigh more here because
the dev half of the frozen queries asks for it. Nothing is fitted on the unseen half.
"""
SIGN_WEIGHT = 0.4
"""What a payload or tool named in ``signs.tsv`` adds: more than words, less than certainty."""
FAMILY_WEIGHT = 0.1
"""The share of its best sub-technique's score that a technique gets: several alike speak for what they share."""
WORDS_LIMIT = 200
QUERY_WORDS = 64
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by every for from has have in into is it its no not of on or other our several that the "
        "their then this to us was we were when which who with without",
    )
)
BY_WORDS = """
SELECT passage_id, -bm25(words, 0, 4, 3, 1) AS weight FROM words
WHERE words MATCH ? ORDER BY weight DESC, passage_id LIMIT ?
"""


class AttackIndex:
    """ATT&CK by words, by meaning and by payload."""

    backend: str
    """``sqlite-vec`` or ``numpy``; ``words only: `` and why, without the embedding model."""

    def __init__(
        self, folder: Path, database_path: Path | None = None, *, extensions: bool = True, embedding: bool = True
    ) -> None:
        """Open the database, made from the shipped files when missing or older than they are.

        ``extensions`` and ``embedding`` switch off what this Python may lack anyway.
        """
        shipped = Shipped(folder)
        self._db = shipped.open(database_path)
        self._signs, self._grams = shipped.signs(), shipped.grams()
        self._chunk_passages = [row[0] for row in self._db.execute("SELECT passage_id FROM chunks ORDER BY id")]
        loaded = extensions and load_sqlite_vec(self._db)
        self._vectors = VectorTable(self._db) if loaded else VectorArray(self._db)
        self.backend = "sqlite-vec" if loaded else "numpy"
        self.embedder: Embedder | None = None
        try:
            if not embedding:
                raise ImportError("switched off")
            self.embedder = embedder_of(shipped.path("vocab.txt"))
        except (ImportError, OSError) as error:
            self.backend = f"words only: {reason(error)}"

    def search(self, query: str, k: int) -> list[Passage]:
        """Return the best passages, each technique once; techniques named by id in the query come first."""
        query = query.encode("utf-8", "replace").decode("utf-8")
        scores = self._scores(query)
        named = ATTACK_ID.findall(query)
        scores.update(dict.fromkeys(named, 1.0))
        best = sorted(scores, key=lambda key: (-scores[key], key))
        found = (self.get(key, scores[key]) for key in best[: k + len(named)])
        return [passage for passage in found if passage][:k]

    def get(self, passage_id: str, score: float = 1.0) -> Passage | None:
        """Return the passage with this id, such as ``T1190``."""
        if ATTACK_ID.fullmatch(passage_id) is None:
            return None
        row = self._db.execute("SELECT title, text, source FROM passages WHERE id = ?", (passage_id,)).fetchone()
        if row is None:
            return None
        title, text, source = row
        return Passage(passage_id, title, text, source, round(score, 4))

    def close(self) -> None:
        self._db.close()

    def likeness(self, query: str) -> dict[str, dict[str, float]]:
        """Return what speaks for each technique, 0 to 1, by the names of ``WEIGHTS``."""
        found, vector = {"words": self._by_words(query)}, self._embed(query)
        if vector is not None:
            found |= {view: self._by_view(self._vectors.nearest(view, vector)) for view in VIEWS}
        return found

    def _scores(self, query: str) -> dict[str, float]:
        """Return, 0 to 1, what the words, each view, the signs and the sub-techniques say for a passage."""
        scores: dict[str, float] = defaultdict(float)
        for name, shares in self.likeness(query).items():
            for key, share in shares.items():
                scores[key] += WEIGHTS[name] * share
        for key in self._signs.techniques(query):
            scores[key] += SIGN_WEIGHT
        return {key: min(score, 1.0) for key, score in _with_families(scores).items()}

    def _embed(self, query: str) -> NDArray[np.int8] | None:
        """Return the vector of a query; Chinese needs no model."""
        if is_chinese(query):
            return self._grams.embed(query)
        if self.embedder is None or not query.strip():
            return None
        vector: NDArray[np.int8] = self.embedder.embed([query])[0]
        return vector

    def _by_words(self, query: str) -> dict[str, float]:
        words = re.findall(r"\w+", HAN.sub(r" \g<0> ", query.lower()))
        match = " OR ".join(f'"{word}"' for word in [word for word in words if word not in STOP_WORDS][:QUERY_WORDS])
        rows = self._db.execute(BY_WORDS, (match, WORDS_LIMIT)).fetchall() if match else []
        return {key: weight / rows[0][1] for key, weight in rows}

    def _by_view(self, nearest: Nearest) -> dict[str, float]:
        """Return how much nearer each passage's nearest vector is than the last of the pool, as a cosine."""
        farthest, _ = nearest[-1]
        likeness: dict[str, float] = {}
        for distance, number in nearest:
            likeness.setdefault(self._chunk_passages[number], (farthest**2 - distance**2) / (2 * SCALE**2))
        return likeness


def _with_families(scores: dict[str, float]) -> dict[str, float]:
    """Return the scores, each technique's with a share of its best sub-technique's."""
    best: dict[str, float] = defaultdict(float)
    for key, score in scores.items():
        parent, _, part = key.partition(".")
        if part:
            best[parent] = max(best[parent], score)
    return {key: score + FAMILY_WEIGHT * best[key] for key, score in scores.items()}
