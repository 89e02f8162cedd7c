"""What was blocked because of an incident and what became of that, read from the lines of its decisions."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.agent.report.lines import Line, cut
from engine.agent.report.moments import span
from engine.agent.tongue import Tongue
from engine.types import IncidentView, ProposalState

_STAMPED = re.compile(r"\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d [^ ]{1,8}) (.*)", re.DOTALL)
_APPROVED = re.compile(r"approved by (.+?): ([0-9a-f.:/]+) live, read back after \d+ ms\Z")
_REMOVED = re.compile(r"removed the block of ([0-9a-f.:/]+)(?:, by (.+))?\Z")
_LIFTED = re.compile(r"panic-unblock(?: by (.+?))? lifted the block of ([0-9a-f.:/]+): ")
_AGAIN = re.compile(r".+ ended the halt: the block of ([0-9a-f.:/]+) is in force again\Z")


def stopped(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    """Return one line for each prefix that was blocked: when and by whom, and when it was let pass again."""
    told: dict[str, list[str]] = {}
    for line in view.decisions:
        found = _STAMPED.match(line)
        if found is None:
            continue
        for pattern, tell in _KINDS:
            if (event := pattern.match(found[2])) is not None:
                prefix, words = tell(view, event, found[1], tongue)
                told.setdefault(prefix, []).append(words)
                break
    return tuple(Line(prefix, cut("; ".join(words))) for prefix, words in told.items())


_Tell = Callable[[IncidentView, "re.Match[str]", str, Tongue], tuple[str, str]]


def _blocked(view: IncidentView, event: re.Match[str], at: str, tongue: Tongue) -> tuple[str, str]:
    who, prefix = event.groups()
    term = next(
        (
            span(one.terms.ttl_s, tongue)
            for one in reversed(view.proposals)
            if one.state is ProposalState.APPROVED and one.terms.prefix == prefix
        ),
        "",
    )
    if term:
        return prefix, tongue.say("blocked {at} by {who} for {term}", at=at, who=who, term=term)
    return prefix, tongue.say("blocked {at} by {who}", at=at, who=who)


def _removed(view: IncidentView, event: re.Match[str], at: str, tongue: Tongue) -> tuple[str, str]:
    prefix, who = event.groups()
    if who:
        return prefix, tongue.say("removed {at} by {who}", at=at, who=who)
    return prefix, tongue.say("removed {at}", at=at)


def _lifted(view: IncidentView, event: re.Match[str], at: str, tongue: Tongue) -> tuple[str, str]:
    return event[2], tongue.say("lifted {at} by panic-unblock", at=at)


def _in_force(view: IncidentView, event: re.Match[str], at: str, tongue: Tongue) -> tuple[str, str]:
    return event[1], tongue.say("in force again {at}", at=at)


_KINDS: tuple[tuple[re.Pattern[str], _Tell], ...] = (
    (_APPROVED, _blocked),
    (_REMOVED, _removed),
    (_LIFTED, _lifted),
    (_AGAIN, _in_force),
)
"""What a line of a decision may say, and how it is told here."""
