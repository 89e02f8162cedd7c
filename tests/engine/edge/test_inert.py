"""What a model outside is given: nothing of what was captured stands outside a fence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.edge import inert
from engine.types import Claim, Passage, SourcedAnswer
from tests.engine.edge.door import PLANTED, passages, planted
from tests.engine.edge.test_mcp import FENCED, outside


def test_every_text_of_an_incident_that_can_be_foreign_is_in_its_fence() -> None:
    told = inert.incident_facts(planted())
    assert ("PLANTED" in told["captured"], "PLANTED" in outside(told)) == (True, False)
    assert (told["attack_ids"], told["event_classes"], told["conclusion"]) == (
        ["T1190"],
        ["sql_injection"],
        "malicious",
    )


def test_an_incident_without_a_verdict_says_so() -> None:
    assert inert.incident_facts(replace(planted(), verdict=None))["conclusion"] == "not judged yet"


def test_a_class_an_id_or_a_technique_that_is_none_is_not_repeated() -> None:
    view = planted()
    odd = replace(view.alerts[0], detection=replace(view.alerts[0].detection, event_class=PLANTED))
    told = inert.incident_facts(
        replace(view, alerts=(odd,), incident=replace(view.incident, attack_ids=("T1190", PLANTED)))
    )
    assert (told["event_classes"], told["attack_ids"]) == ([], ["T1190"])
    answer = SourcedAnswer("q", (Claim("c", (PLANTED, "E-0123456789"), ("T1059.001", PLANTED)),), (), "playbook")
    claim = inert.sourced(answer)["claims"][0]
    assert (claim["evidence_ids"], claim["knowledge_ids"]) == (["?", "E-0123456789"], ["T1059.001", "?"])


@pytest.mark.parametrize(
    "value", [inert.passages(passages()), inert.sourced(SourcedAnswer("q", (), passages(), "m", PLANTED))]
)
def test_documents_and_a_models_own_words_are_as_foreign_as_packets(value: Any) -> None:
    assert ("PLANTED" in json.dumps(value), "PLANTED" in outside(value)) == (True, False)


@given(st.text(max_size=400) | st.text(alphabet="<>end untrusd\n\\", max_size=80))
def test_no_text_closes_its_fence(text: str) -> None:
    told = inert.passages([Passage("T1190", text, text, text, 1.0)])[0]["text"]
    assert FENCED.fullmatch(told)
    assert told.count("\n") == 2


def test_a_text_without_end_is_cut_and_says_so() -> None:
    told = inert.Fence().text("x" * 100_000, "long", 1000)
    assert (len(told) < 1200, "characters]" in told) == (True, True)
