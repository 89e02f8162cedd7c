"""The labelled incidents: unchanged, judged as well as was measured, and never the worse for what is missing."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from engine.agent.graph import Analyst
from engine.knowledge import Knowledge
from engine.types import Conclusion, Finding
from tests.incidents.cases import FOLDER, AbsentHost, Labelled, ToldHost, case_of, labelled
from tests.incidents.judged import conclusions

FLOORS = {
    "dev": (0.98, 0.03),
    "more": (0.90, 0.09),
    "spent": (0.92, 0.12),
    "tune": (0.91, 0.08),
    "unseen": (0.85, 0.10),
}
"""The least share of attacks called malicious and the most of look-alikes: a little below what was measured."""

RANK = (Conclusion.BENIGN, Conclusion.UNDETERMINED, Conclusion.SUSPICIOUS, Conclusion.MALICIOUS)


def test_the_incidents_are_the_frozen_ones() -> None:
    for line in (FOLDER / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split()
        path = FOLDER / name.rpartition("/")[2]
        if path.exists():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("half", FLOORS)
def test_the_playbook_analyst_judges_as_well_as_was_measured(half: str) -> None:
    counted = Counter((one.is_malicious, conclusion is Conclusion.MALICIOUS) for one, conclusion in conclusions(half))
    least, most = FLOORS[half]
    attacks, alikes = (counted[truth, True] + counted[truth, False] for truth in (True, False))
    assert attacks + alikes >= 184
    assert alikes / (attacks + alikes) >= 0.4
    assert counted[True, True] / attacks >= least
    assert counted[False, True] / alikes <= most


FIFTY = [one for one in labelled("dev") if one.told.get("host")][:50]


_silent: dict[str, Conclusion] = {}


async def _without_a_host(one: Labelled, knowledge: Knowledge) -> Conclusion:
    """Return what is concluded where the host tells nothing, judged once for all that it may lack."""
    if one.id not in _silent:
        case = case_of(one.told, knowledge)
        outcome = await Analyst(None, ToldHost({}, case), knowledge).investigate(case, lambda _: None)
        _silent[one.id] = outcome.verdict.conclusion
    return _silent[one.id]


@pytest.mark.parametrize("finding", [Finding.GONE, Finding.NOT_PERMITTED, Finding.NOT_RECORDED])
async def test_what_the_host_cannot_tell_raises_the_verdict_in_none_of_fifty_cases(finding: Finding) -> None:
    knowledge = Knowledge(embedding=False)
    assert len(FIFTY) == 50
    raised = []
    for one in FIFTY:
        case = case_of(one.told, knowledge)
        absent = await Analyst(None, AbsentHost(finding), knowledge).investigate(case, lambda _: None)
        if RANK.index(absent.verdict.conclusion) > RANK.index(await _without_a_host(one, knowledge)):
            raised.append(one.id)
    assert raised == []


async def test_an_attack_is_judged_no_worse_when_its_traces_are_gone() -> None:
    knowledge = Knowledge(embedding=False)
    attacks: list[Labelled] = [one for one in labelled("dev") if one.is_malicious and one.told.get("host")][:50]
    for one in attacks:
        case = case_of(one.told, knowledge)
        full = await Analyst(None, ToldHost(one.told, case), knowledge).investigate(case, lambda _: None)
        gone = await Analyst(None, AbsentHost(Finding.GONE), knowledge).investigate(case, lambda _: None)
        assert RANK.index(gone.verdict.conclusion) <= RANK.index(full.verdict.conclusion), one.id
