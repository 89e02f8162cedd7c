"""Tests of the first words of a report: what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.agent.report import report
from engine.agent.report.moments import span
from engine.agent.report.now import now
from engine.agent.tongue import Tongue
from engine.types import Claim, Conclusion, Disposition, IncidentView, Proposal, ProposalState, Terms
from tests.aegis_tui import scenario
from tests.factories import incident

PENDING = Proposal(
    "P-1", Terms("INC-1", "203.0.113.7/32", 93480.0, ("eth0",), ""), "why", 0.0, 9e9, ProposalState.PENDING
)


def view(**changes: object) -> IncidentView:
    verdict = replace(scenario.verdict(), conclusion=Conclusion.MALICIOUS, actions=("Update the library.",))
    return replace(IncidentView(incident(), (), (), (), verdict, (), ()), **changes)  # type: ignore[arg-type]


def told(found: IncidentView, lang: str = "en") -> list[str]:
    return [": ".join(filter(None, (line.words, line.quoted))) for line in now(found, Tongue(lang))]


def test_a_waiting_proposal_comes_first_with_the_command_and_its_term_in_words() -> None:
    first, second, _ = told(view(proposals=(PENDING,)))
    assert first == "decide on P-1: block 203.0.113.7/32 for 25 h 58 min: sudo aegis-tui proposals approve P-1"
    assert second == "do first: Update the library."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"verdict": None}, "wait for the verdict"),
        ({"verdict": replace(scenario.verdict(), conclusion=Conclusion.BENIGN)}, "nothing has to be stopped"),
        ({"verdict": replace(scenario.verdict(), conclusion=Conclusion.UNDETERMINED)}, "read the claims"),
        ({"incident": replace(incident(), disposition=Disposition.FALSE_POSITIVE)}, "nothing: a person decided"),
    ],
    ids=["no verdict", "benign", "undetermined", "decided"],
)
def test_what_is_known_says_what_to_do(changes: dict[str, object], words: str) -> None:
    assert told(view(**changes))[0].startswith(words)


def test_it_stands_on_top_in_both_languages() -> None:
    found = view(proposals=(PENDING,))
    assert report(found, "md").splitlines()[2] == "## What to do now"
    assert report(found, "md", "zh").splitlines()[2] == "## 现在要做什么"
    assert told(found, "zh")[0].startswith("就 P-1 作出决定：封禁 203.0.113.7/32，时长 25 小时 58 分钟")
    assert report(found, "html").index('id="now"') < report(found, "html").index('id="summary"')


def test_whether_it_worked_comes_before_anything_to_do() -> None:
    claim = Claim("Outcome: every request seen was refused (404).", ("E-1",), (), True)
    found = view(proposals=(PENDING,))
    assert found.verdict
    made = replace(found, verdict=replace(found.verdict, claims=(claim, *found.verdict.claims)))
    assert told(made)[0] == "outcome: every request seen was refused (404)"
    assert told(made, "zh")[0] == "结果: 所见的每个请求都被拒绝（404）"
    assert now(made, Tongue())[0].ids == ("E-1",)


def test_an_outcome_that_more_alerts_came_after_says_as_of_when_it_is() -> None:
    claim = Claim("Outcome: every request seen was refused (404).", ("E-1",), (), True)
    late = replace(scenario.alert(), last_at=scenario.verdict().at + 60.0)
    found = view(alerts=(late,), verdict=replace(scenario.verdict(), claims=(claim,)))
    assert told(found)[1].startswith("that is as of ") and told(found)[1].endswith(": more alerts came since")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "ever"),
        (45, "45 s"),
        (600, "10 min"),
        (3600, "1 h"),
        (86400, "24 h"),
        (90300, "25 h 5 min"),
        (604800, "7 d"),
    ],
)
def test_a_term_is_told_in_words(seconds: float, words: str) -> None:
    assert span(seconds, Tongue()) == words
