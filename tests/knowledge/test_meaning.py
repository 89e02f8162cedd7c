"""What is learned from phrases tells techniques apart, and Chinese from English."""

from __future__ import annotations

import numpy as np

from engine.attack.grams import GramVectors
from knowledge.meaning import Floats, Text, centres, gram_vectors, mixed, packed, packed_evenly, unit

KEYS = ["T1", "T2", "T3"]


def noise(seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=384)


def texts() -> list[Text]:
    """Return four phrases of each technique: its own direction, much noise that all share, and a little of theirs."""
    shared = noise(9)
    return [
        Text(key, "phrase", unit(noise(at) + shared * amount + noise(100 * at + turn) / 5))
        for at, key in enumerate(KEYS)
        for turn, amount in enumerate((-2, -1, 1, 2))
    ]


def test_a_centre_is_nearer_to_its_own_phrases_than_to_others() -> None:
    found = centres(texts(), KEYS)
    assert [KEYS[int(np.argmax(found @ text.vector))] for text in texts()] == [text.technique for text in texts()]


def test_a_technique_without_texts_has_an_empty_centre() -> None:
    assert not centres(texts(), [*KEYS, "T4"])[3].any()


def test_every_kind_of_text_counts_by_its_share() -> None:
    both = mixed([Text("T1", "phrase", unit(noise(1))), Text("T1", "name", unit(noise(2)))], ["T1"])[0]
    assert both @ unit(noise(1)) > both @ unit(noise(2)) > 0


def test_chinese_lies_where_its_english_does() -> None:
    targets = unit(np.stack([noise(1), noise(1), noise(2), noise(2)]))
    names, vectors = gram_vectors(["挖矿木马", "挖矿程序", "端口扫描", "扫描端口"], targets, 0)
    found = GramVectors(names, packed_evenly(vectors)).embed("有人挖矿")
    assert found is not None
    assert found @ packed(targets)[0].astype(int) > found @ packed(targets)[2].astype(int)


def test_a_rare_gram_has_a_vector_only_from_the_glossary() -> None:
    names, _ = gram_vectors(["甲乙", "甲丙", "丁"], unit(np.stack([noise(1), noise(2), noise(3)])), 1)
    assert names == ["丁", "甲"]
