"""Vectors for Chinese text, which the vocabulary of the embedding model does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.embedding import SCALE

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
MAX_CHARS = 2000
"""The length of a query that is read; the rest is cut."""

CHINESE_SHARE = 0.08
"""The share of Chinese characters from which a text is Chinese: one says more than a Latin letter does."""


def is_chinese(text: str) -> bool:
    """Return whether the text is Chinese, with whatever commands and names in it, and not merely quotes some."""
    return bool(text) and sum(map(len, HAN.findall(text))) >= CHINESE_SHARE * len(text)


def grams(text: str) -> list[str]:
    """Return each Chinese character and pair of neighbours, and the words between them, each once and in order."""
    runs = HAN.findall(text)
    pairs = [run[at : at + 2] for run in runs for at in range(len(run) - 1)]
    return list(dict.fromkeys([*"".join(runs), *pairs, *re.findall(r"\w+", HAN.sub(" ", text.lower()))]))


class GramVectors:
    """Adds the vectors of a text's grams up to one that lies where the English text would.

    ``knowledge/meaning.py`` learned them from phrases in both languages for the same technique.
    """

    def __init__(self, names: Iterable[str], vectors: NDArray[np.int8]) -> None:
        self._rows = {name: row for row, name in enumerate(names)}
        self._vectors = vectors

    def embed(self, text: str) -> NDArray[np.int8] | None:
        """Return the unit vector times ``SCALE``; None for a text of which no gram is known."""
        rows: Sequence[int] = [self._rows[gram] for gram in grams(text[:MAX_CHARS]) if gram in self._rows]
        total = self._vectors[rows].astype(np.int64).sum(axis=0)
        length = float(np.sqrt(total @ total))
        if not length:
            return None
        vector: NDArray[np.int8] = np.clip(np.rint(total / length * SCALE), -127, 127).astype(np.int8)
        return vector
