"""Trains the classifier of reported events on knowledge/classes; run by hand when a file there has changed.

    python knowledge/build_classes.py

Reads the terms, patterns and lines of every class, fits a multinomial logistic regression, and sets its
temperature on lines held out of the training. Nothing in it is random; it takes a minute or two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import paths
from engine.detect.classes import Embed, gram_value, inputs
from engine.detect.features import BUCKETS
from engine.detect.lexicon import EventClass, read_classes
from engine.embedding import Embedder

FOLDER = paths.CLASSES

ROUNDS = 120
RATE = 0.08
DECAY = 5e-4
TERM_WEIGHT = 0.2
"""A term alone says less of how reports are worded than a line."""

MEANING = slice(2 * 23, 2 * 23 + 384)
"""Where the meaning stands among the dense inputs: after the terms and patterns of each class."""

Floats = NDArray[np.float32]


class Examples(NamedTuple):
    """What is trained on: one row for each text."""

    columns: list[NDArray[np.int64]]
    dense: Floats
    labels: NDArray[np.int64]
    weights: Floats


def main() -> None:
    """Write the weights and the manifest."""
    classes = read_classes(FOLDER)
    embed = Embedder(paths.KNOWLEDGE / "attack" / "vocab.txt").embed
    known = examples(classes, embed)
    store(classes, train(known, len(classes)), temperatures(known, len(classes)))
    print((FOLDER / "manifest.json").read_text())


def examples(classes: dict[str, EventClass], embed: Embed) -> Examples:
    """Return the lines and terms of every class as numbers."""
    texts = list(_texts(classes))
    rows = [inputs(text, classes, embed) for text, _, _ in texts]
    labels = np.array([label for _, label, _ in texts])
    weights = np.array([weight for _, _, weight in texts], dtype=np.float32)
    return Examples([columns for columns, _ in rows], np.stack([dense for _, dense in rows]), labels, weights)


def _texts(classes: dict[str, EventClass]) -> Iterator[tuple[str, int, float]]:
    for label, event_class in enumerate(classes.values()):
        yield from ((line, label, 1.0) for line in event_class.lines)
        yield from ((term, label, TERM_WEIGHT) for term in event_class.terms)


def train(known: Examples, classes: int) -> Floats:
    """Return the weights of every column, n-grams first: Adam over all examples at once.

    Every other round goes without meaning, so that the weights also serve where there is no embedding model.
    """
    used = np.unique(np.concatenate(known.columns))
    rows = np.hstack([_spread(known.columns, used), known.dense])
    blind = rows.copy()
    blind[:, len(used) + MEANING.start : len(used) + MEANING.stop] = 0
    wanted = np.eye(classes, dtype=np.float32)[known.labels]
    share = (known.weights / known.weights.sum())[:, None]
    found = np.zeros((rows.shape[1], classes), dtype=np.float32)
    mean, spread = np.zeros_like(found), np.zeros_like(found)
    for number in range(1, ROUNDS + 1):
        seen = blind if number % 2 else rows
        slope = seen.T @ ((_softmax(seen @ found) - wanted) * share) + DECAY * found
        mean = 0.9 * mean + 0.1 * slope
        spread = 0.99 * spread + 0.01 * slope * slope
        step = RATE * (1.0 if number < ROUNDS * 0.7 else 0.3)
        found -= step * (mean / (1 - 0.9**number)) / (np.sqrt(spread / (1 - 0.99**number)) + 1e-8)
    whole = np.zeros((BUCKETS + known.dense.shape[1], classes), dtype=np.float32)
    whole[used], whole[BUCKETS:] = found[: len(used)], found[len(used) :]
    return whole


def _spread(columns: Sequence[NDArray[np.int64]], used: NDArray[np.int64]) -> Floats:
    rows = np.zeros((len(columns), len(used)), dtype=np.float32)
    for row, found in zip(rows, columns, strict=True):
        row[np.searchsorted(used, found)] = gram_value(len(found))
    return rows


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def store(classes: dict[str, EventClass], weights: Floats, temperatures: dict[str, float]) -> None:
    """Write the weights, those of the n-grams as whole numbers, and the manifest."""
    scale = float(np.abs(weights[:BUCKETS]).max()) / 127
    content = {
        "grams": np.rint(weights[:BUCKETS] / scale).astype(np.int8),
        "dense": weights[BUCKETS:] / np.float32(scale),
        "scale": np.float64(scale),
    }
    np.savez_compressed(FOLDER / "weights.npz", **content)
    stored = (FOLDER / "weights.npz").read_bytes()
    manifest = {
        "classes": list(classes),
        "lines": sum(len(event_class.lines) for event_class in classes.values()),
        "temperature": temperatures,
        "terms": sum(len(event_class.terms) for event_class in classes.values()),
        "weights_sha256": hashlib.sha256(stored).hexdigest(),
    }
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def temperatures(known: Examples, classes: int) -> dict[str, float]:
    """Return the temperatures at which confidence costs least on lines that were not trained on.

    Each half of the lines is judged by weights from the other half, with and without meaning.
    """
    halves = [_judged(known, classes, parity) for parity in (0, 1)]
    right = np.concatenate([labels for _, _, labels in halves])
    full, blind = np.vstack([one for one, _, _ in halves]), np.vstack([one for _, one, _ in halves])
    found = {}
    for name, logits in (("meaning", full), ("words", blind)):
        found[name] = min((_loss(logits, right, step / 20), step / 20) for step in range(6, 80))[1]
    return found


def _judged(known: Examples, classes: int, parity: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return the logits of half of the lines, with and without meaning, and their labels."""
    held = (known.weights == 1.0) & (np.arange(len(known.labels)) % 2 == parity)
    weights = train(known._replace(weights=np.where(held, np.float32(0), known.weights)), classes)
    rows = np.flatnonzero(held)
    grams = np.stack([weights[known.columns[row]].sum(axis=0) * gram_value(len(known.columns[row])) for row in rows])
    dense = known.dense[rows]
    blind = dense.copy()
    blind[:, MEANING] = 0
    return grams + dense @ weights[BUCKETS:], grams + blind @ weights[BUCKETS:], known.labels[rows]


def _loss(logits: Floats, right: NDArray[np.int64], warmth: float) -> float:
    shares = _softmax(logits / np.float32(warmth))
    return float(-np.log(shares[np.arange(len(right)), right] + 1e-12).mean())


if __name__ == "__main__":
    main()
