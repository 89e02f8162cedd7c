"""Measures recall, time and memory of the knowledge base on the frozen queries.

python benchmarks/retrieval.py [words|numpy]
"""

from __future__ import annotations

import json
import resource
import sys
import time

from engine import paths
from engine.knowledge import Knowledge

QUERIES = paths.ROOT / "tests" / "knowledge" / "queries.jsonl"


def main() -> None:
    """Print one line per figure."""
    started = time.perf_counter()
    knowledge = Knowledge(embedding="words" not in sys.argv, extensions="numpy" not in sys.argv)
    opened_s = time.perf_counter() - started
    cases = [json.loads(line) for line in QUERIES.read_text().splitlines()]
    started = time.perf_counter()
    answers = [[passage.id for passage in knowledge.search(case["query"])] for case in cases]
    query_ms = (time.perf_counter() - started) / len(cases) * 1e3
    first = sum(found[0] in case["expected"] for found, case in zip(answers, cases, strict=True))
    five = sum(bool(set(found) & set(case["expected"])) for found, case in zip(answers, cases, strict=True))
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"backend   {knowledge.backend}")
    print(f"recall@1  {first / len(cases):.3f} ({first} of {len(cases)})")
    print(f"recall@5  {five / len(cases):.3f} ({five} of {len(cases)})")
    print(f"query     {query_ms:.1f} ms")
    print(f"open      {opened_s:.2f} s")
    print(f"peak RSS  {peak_kib / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
