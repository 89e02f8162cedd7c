"""The chain of an incident's trace: each step's digest covers the step before, so an edit shows.

Whoever can write the database can rewrite a whole chain. An anchor, which the guard keeps, shows that as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from engine import wire
from engine.types import TraceStep


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the guard is told of a trace when its investigation is concluded."""

    incident_id: str
    steps: int
    digest: str
    """Of the last step."""
    verdict_digest: str
    """``digest_of`` the verdict as it is stored."""
    noted_at: float = 0.0
    """Wall clock of the guard; 0 before it was noted."""


class Condition(StrEnum):
    """What became of a trace since it was anchored."""

    WHOLE = "whole"
    EDITED = "edited"
    CUT = "cut"
    ADDED = "added"
    """Its newest verdict is one that was not anchored last."""
    GONE = "gone"
    RETIRED = "retired"
    """Removed for its age or for want of room, by the engine's own record."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A trace held against its anchors."""

    incident_id: str
    condition: Condition
    detail: str = ""


def chained(step: TraceStep, before: str) -> TraceStep:
    """Return a step with its digest, which follows that of the step before; the first follows an empty one."""
    text = wire.dumps(replace(step, digest=""))
    return replace(step, digest=hashlib.sha256(f"{before}\n{text}".encode()).hexdigest())


def broken_at(steps: Iterable[TraceStep]) -> int:
    """Return the number of the first step that is not as it was written or does not follow the one before, else 0."""
    before = ""
    for number, step in enumerate(steps, 1):
        if step.seq != number or chained(step, before).digest != step.digest:
            return number
        before = step.digest
    return 0


def digest_of(text: str) -> str:
    """Return the SHA-256, hex, of a record as it is stored: the canonical JSON of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def held_against(anchors: Sequence[Anchor], steps: Sequence[TraceStep], verdicts: Sequence[str]) -> Checked:
    """Return what became of a trace, held against each of its anchors, the oldest first.

    ``verdicts`` are those of the incident as they are stored, the oldest first.
    """
    incident_id, broken = anchors[0].incident_id, broken_at(steps)
    digests = [digest_of(text) for text in verdicts]
    for anchor in anchors:
        condition, detail = _against(anchor, steps, broken, digests)
        if condition is not Condition.WHOLE:
            return Checked(incident_id, condition, detail)
    if digests[-1] != anchors[-1].verdict_digest:
        return Checked(incident_id, Condition.ADDED, "a verdict follows the one that was noted last")
    return Checked(incident_id, Condition.WHOLE)


def _against(anchor: Anchor, steps: Sequence[TraceStep], broken: int, verdicts: Sequence[str]) -> tuple[Condition, str]:
    if 0 < broken <= anchor.steps:
        return Condition.EDITED, f"step {broken} is not as it was written, or one before it is missing"
    if len(steps) < anchor.steps:
        return Condition.CUT, f"{anchor.steps} steps were noted, {len(steps)} are stored"
    if steps[anchor.steps - 1].digest != anchor.digest:
        return Condition.EDITED, f"the chain holds, but its step {anchor.steps} is not the one that was noted"
    if anchor.verdict_digest not in verdicts:
        return Condition.EDITED, "the verdict that was noted is not stored"
    return Condition.WHOLE, ""
