"""Tests of answers without a model."""

from __future__ import annotations

import pytest

from engine.agent.asking.extract import about, extract
from engine.agent.tongue import Tongue
from engine.types import Passage

EXPLOIT = Passage(
    "T1190", "Exploit", "They exploit a weakness. It is found by scans. Detect it in logs.", "ATT&CK", 0.9
)
CLOUD = Passage("T1562.008", "Cloud logs", "They disable what is logged in a cloud.", "ATT&CK", 0.5)
OURS = Passage("K-1", "Runbook", "After T1190 restart the server.", "runbook.md", 0.4)
ALL = (EXPLOIT, CLOUD, OURS)


@pytest.mark.parametrize(
    ("question", "ids"),
    [
        ("what is T1190", {"T1190", "K-1"}),
        ("t1562.008?", {"T1562.008"}),
        ("how do I detect T1190", {"T1190", "K-1"}),
        ("T1562", {"T1190", "T1562.008", "K-1"}),
        ("what is T9999", {"T1190", "T1562.008", "K-1"}),
        ("who disables cloud logs", {"T1190", "T1562.008", "K-1"}),
    ],
)
def test_a_question_that_names_techniques_is_about_those(question: str, ids: set[str]) -> None:
    assert {one.id for one in about(question, ALL)} == ids


def test_a_technique_is_told_by_its_own_first_sentences() -> None:
    claims = extract("what is T1190", None, (EXPLOIT,), Tongue())
    assert [one.text for one in claims] == ["They exploit a weakness.", "It is found by scans.", "Detect it in logs."]
    assert {one.knowledge_ids for one in claims} == {("T1190",)}


def test_what_else_is_asked_of_a_technique_picks_the_sentence() -> None:
    claims = extract("how do I detect T1190", None, (EXPLOIT,), Tongue())
    assert [one.text for one in claims] == ["Detect it in logs."]
