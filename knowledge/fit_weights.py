"""Fits the weights of ``engine/attack/index.py`` on phrases that are left out of the index; prints, changes nothing.

    python -m knowledge.fit_weights --long-text enterprise-attack.json

Some phrases of each technique become queries to an index built without them. The weights are those of a logistic model
of which technique a query is about (its parent counts as well), not below 0, divided by their sum.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.attack.index import WEIGHTS, AttackIndex
from engine.embedding import Embedder
from knowledge.build_attack import FOLDER, Attack, Phrase, build, read_phrases
from knowledge.meaning import Floats

FOLDS = {"en": (0, 4), "zh": (0, 2)}
"""Which phrases of a technique are left out, in each of two rounds."""
ROUNDS = 2
STEPS, RATE, LOSS_OF_WEIGHT = 300, 0.2, 1e-3


class Remembering(Embedder):
    """The embedding model, which is asked once for each text."""

    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self._known: dict[str, NDArray[np.int8]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.int8]:
        for text in texts:
            if text not in self._known:
                self._known[text] = super().embed([text])[0]
        return np.stack([self._known[text] for text in texts])


def rounds(phrases: list[Phrase]) -> Iterator[tuple[list[Phrase], list[Phrase]]]:
    """Yield what is left out and what stays."""
    place: Counter[tuple[str, str]] = Counter()
    places = []
    for phrase in phrases:
        places.append(place[phrase.technique, phrase.lang])
        place[phrase.technique, phrase.lang] += 1
    for turn in range(ROUNDS):
        out = [at == FOLDS[phrase.lang][turn] for phrase, at in zip(phrases, places, strict=True)]
        yield (
            [phrase for phrase, is_out in zip(phrases, out, strict=True) if is_out],
            [phrase for phrase, is_out in zip(phrases, out, strict=True) if not is_out],
        )


def index_without(attack: Attack, kept: list[Phrase], embedder: Embedder, folder: Path) -> AttackIndex:
    for name in ("vocab.txt", "signs.tsv"):
        shutil.copy(FOLDER / name, folder)
    build(attack, kept, embedder, folder)
    return AttackIndex(folder)


def facts(index: AttackIndex, phrase: Phrase, rows: dict[str, int]) -> tuple[Floats, NDArray[np.bool_]]:
    """Return what speaks for each technique, a column for each weight, and which ones are right."""
    values, right = np.zeros((len(rows), len(WEIGHTS))), np.zeros(len(rows), dtype=bool)
    found = index.likeness(phrase.text)
    for column, name in enumerate(WEIGHTS):
        for key, share in found.get(name, {}).items():
            values[rows[key], column] = share
    right[[rows[phrase.technique], rows[phrase.technique.split(".")[0]]]] = True
    return values, right


def fit(values: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return the weights under which the right techniques are most likely."""
    weights = np.full(values.shape[2], 5.0)
    for _ in range(STEPS):
        scores = values @ weights
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        chance = odds / odds.sum(axis=1, keepdims=True)
        wanted = np.where(right, odds, 0) / np.maximum(np.where(right, odds, 0).sum(axis=1, keepdims=True), 1e-20)
        slope = np.einsum("qt,qtf->f", chance - wanted, values) / len(values) + LOSS_OF_WEIGHT * weights
        weights = np.maximum(weights - RATE * 50 * slope, 0)
    return weights


def main(long_text: Path) -> None:
    """Print the weights of each language and of both."""
    attack, phrases, embedder = Attack(long_text), read_phrases(), Remembering(FOLDER / "vocab.txt")
    rows = {str(pattern["external_id"]): row for row, pattern in enumerate(attack.patterns)}
    known: dict[str, list[tuple[Floats, NDArray[np.bool_]]]] = defaultdict(list)
    for out, kept in rounds(phrases):
        with tempfile.TemporaryDirectory() as folder:
            index = index_without(attack, kept, embedder, Path(folder))
            for lang in FOLDS:
                known[lang] += [facts(index, phrase, rows) for phrase in out if phrase.lang == lang]
            index.close()
    known["both"] = [*known["en"], *known["zh"]]
    for name, cases in known.items():
        weights = fit(np.stack([values for values, _ in cases]), np.stack([right for _, right in cases]))
        print(name, len(cases), dict(zip(WEIGHTS, (weights / weights.sum()).round(2).tolist(), strict=True)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--long-text", type=Path, required=True, help="enterprise-attack.json of ATT&CK v15")
    main(parser.parse_args().long_text)
