"""Vectors learned from the phrases: the centre of each technique, and those of Chinese grams.

A centre is the mean of a technique's texts, seen through what tells techniques apart rather than phrases of one
technique (linear discriminant analysis). The vector of a gram is such that the grams of a Chinese phrase add up to the
mean of the English texts of its technique, and those of a glossary's term to its English (ridge regression).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.attack.grams import grams
from engine.embedding import SCALE

SHARES = {"phrase": 7, "name": 1, "term": 1, "strategy": 1, "description": 1, "analytic": 1, "example": 1}
"""How much the mean of each kind of text counts in the mean of a technique."""
SHRINKAGE = 1.0
"""Of the spread within techniques towards an even one, as a share of its mean variance."""
RIDGE = 1.0
LEAST_PHRASES = 2
"""A gram of fewer phrases has no vector, unless it is of the glossary."""
Floats = NDArray[np.float64]


class Text(NamedTuple):
    """A piece of English text about a technique."""

    technique: str
    kind: str
    vector: Floats


def unit(vectors: Floats) -> Floats:
    """Return the rows at length 1; an empty one stays empty."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled


def means(texts: Sequence[Text], techniques: Sequence[str]) -> Floats:
    """Return a row per technique: the mean of its texts, zeros without one."""
    rows = {key: row for row, key in enumerate(techniques)}
    total, number = np.zeros((len(rows), 384)), np.zeros((len(rows), 1))
    for text in texts:
        total[rows[text.technique]] += text.vector
        number[rows[text.technique]] += 1
    return total / np.maximum(number, 1)


def mixed(texts: Sequence[Text], techniques: Sequence[str]) -> Floats:
    """Return a unit row per technique: its kinds of text by their shares."""
    kinds = (([text for text in texts if text.kind == kind], share) for kind, share in SHARES.items())
    return unit(np.sum([share * means(of_kind, techniques) for of_kind, share in kinds], axis=0))


def centres(texts: Sequence[Text], techniques: Sequence[str]) -> Floats:
    """Return a unit row per technique whose product with a query's vector is high for that technique alone."""
    phrases = [text for text in texts if text.kind == "phrase"]
    middles = dict(zip(techniques, means(phrases, techniques), strict=True))
    within = np.stack([text.vector - middles[text.technique] for text in phrases])
    spread = within.T @ within / len(within)
    spread += SHRINKAGE * np.trace(spread) / len(spread) * np.eye(len(spread))
    return unit(np.linalg.solve(spread, mixed(texts, techniques).T).T)


def apart(vectors: Floats, middle: Floats) -> Floats:
    """Return unit rows that say in what the vectors differ from the middle of all."""
    return unit(vectors - middle)


def gram_vectors(texts: Sequence[str], targets: Floats, terms: int) -> tuple[list[str], Floats]:
    """Return the grams of Chinese texts, each with a target, and the vector of each gram.

    The last texts are ``terms`` of the glossary, whose grams count however rare.
    """
    number = Counter(gram for text in texts for gram in grams(text))
    kept = {gram for text in texts[len(texts) - terms :] for gram in grams(text)}
    names = sorted(gram for gram in number if number[gram] >= LEAST_PHRASES or gram in kept)
    rows = {name: row for row, name in enumerate(names)}
    weights = np.log(1 + len(texts) / np.array([number[name] for name in names]))
    bags = np.zeros((len(texts), len(names)))
    for bag, text in zip(bags, texts, strict=True):
        known = [rows[gram] for gram in grams(text) if gram in rows]
        bag[known] = weights[known]
    bags = unit(bags)
    learned = bags.T @ np.linalg.solve(bags @ bags.T + RIDGE * np.eye(len(bags)), targets)
    return names, weights[:, None] * learned


def packed(vectors: Floats) -> NDArray[np.int8]:
    """Return unit rows as the embedder gives them."""
    return np.clip(np.rint(vectors * SCALE), -127, 127).astype(np.int8)


def packed_evenly(vectors: Floats) -> NDArray[np.int8]:
    """Return rows whose lengths matter, so that their largest component is 127."""
    rows: NDArray[np.int8] = np.rint(vectors * (127 / np.abs(vectors).max())).astype(np.int8)
    return rows
