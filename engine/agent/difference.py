"""What another investigation of the same incident came to that the stored one did not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.types import Claim, StepKind, TraceStep, Verdict

_SINGLE = ("analyst", "conclusion", "severity", "disposition", "proposal")
_MANY = ("attack_ids", "claims", "not_done", "actions", "tools")


@dataclass(frozen=True, slots=True)
class Judged:
    """What one investigation came to, as comparable text."""

    analyst: str = ""
    conclusion: str = ""
    severity: str = ""
    disposition: str = ""
    proposal: str = ""
    attack_ids: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from one investigation to another."""

    single: tuple[tuple[str, str, str], ...]
    """Field, before and after, of those that differ."""
    added: tuple[tuple[str, str], ...]
    """Field and entry."""
    removed: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        """Say whether anything changed."""
        return bool(self.single or self.added or self.removed)


def judged(verdict: Verdict | None, steps: Sequence[TraceStep], proposed: Iterable[str]) -> Judged:
    """Return what the last investigation in a trace came to; ``proposed`` are the prefixes of its proposals."""
    proposal = ", ".join(dict.fromkeys(proposed)) or "none"
    tools = tuple(f"{step.name} {step.content}" for step in _last(steps) if step.kind is StepKind.TOOL_CALL)
    if verdict is None:
        return Judged(proposal=proposal, tools=tools)
    return Judged(
        verdict.analyst,
        str(verdict.conclusion),
        str(verdict.severity),
        str(verdict.disposition),
        proposal,
        verdict.attack_ids,
        tuple(map(_claim, verdict.claims)),
        verdict.not_done,
        verdict.actions,
        tools,
    )


def difference(before: Judged, after: Judged) -> Difference:
    """Return what changed."""
    single = tuple(
        (name, old, new) for name in _SINGLE if (old := getattr(before, name)) != (new := getattr(after, name))
    )
    return Difference(single, tuple(_only_in(after, before)), tuple(_only_in(before, after)))


def _only_in(one: Judged, other: Judged) -> Iterable[tuple[str, str]]:
    for name in _MANY:
        known = set(getattr(other, name))
        yield from ((name, entry) for entry in dict.fromkeys(getattr(one, name)) if entry not in known)


def _last(steps: Sequence[TraceStep]) -> Sequence[TraceStep]:
    """Return the steps of the last investigation: those after the verdict before the last."""
    ends = [number for number, step in enumerate(steps) if step.kind is StepKind.VERDICT]
    return steps[ends[-2] + 1 :] if len(ends) > 1 else steps


def _claim(claim: Claim) -> str:
    ids = ", ".join((*claim.evidence_ids, *claim.knowledge_ids)) or "no evidence named"
    return f"{claim.text} [{ids}]{'' if claim.supported else ' UNSUPPORTED'}"
