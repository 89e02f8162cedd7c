"""Tests of what a report says of blocks that were made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.agent.report.now import now
from engine.agent.report.stopped import stopped
from engine.agent.tongue import Tongue
from engine.types import Conclusion, IncidentView, Proposal, ProposalState, Terms
from tests.aegis_tui import scenario
from tests.factories import incident

PREFIX = "203.0.113.7/32"
MADE = f"2026-11-22 14:54:21 UTC approved by root on pts/0: {PREFIX} live, read back after 3 ms"
TAKEN = f"2026-11-22 14:54:56 UTC removed the block of {PREFIX}, by root on pts/0"
APPROVED = Proposal("P-1", Terms("INC-1", PREFIX, 3600.0, ("eth0",), ""), "why", 0.0, 9e9, ProposalState.APPROVED)


def view(*decisions: str, proposals: tuple[Proposal, ...] = ()) -> IncidentView:
    actions = ("Block the attacker's address.", "Update the library.")
    verdict = replace(scenario.verdict(), conclusion=Conclusion.MALICIOUS, actions=actions)
    return IncidentView(incident(), (), (), (), verdict, proposals, decisions)


def lines(found: IncidentView, lang: str = "en") -> list[str]:
    return [": ".join(filter(None, (line.words, line.quoted))) for line in now(found, Tongue(lang))]


def test_a_block_that_was_made_and_removed_is_told_instead_of_asked_for() -> None:
    first, second, _ = lines(view(MADE, TAKEN))
    assert first == f"{PREFIX}: blocked 14:54:21 UTC by root on pts/0; removed 14:54:56 UTC by root on pts/0"
    assert second == "do next: Update the library."


def test_a_block_that_stands_is_told_with_its_term() -> None:
    assert lines(view(MADE, proposals=(APPROVED,)))[0].endswith("blocked 14:54:21 UTC by root on pts/0 for 1 h")


def test_without_a_block_the_first_action_stands() -> None:
    refused = "2026-11-22 14:54:21 UTC refused P-1, by root"
    assert lines(view(refused))[0] == "do first: Block the attacker's address."


@pytest.mark.parametrize(
    "line",
    [
        f"2026-11-22 14:54:21 UTC approved by root: {PREFIX} failed, read back after 3 ms",
        f"approved by root: {PREFIX} live, read back after 3 ms",
        f"2026-11-22 14:54:21 UTC no proposal for {PREFIX}: asked too often",
        "",
    ],
    ids=["not taken", "no stamp", "no proposal", "empty"],
)
def test_what_is_no_block_in_force_is_not_told_as_one(line: str) -> None:
    assert stopped(view(line), Tongue()) == ()


def test_a_halt_and_its_end_are_told() -> None:
    halted = f"2026-11-22 14:55:00 UTC panic-unblock by root lifted the block of {PREFIX}: every packet passes"
    again = f"2026-11-22 14:56:00 UTC root ended the halt: the block of {PREFIX} is in force again"
    (line,) = stopped(view(MADE, halted, again), Tongue())
    assert line.quoted.endswith("; lifted 14:55:00 UTC by panic-unblock; in force again 14:56:00 UTC")


def test_it_is_told_in_chinese_too() -> None:
    assert lines(view(MADE, TAKEN), "zh")[0].startswith(f"{PREFIX}: 14:54:21 UTC 由 root on pts/0 封禁")
