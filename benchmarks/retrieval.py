"""Measures recall, time and memory of the knowledge base on frozen queries.

python benchmarks/retrieval.py [queries.jsonl | dev | unseen] [words | numpy]

The set ``unseen`` was looked at by nobody who works on retrieval: this prints figures of it and no query.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine import paths
from engine.knowledge import Knowledge

FOLDER = paths.ROOT / "tests" / "knowledge"
SETS = {"dev": FOLDER / "frozen" / "queries-dev.jsonl", "unseen": FOLDER / "frozen" / "queries-unseen.jsonl"}
Z95 = 1.96


def interval(hits: int, cases: int) -> str:
    """Return Wilson's interval of 95 %."""
    share, spread = hits / cases, Z95 * Z95 / cases
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 * ((share * (1 - share) + spread / 4) / cases) ** 0.5 / (1 + spread)
    return f"{hits / cases:.3f} ({hits} of {cases}; {middle - half:.2f} to {middle + half:.2f})"


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the queries by language."""
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    languages = sorted({case.get("lang", "en") for case in cases})
    return {lang: [case for case in cases if case.get("lang", "en") == lang] for lang in languages}


def print_recall(knowledge: Knowledge, lang: str, cases: Sequence[dict[str, Any]]) -> None:
    """Print recall and time of one language's queries."""
    answers, times = [], []
    for case in cases:
        started = time.perf_counter()
        answers.append([passage.id for passage in knowledge.search(case["query"])])
        times.append((time.perf_counter() - started) * 1e3)
    first = sum(found[:1] != [] and found[0] in case["expected"] for found, case in zip(answers, cases, strict=True))
    five = sum(bool(set(found) & set(case["expected"])) for found, case in zip(answers, cases, strict=True))
    print(f"{lang} recall@1  {interval(first, len(cases))}")
    print(f"{lang} recall@5  {interval(five, len(cases))}")
    print(f"{lang} query     {sum(times) / len(times):.1f} ms, p95 {sorted(times)[int(len(times) * 0.95)]:.1f} ms")


def main() -> None:
    """Print one line per figure."""
    path = next((found for name, found in SETS.items() if name in sys.argv), FOLDER / "queries.jsonl")
    started = time.perf_counter()
    knowledge = Knowledge(embedding="words" not in sys.argv, extensions="numpy" not in sys.argv)
    opened_s = time.perf_counter() - started
    print(f"set          {path.name}")
    print(f"backend      {knowledge.backend}")
    for lang, cases in read(path).items():
        print_recall(knowledge, lang, cases)
    print(f"open         {opened_s:.2f} s")
    print(f"peak RSS     {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
