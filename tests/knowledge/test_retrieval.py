"""Recall on queries that were written before retrieval was tuned, and have not changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine import paths
from engine.knowledge import Knowledge

FOLDER = paths.ROOT / "tests" / "knowledge"
OLD = FOLDER / "queries.jsonl"
FROZEN = "5873195a70b9411ff943bd732a000cac5072417c46f01fce36eb224e5dfb8f82"
UNSEEN = FOLDER / "frozen" / "queries-unseen.jsonl"
"""By authors who saw neither the code nor the phrases of the index; no one who works on retrieval reads it."""
SUMS = "c66c025ef130919ad3c8ec5994339d5bfe10b039798055e7bda2b7421f4e66e4"


@pytest.fixture(scope="module", params=["sqlite-vec or numpy", "numpy"])
def knowledge(request: pytest.FixtureRequest) -> Iterator[Knowledge]:
    opened = Knowledge(extensions=request.param != "numpy")
    yield opened
    opened.close()


def recall(knowledge: Knowledge, cases: Sequence[dict[str, Any]], k: int) -> float:
    """Return the share of queries whose first ``k`` passages hold an expected one."""
    hits = [{found.id for found in knowledge.search(case["query"])[:k]} & set(case["expected"]) for case in cases]
    return sum(map(bool, hits)) / len(cases)


def read(path: Path, lang: str = "en") -> list[dict[str, Any]]:
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [case for case in cases if case.get("lang", "en") == lang]


def test_the_queries_are_the_frozen_ones() -> None:
    assert hashlib.sha256(OLD.read_bytes()).hexdigest() == FROZEN


def test_the_queries_of_both_halves_are_the_frozen_ones() -> None:
    sums = (FOLDER / "frozen" / "SHA256SUMS").read_bytes()
    assert hashlib.sha256(sums).hexdigest() == SUMS
    for digest, name in (line.split() for line in sums.decode().splitlines()):
        assert hashlib.sha256((FOLDER / "frozen" / name).read_bytes()).hexdigest() == digest


def test_recall_stays_where_it_was_measured(knowledge: Knowledge) -> None:
    assert recall(knowledge, read(OLD), 1) >= 0.89
    assert recall(knowledge, read(OLD), 5) >= 0.97


def test_recall_on_unseen_english_queries_stays_where_it_was_measured(knowledge: Knowledge) -> None:
    assert recall(knowledge, read(UNSEEN), 1) >= 0.9
    assert recall(knowledge, read(UNSEEN), 5) >= 0.97


def test_recall_on_unseen_chinese_queries_stays_where_it_was_measured(knowledge: Knowledge) -> None:
    assert recall(knowledge, read(UNSEEN, "zh"), 1) >= 0.7
    assert recall(knowledge, read(UNSEEN, "zh"), 5) >= 0.84


def test_documents_take_few_places_from_attack(knowledge: Knowledge) -> None:
    assert recall(knowledge, read(UNSEEN), 3) >= 0.95
