"""Recall on queries that were written before retrieval was tuned, and have not changed since."""

from __future__ import annotations

import hashlib
import json

from engine import paths
from engine.knowledge import Knowledge

QUERIES = paths.ROOT / "tests" / "knowledge" / "queries.jsonl"
FROZEN = "5873195a70b9411ff943bd732a000cac5072417c46f01fce36eb224e5dfb8f82"


def test_the_queries_are_the_frozen_ones() -> None:
    assert hashlib.sha256(QUERIES.read_bytes()).hexdigest() == FROZEN


def test_recall_stays_where_it_was_measured() -> None:
    knowledge = Knowledge()
    cases = [json.loads(line) for line in QUERIES.read_text().splitlines()]
    answers = [[passage.id for passage in knowledge.search(case["query"])] for case in cases]
    first = sum(found[0] in case["expected"] for found, case in zip(answers, cases, strict=True))
    five = sum(bool(set(found) & set(case["expected"])) for found, case in zip(answers, cases, strict=True))
    assert first / len(cases) >= 0.85
    assert five / len(cases) >= 0.97
