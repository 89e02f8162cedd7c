"""What a person should do now, in a line or two: the first that a report says."""

from __future__ import annotations

from engine.agent.report.lines import Line, cut
from engine.agent.report.moments import span
from engine.agent.tongue import Tongue
from engine.types import Conclusion, Disposition, IncidentView, ProposalState

_BAD = (Conclusion.MALICIOUS, Conclusion.SUSPICIOUS)


def now(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    """Return what waits for a person, then the first of the recommended actions, then what closes the incident."""
    say = tongue.say
    if view.incident.disposition is not Disposition.UNDETERMINED:
        decided = say("nothing: a person decided that it is {~disposition}", disposition=view.incident.disposition)
        return (*_waiting(view, tongue), Line(decided))
    close = Line(say("then decide what it was: the disposition is set in the console, and only by a person"))
    return (*_waiting(view, tongue), _next(view, tongue), close)


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


def _next(view: IncidentView, tongue: Tongue) -> Line:
    verdict, say = view.verdict, tongue.say
    if verdict is None:
        return Line(say("wait for the verdict: nothing is concluded yet"))
    if verdict.conclusion in _BAD and verdict.actions:
        return Line(say("do first"), cut(tongue.retold(verdict.actions[0])))
    if verdict.conclusion is Conclusion.BENIGN:
        return Line(say("nothing has to be stopped: read whether the claims bear it"))
    return Line(say("read the claims and the steps that were not performed: what was found decides nothing yet"))
