"""Measures the classifier of reported events on the frozen lines.

python benchmarks/classify.py [dev|unseen] [words] [blind]

``words`` goes without the embedding model, ``blind`` hides which way an event goes. It prints figures only: nobody
who tunes the classifier may read an unseen line.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine import paths
from engine.classifier import shipped_classifier
from engine.detect.classes import Classifier
from engine.sources.event import parse
from engine.types import Classification, ReportedEvent

LINES = paths.ROOT / "tests" / "events"
DRAWS = 2000


def main() -> None:
    """Print one line per figure, then one per class."""
    half = "unseen" if "unseen" in sys.argv else "dev"
    classifier = Classifier(paths.CLASSES) if "words" in sys.argv else shipped_classifier()
    cases = [json.loads(line) for line in (LINES / f"lines-{half}.jsonl").read_text(encoding="utf-8").splitlines()]
    events = [parse(case["line"]) for case in cases]
    if "blind" in sys.argv:
        events = [replace(event, src_ip="192.0.2.1", dst_ip="192.0.2.2") for event in events]
    found, times = _classify(classifier, events)
    wanted = [case["class"] for case in cases]
    given = [one.event_class for one in found]
    low, high = interval(wanted, given)
    print(f"classifier  {classifier.by}, {classifier.version}, on {len(cases)} {half} lines")
    print(f"macro-F1    {macro_f1(wanted, given):.3f} (95 % bootstrap {low:.3f} to {high:.3f})")
    for lang in ("en", "zh"):
        chosen = [at for at, case in enumerate(cases) if case["lang"] == lang]
        print(f"  {lang}        {macro_f1([wanted[at] for at in chosen], [given[at] for at in chosen]):.3f}")
    right = np.array([one == other for one, other in zip(wanted, given, strict=True)])
    sure = np.array([one.confidence for one in found])
    second = sum(want in [name for name, _ in one.ranking[:2]] for want, one in zip(wanted, found, strict=True))
    print(f"accuracy    {right.mean():.3f}; among the two likeliest {second / len(cases):.3f}")
    print(f"confidence  {sure.mean():.3f} on average; calibration error {_calibration_error(right, sure):.3f}")
    print(f"time        p50 {np.percentile(times, 50):.1f} ms, p95 {np.percentile(times, 95):.1f} ms a line")
    for name, score in f1_scores(wanted, given).items():
        print(f"  {name:22} {score:.3f}")


def _classify(classifier: Classifier, events: Sequence[ReportedEvent]) -> tuple[list[Classification], list[float]]:
    found, times = [], []
    for event in events:
        started = time.perf_counter()
        found.append(classifier.classify(event))
        times.append((time.perf_counter() - started) * 1e3)
    return found, times


def f1_scores(wanted: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """Return the F1 of each class that was wanted."""
    want, gave = np.array(wanted), np.array(given)
    return {
        name: float(2 * np.sum((want == name) & (gave == name)) / (np.sum(want == name) + np.sum(gave == name)))
        for name in sorted(set(wanted))
    }


def macro_f1(wanted: Sequence[str], given: Sequence[str]) -> float:
    """Return the mean of the classes' F1."""
    return float(np.mean(list(f1_scores(wanted, given).values())))


def interval(wanted: Sequence[str], given: Sequence[str]) -> tuple[float, float]:
    """Return the middle 95 % of macro-F1 over samples drawn from the lines, class by class."""
    random = np.random.default_rng(4)
    names, gave = np.array(wanted), np.array(given)
    of_class = [np.flatnonzero(names == name) for name in sorted(set(wanted))]
    drawn = []
    for _ in range(DRAWS):
        rows = np.concatenate([random.choice(rows, len(rows)) for rows in of_class])
        drawn.append(macro_f1(names[rows].tolist(), gave[rows].tolist()))
    return float(np.percentile(drawn, 2.5)), float(np.percentile(drawn, 97.5))


def _calibration_error(right: np.ndarray, sure: np.ndarray) -> float:
    """Return how far confidence and share of right answers lie apart, over ten equal bins."""
    bins = np.minimum((sure * 10).astype(int), 9)
    parts = [(bins == number) for number in range(10) if (bins == number).any()]
    return float(sum(part.mean() * abs(right[part].mean() - sure[part].mean()) for part in parts))


if __name__ == "__main__":
    main()
