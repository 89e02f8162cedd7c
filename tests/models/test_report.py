"""The figures on the card."""

from __future__ import annotations

import numpy as np
import pytest

from engine.types import Direction
from models import report
from models.corpus import LabelledFlow, part


def labelled(family: str, capture: str, payload: bytes) -> LabelledFlow:
    return LabelledFlow(capture, "malicious", "c2", family, "", ((Direction.TO_SERVER, payload),))


def test_an_interval_is_wide_where_little_was_seen() -> None:
    few, many = report.rate(0, 10), report.rate(0, 10_000)
    assert few.low == many.low == 0
    assert few.high == pytest.approx(0.2775, abs=1e-3)
    assert many.high < 0.0005


def test_the_threshold_looks_beyond_a_small_sample_by_its_tail() -> None:
    logits = np.random.default_rng(1).exponential(1.0, 200_000)
    scores = 1 / (1 + np.exp(-logits))
    threshold = report.threshold_for([scores[:700], np.full(700, 0.1)])
    assert 0.0002 < (scores >= threshold).mean() < 0.005


def test_a_flow_scores_as_its_worst_direction_and_encrypted_ones_not_at_all() -> None:
    flows = [labelled("a", "1", b"bad"), labelled("a", "1", b"SSH-2.0-bad"), labelled("b", "2", b"good")]
    scores = report.flow_scores(flows, lambda payloads: np.array([float(b"bad" in payload) for payload in payloads]))
    assert scores.tolist() == [1.0, 0.0, 0.0]
    caught = report.families(flows, scores, 0.5)
    assert caught["a"]["flows"][:2] == (1, 2)
    assert caught["a"]["captures"][:2] == (1, 1)
    assert report.macro(caught, "flows") == 0.25


def test_the_part_of_a_capture_depends_on_its_name_alone() -> None:
    assert {part("Log4Shell"), part("Covenant")} == {"test"}
    assert part("Empire") == "validation"
    assert part("sadmind") == "train"
