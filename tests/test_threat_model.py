"""Every promise of the threat model names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
RULE = re.compile(r"^\| (\d(?:\.\d+)?) \|", re.MULTILINE)


def _written_tests() -> set[str]:
    text = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    return set(re.findall(r"def (test_\w+)", text))


def test_every_test_named_in_the_threat_model_exists() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named - _written_tests() == set()


def test_every_rule_names_a_test_or_says_that_it_does_not_hold_yet() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if RULE.match(line)]
    assert len(rows) >= 35
    assert [row for row in rows if "`test_" not in row and "not yet" not in row] == []
