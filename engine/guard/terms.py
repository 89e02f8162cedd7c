"""How long a block should last: longer for addresses that come back, shorter for those nobody is sure of."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence

from engine.guard.policy import MAX_TTL_S

RUNGS_S = (600.0, 3600.0, 86400.0, 604800.0)
JITTER = 10
"""Rungs above the first last up to a tenth longer, so that nobody can count on the minute they end."""
MINUTE_S = 60


def laddered(asked_s: float, prior: int, doubtful: bool, below: Callable[[int], int] = secrets.randbelow) -> float:
    """Return the term for addresses that were blocked ``prior`` times before.

    ``doubtful`` is a source that may be spoofed or was only reported: it starts at the lowest rung, whatever
    was asked for. ``below`` draws the jitter.
    """
    if not asked_s:
        return asked_s
    if doubtful:
        return _jittered(RUNGS_S[min(prior, 3)], below) if prior else RUNGS_S[0]
    if not prior:
        return asked_s
    rung = RUNGS_S[2] if prior == 1 else RUNGS_S[3]
    return asked_s if asked_s >= rung else _jittered(rung, below)


def _jittered(rung_s: float, below: Callable[[int], int]) -> float:
    most = int(rung_s) // JITTER // MINUTE_S
    return min(rung_s + below(most + 1) * MINUTE_S, MAX_TTL_S)


def left(seconds: float) -> str:
    """Return what is left of a term in words, such as ``41 min left``; ``inf`` is without an end."""
    if seconds == math.inf:
        return "without an end"
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name} left"
    return f"{max(seconds, 0):.0f} s left"


def words(seconds: float) -> str:
    """Return a term as a person says it, such as ``1 h`` or ``90 min``; 0 is permanent."""
    if not seconds:
        return "for ever"
    units: Sequence[tuple[int, str]] = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    size, name = next(((size, name) for size, name in units if seconds % size == 0), (1, "s"))
    return f"{seconds / size:.0f} {name}"
