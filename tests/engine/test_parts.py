"""A part that cannot be had is a fault, and the others are had without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import Settings
from engine.parts import NO_MODEL, load_detectors


def test_the_shipped_parts_are_had_without_a_fault() -> None:
    detectors = load_detectors(Settings(), 1.0)
    assert detectors.faults == []
    assert [judge.name for judge in detectors.for_source()] == ["rules", "model", "scan", "bruteforce", "event"]
    assert detectors.model_name != NO_MODEL


def test_behaviour_is_judged_anew_for_each_source_and_payload_by_the_same_judges() -> None:
    detectors = load_detectors(Settings(model="none.onnx"), 1.0)
    first, second = detectors.for_source(), detectors.for_source()
    assert first[0] is second[0]
    assert first[1] is not second[1]


@pytest.mark.parametrize("rule", ["rule broken {", ""], ids=["no rule", "no file"])
def test_rules_that_cannot_be_read_are_a_fault_and_the_model_judges_alone(tmp_path: Path, rule: str) -> None:
    folder = tmp_path / "rules"
    if rule:
        folder.mkdir()
        (folder / "a.yar").write_text(rule)
    detectors = load_detectors(Settings(rules=str(folder)), 1.0)
    assert [fault.ability for fault in detectors.faults] == ["rules"]
    assert [judge.name for judge in detectors.for_source()] == ["model", "scan", "bruteforce", "event"]


def test_a_model_that_is_missing_is_named(tmp_path: Path) -> None:
    detectors = load_detectors(Settings(model=str(tmp_path / "none.onnx")), 1.0)
    assert [(fault.ability, "none.onnx" in fault.message) for fault in detectors.faults] == [("model", True)]
    assert (detectors.model_name, dict(detectors.scores)) == (NO_MODEL, {})
