"""Every promise of the threat model is there, and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
RULE = re.compile(r"^\| (\d+(?:\.\d+)?) \|", re.MULTILINE)
RULES = frozenset(
    [f"0.{number}" for number in range(1, 9)]
    + [f"1.{number}" for number in range(1, 14)]
    + [f"2.{number}" for number in range(1, 9)]
    + ["3"]
    + [f"4.{number}" for number in range(1, 10)]
    + ["5"]
)
"""The processes, blocking, the analyst, the terminal, the engine, replay."""
KEPT = ("0.", "1.")
"""Sections whose every rule must hold: what may cut a server off from its owner."""


def _written_tests() -> set[str]:
    text = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    return set(re.findall(r"def (test_\w+)", text))


def _rows() -> dict[str, str]:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    return {found[1]: line for line in text.splitlines() if (found := RULE.match(line))}


def test_every_test_named_in_the_threat_model_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", "\n".join(_rows().values())))
    assert named - _written_tests() == set()


def test_no_rule_is_missing() -> None:
    assert set(_rows()) == RULES


def test_every_rule_names_a_test_or_says_that_it_does_not_hold_yet() -> None:
    rows = _rows()
    assert [number for number, row in rows.items() if "`test_" not in row and "not yet" not in row] == []


def test_every_rule_of_the_guard_and_of_blocking_holds() -> None:
    rows = {number: row for number, row in _rows().items() if number.startswith(KEPT)}
    assert [number for number, row in rows.items() if "`test_" not in row or "not yet" in row] == []
