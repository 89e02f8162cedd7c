"""What the trace of the investigation tells: the plan, and whether the record is whole."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.agent.report.lines import PLAYBOOK, Line, Mark, Section, cut
from engine.agent.tongue import Tongue
from engine.chain import broken_at
from engine.text import escape
from engine.types import StepKind, TraceStep

_PLAN_STEPS = 40


def plan_section(steps: Sequence[TraceStep], tongue: Tongue) -> tuple[Section, ...]:
    """Return what the analyst meant to do, where a plan was made."""
    planned = [step for step in steps if step.kind is StepKind.PLAN]
    if not planned:
        return ()
    own = planned[-1].name == PLAYBOOK
    by = Line(tongue.say("made by the playbook analyst")) if own else Line(tongue.say("made by"), planned[-1].name)
    lines = [Line(tool, cut(tongue.retold(why) if own else why)) for tool, why in plan_of(planned[-1])]
    return (Section("plan", tongue.say("Plan"), (by, *lines)),)


def plan_of(step: TraceStep) -> list[tuple[str, str]]:
    """Return the steps of a plan as ``(tool, why)``; what cannot be read so is told line by line."""
    try:
        told = json.loads(step.content)
        return [(escape(str(one["tool"]), limit=60), str(one["why"])) for one in told["steps"]][:_PLAN_STEPS]
    except (ValueError, RecursionError, LookupError, TypeError):
        return [("", line) for line in step.content.splitlines() if line.strip()][:_PLAN_STEPS]


def trace_line(steps: Sequence[TraceStep], tongue: Tongue) -> Line:
    """Return what the chain of digests says about the trace."""
    say, count = tongue.say, len(steps)
    match chain_of(steps):
        case 0:
            text = "{count} steps, each chained to the one before: none was changed, added or taken out between them"
            return Line(say(text, count=count))
        case -1:
            return Line(say("{count} steps, without a chain: an edit would not show", count=count))
        case number:
            text = "BROKEN at step {number} of {count}: it, or a step before it, was changed, cut or added later"
            return Line(say(text, number=number, count=count), mark=Mark.ALARM)


def chain_of(steps: Sequence[TraceStep]) -> int:
    """Return the number of the step where the chain breaks, 0 where it is whole and -1 where there is none."""
    return broken_at(steps) if any(step.digest for step in steps) else -1
