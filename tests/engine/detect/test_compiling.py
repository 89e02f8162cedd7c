"""Rules that another process compiled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine import paths
from engine.detect.compiling import compiled_aside
from engine.detect.rules import RuleDetector


def test_rules_compiled_aside_are_the_same() -> None:
    here, aside = RuleDetector(paths.RULES), RuleDetector(paths.RULES, aside=True)
    assert aside.signatures == here.signatures
    assert aside.version == here.version


def test_rules_that_stayed_as_they_are_are_compiled_once(tmp_path: Path) -> None:
    shutil.copy(paths.RULES / "log4shell.yar", tmp_path)
    first, again = RuleDetector(tmp_path), RuleDetector(tmp_path)
    assert again._rules == first._rules
    shutil.copy(paths.RULES / "tunnels.yar", tmp_path)
    assert len(RuleDetector(tmp_path).signatures) > len(first.signatures)


def test_a_broken_rule_is_told_as_ever(tmp_path: Path) -> None:
    (tmp_path / "own.yar").write_text("rule broken { condition: nothing }")
    assert compiled_aside(tmp_path) is None
    with pytest.raises(ValueError, match=r"own\.yar, line 1"):
        RuleDetector(tmp_path, aside=True)
