"""Sentence vectors follow meaning, are the same every time, and cost nothing until they are wanted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine import paths
from engine.embedding import DIMENSIONS, SCALE, Embedder

VOCABULARY = paths.KNOWLEDGE / "attack" / "vocab.txt"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(VOCABULARY)


def test_a_vector_has_384_dimensions_and_the_same_length_for_every_text(embedder: Embedder) -> None:
    vectors = embedder.embed(["a shell", "the web server started a shell " * 100, "é 木马 \x00\x1b[31m"])
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    assert vectors.shape == (3, DIMENSIONS)
    assert np.all(np.abs(lengths - SCALE) < SCALE * 0.01)


def test_texts_of_like_meaning_lie_nearer_than_others(embedder: Embedder) -> None:
    guess, brute, mining = embedder.embed(
        ["someone guesses passwords", "brute force of a login", "coins are mined on the CPU"]
    ).astype(np.int64)
    assert guess @ brute > guess @ mining


def test_a_vector_does_not_depend_on_the_texts_beside_it(embedder: Embedder) -> None:
    alone = embedder.embed(["port scan"])[0]
    beside = embedder.embed(["a much longer text about something else entirely", "port scan"])[1]
    assert np.array_equal(alone, beside)


def test_a_missing_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"vocab\.txt is missing"):
        Embedder(tmp_path / "vocab.txt")


def test_importing_the_module_loads_no_heavy_package() -> None:
    code = "import sys, engine.knowledge; print({'onnxruntime', 'tokenizers', 'sqlite_vec'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=paths.ROOT)
    assert shown.stdout.strip() == "set()"
