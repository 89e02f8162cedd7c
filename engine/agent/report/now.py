"""What a person should do now, in a line or two: the first that a report says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.agent.report.lines import Line, cut
from engine.agent.report.moments import moment, span
from engine.agent.report.stopped import stopped
from engine.agent.tongue import Tongue
from engine.types import OUTCOME, Conclusion, Disposition, IncidentView, ProposalState

_BAD = (Conclusion.MALICIOUS, Conclusion.SUSPICIOUS)
_TO_BLOCK = re.compile(r"block\b", re.IGNORECASE)
"""How a recommended action begins that a block has done."""


def now(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    """Return whether it worked, what waits for a person, what was done and is to be done next, and what closes it."""
    return (*_outcome(view, tongue), *_waiting(view, tongue), *stopped(view, tongue), *_closing(view, tongue))


def _outcome(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    """Return whether it worked, as the verdict says it, and that more came since where it did."""
    if view.verdict is None or (told := view.verdict.outcome) is None:
        return ()
    words = told.text.removeprefix(OUTCOME).removesuffix(".")
    line = Line(tongue.say("outcome"), cut(tongue.retold(words)), told.evidence_ids)
    if not view.is_overtaken:
        return (line,)
    return (line, Line(tongue.say("that is as of {at}: more alerts came since", at=moment(view.verdict.at))))


def _closing(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    say = tongue.say
    if view.incident.disposition is not Disposition.UNDETERMINED:
        decided = say("nothing: a person decided that it is {~disposition}", disposition=view.incident.disposition)
        return (Line(decided),)
    close = Line(say("then decide what it was: the disposition is set in the console, and only by a person"))
    return (*_next(view, tongue), close)


def _waiting(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    return tuple(
        Line(
            tongue.say(
                "decide on {id}: block {prefix} for {term}",
                id=one.id,
                prefix=one.terms.prefix,
                term=span(one.terms.ttl_s, tongue),
            ),
            f"sudo aegis-tui proposals approve {one.id}",
        )
        for one in view.proposals
        if one.state is ProposalState.PENDING
    )


def _next(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    verdict, say = view.verdict, tongue.say
    if verdict is None:
        return (Line(say("wait for the verdict: nothing is concluded yet")),)
    if verdict.conclusion in _BAD and verdict.actions:
        return _first_action(view, verdict.actions, tongue)
    if verdict.conclusion is Conclusion.BENIGN:
        return (Line(say("nothing has to be stopped: read whether the claims bear it")),)
    return (Line(say("read the claims and the steps that were not performed: what was found decides nothing yet")),)


def _first_action(view: IncidentView, actions: Sequence[str], tongue: Tongue) -> tuple[Line, ...]:
    """Return the first recommended action, less the block once there was one: that is told as done."""
    done = bool(stopped(view, tongue))
    left = [one for one in actions if not (done and _TO_BLOCK.match(one))]
    words = tongue.say("do next") if done else tongue.say("do first")
    return tuple(Line(words, cut(tongue.retold(one))) for one in left[:1])
