"""Chinese text has a vector without any model, whatever else is in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.attack.grams import GramVectors, grams, is_chinese
from engine.embedding import DIMENSIONS, SCALE

ROW = np.arange(DIMENSIONS, dtype=np.int64)
VECTORS = GramVectors(["挖", "挖矿", "xmrig"], np.stack([ROW % 7, ROW % 5, ROW % 3]).astype(np.int8))


def test_grams_are_characters_pairs_and_the_words_between() -> None:
    assert grams("XMRig挖矿，挖") == ["挖", "矿", "挖矿", "xmrig"]


def test_a_pair_does_not_reach_over_punctuation() -> None:
    assert "矿池" not in grams("挖矿，池")


@pytest.mark.parametrize("text", ["挖矿", "kdevtmpfsi kinsing CPU 100% 门罗币", "在 /etc/ld.so.preload 里"])
def test_commands_in_chinese_text_leave_it_chinese(text: str) -> None:
    assert is_chinese(text)


@pytest.mark.parametrize("text", ["", "port scan", "GET /search?q=木马 HTTP/1.1 from a browser in Shanghai"])
def test_a_chinese_word_in_other_text_leaves_it_english(text: str) -> None:
    assert not is_chinese(text)


def test_a_vector_has_the_length_of_the_models() -> None:
    vector = VECTORS.embed("xmrig 挖矿")
    assert vector is not None
    assert abs(np.linalg.norm(vector.astype(float)) - SCALE) < SCALE * 0.01


def test_a_gram_said_twice_counts_once() -> None:
    once, twice = VECTORS.embed("挖矿"), VECTORS.embed("挖矿 挖矿")
    assert once is not None
    assert twice is not None
    assert np.array_equal(once, twice)


def test_text_without_a_known_gram_has_no_vector() -> None:
    assert VECTORS.embed("龘") is None


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    vector = VECTORS.embed(text)
    assert vector is None or vector.shape == (DIMENSIONS,)
