"""Turns a text into the numbers that the classifier of events weighs."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from engine.detect.lexicon import EventClass, Reading, patterns_in, terms_in

BUCKETS = 1 << 15
"""Columns that n-grams are hashed to."""

_TOKEN = re.compile(r"cve[- _]?\d{4}[- _]\d{3,7}|[a-z][a-z0-9]*|\d+|[\u4e00-\u9fff]+")
_CHINESE = "\u4e00"


def grams(seen: Reading) -> NDArray[np.int64]:
    """Return the columns of a text's words, pairs of words, pieces of words and runs of Chinese characters."""
    tokens = [_shape(token) for token in _TOKEN.findall(seen.text)]
    return np.unique(np.fromiter((_column(gram) for gram in _grams(tokens)), dtype=np.int64))


def hits(seen: Reading, classes: Mapping[str, EventClass]) -> NDArray[np.float32]:
    """Return for each class how many of its terms, then how many of its patterns, a text holds: damped counts."""
    terms = [len(terms_in(seen, event_class.terms)) for event_class in classes.values()]
    patterns = [patterns_in(seen, event_class.patterns) for event_class in classes.values()]
    return np.log1p(np.array([*terms, *patterns], dtype=np.float32))


def _grams(tokens: list[str]) -> Iterator[str]:
    for token, following in zip_longest(tokens, tokens[1:], fillvalue=""):
        yield token
        if token >= _CHINESE:
            yield from (token[at : at + size] for size in (1, 2, 3) for at in range(len(token) - size + 1))
        else:
            yield f"{token} {following}"
            framed = f"<{token}>"
            yield from (f"~{framed[at : at + 4]}" for at in range(len(framed) - 3))


def _shape(token: str) -> str:
    """Return a number as its length: which number it is tells nothing of another report."""
    if token.isdecimal():
        return "#" * min(len(token), 6)
    return re.sub("[- _]", "-", token) if token.startswith("cve") else token


def _column(gram: str) -> int:
    return zlib.crc32(gram.encode()) % BUCKETS
