"""Rules that another process compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import paths
from engine.detect.compiling import compiled_aside
from engine.detect.rules import RuleDetector


def test_rules_compiled_aside_are_the_same() -> None:
    here, aside = RuleDetector(paths.RULES), RuleDetector(paths.RULES, aside=True)
    assert aside.signatures == here.signatures
    assert aside.version == here.version


def test_a_broken_rule_is_told_as_ever(tmp_path: Path) -> None:
    (tmp_path / "own.yar").write_text("rule broken { condition: nothing }")
    assert compiled_aside(tmp_path) is None
    with pytest.raises(ValueError, match=r"own\.yar, line 1"):
        RuleDetector(tmp_path, aside=True)
