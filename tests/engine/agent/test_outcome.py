"""Tests of the first statement of a verdict: it is the program's, whoever the analyst is."""

from __future__ import annotations

import json
from dataclasses import replace

from engine.agent.graph import Analyst
from engine.agent.models import ModelChoice
from engine.agent.outcome import with_outcome
from engine.types import OUTCOME, Claim, IncidentView
from tests.aegis_tui import scenario
from tests.engine.agent.cases import HostFake, KnowledgeFake, case
from tests.model_server import Say, in_order, serving

SAYS = {
    "conclusion": "malicious",
    "severity": "critical",
    "claims": [{"text": "Outcome: it failed, nothing happened.", "evidence_ids": []}],
}


async def test_both_analysts_give_the_same_outcome_with_evidence_that_exists() -> None:
    alone = await Analyst(None, HostFake(), KnowledgeFake()).investigate(case(), lambda _: None)
    with serving(in_order([Say("Fine."), Say("None."), Say(json.dumps(SAYS))])) as server:
        analyst = Analyst(ModelChoice("scripted", server.url, retries=0), HostFake(), KnowledgeFake())
        helped = await analyst.investigate(case(), lambda _: None)
    told, same = alone.verdict.outcome, helped.verdict.outcome
    assert told and same and told.text == same.text
    assert helped.verdict.analyst == "scripted"
    known = {found.id: found.kind for found in alone.evidence}
    assert told.supported and {known[one] for one in told.evidence_ids} >= {"outcome"}


async def test_a_model_cannot_speak_in_its_manner() -> None:
    with serving(in_order([Say("Fine."), Say("None."), Say(json.dumps(SAYS))])) as server:
        analyst = Analyst(ModelChoice("scripted", server.url, retries=0), HostFake(), KnowledgeFake())
        helped = await analyst.investigate(case(), lambda _: None)
    posing = [claim.text for claim in helped.verdict.claims if claim.text.startswith(OUTCOME)]
    assert len(posing) == 1 and "nothing happened" not in posing[0]
    assert "The analyst says: Outcome: it failed, nothing happened." in [one.text for one in helped.verdict.claims]


def test_a_verdict_from_before_has_none() -> None:
    assert scenario.verdict().outcome is None
    assert not scenario.incident_view(verdict=None).is_overtaken


def test_alerts_after_the_verdict_overtake_it() -> None:
    claim = Claim(f"{OUTCOME}not known: no answer was seen.", ("E-1",), (), True)
    made = with_outcome(scenario.verdict(), claim)
    view = IncidentView(scenario.incident(), (scenario.alert(),), (), (), made, (), ())
    assert made.outcome == claim
    assert replace(view, verdict=replace(made, at=scenario.alert().last_at - 1.0)).is_overtaken
    assert not replace(view, verdict=replace(made, at=scenario.alert().last_at)).is_overtaken
