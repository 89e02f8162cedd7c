"""The chain of an incident's trace: each step's digest covers the step before, so an edit shows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from engine import wire
from engine.types import TraceStep


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
