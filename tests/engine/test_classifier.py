"""The shipped classifier against the lines that were frozen before it was made."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from engine import paths
from engine.classifier import shipped_classifier
from engine.detect.classes import Classifier
from engine.detect.lexicon import read_classes
from engine.sources.event import parse

LINES = Path(__file__).parent.parent / "events"


def test_the_lines_are_the_frozen_ones() -> None:
    for row in (LINES / "SHA256SUMS").read_text(encoding="ascii").splitlines():
        digest, name = row.split()
        assert hashlib.sha256((LINES / name).read_bytes()).hexdigest() == digest


def test_it_is_loaded_once() -> None:
    assert shipped_classifier() is shipped_classifier()


@pytest.mark.parametrize(("half", "floor"), [("dev", 0.93), ("unseen", 0.85)])
def test_it_keeps_its_floor(half: str, floor: float) -> None:
    scores = _f1_scores(half, shipped_classifier())
    assert len(scores) == 23
    assert sum(scores) / len(scores) >= floor


def test_it_also_serves_without_an_embedding_model() -> None:
    scores = _f1_scores("unseen", Classifier(paths.CLASSES))
    assert sum(scores) / len(scores) >= 0.85


@pytest.mark.parametrize("half", ["dev", "unseen"])
def test_no_line_it_learnt_from_repeats_one_it_is_measured_on(half: str) -> None:
    """A published payload may stand in both; the telling of it may not."""
    text = (LINES / f"lines-{half}.jsonl").read_text(encoding="utf-8")
    events = [parse(json.loads(line)["line"]) for line in text.splitlines()]
    learnt = {run for found in read_classes(paths.CLASSES).values() for line in found.lines for run in _runs(line)}
    measured = [_runs(f"{event.name} {event.content}") for event in events]
    assert max(len(runs & learnt) / max(1, len(runs)) for runs in measured) < 0.5


def _runs(text: str) -> set[str]:
    """Return every piece of 30 characters, and every 15 Chinese ones in a row."""
    chinese = re.findall("[\u4e00-\u9fff]+", text)
    return {text[at : at + 30].lower() for at in range(len(text) - 29)} | {
        run[at : at + 15] for run in chinese for at in range(len(run) - 14)
    }


def _f1_scores(half: str, classifier: Classifier) -> list[float]:
    """Return the F1 of each class; which lines it fails on is for nobody to see."""
    text = (LINES / f"lines-{half}.jsonl").read_text(encoding="utf-8")
    cases = [json.loads(line) for line in text.splitlines()]
    wanted = [case["class"] for case in cases]
    given = [classifier.classify(parse(case["line"])).event_class for case in cases]
    both = [want for want, gave in zip(wanted, given, strict=True) if want == gave]
    return [2 * both.count(name) / (wanted.count(name) + given.count(name)) for name in sorted(set(wanted))]
