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
DAYS_FROM_S = 2 * 86400
"""The console counts in days from the same span on."""


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
    return f"{about(seconds)} left"


def words(seconds: float) -> str:
    """Return a term as a person says it, such as ``1 h`` or ``25 h 5 min``; 0 is permanent."""
    return _units(round(seconds)) if seconds else "for ever"


def about(seconds: float) -> str:
    """Return a span in the same words, without the seconds of more than a minute."""
    whole = round(max(seconds, 0))
    return _units(whole - whole % MINUTE_S if whole > MINUTE_S else whole)


def _units(whole: int) -> str:
    """Return the two largest units; hours up to two days, so that a day with its jitter reads as one."""
    sizes: Sequence[tuple[int, int, str]] = ((DAYS_FROM_S, 86400, "d"), (3600, 3600, "h"), (60, 60, "min"))
    below = {86400: (3600, "h"), 3600: (60, "min"), 60: (1, "s")}
    for least, size, name in sizes:
        if whole >= least:
            smaller, rest_name = below[size]
            rest = whole % size // smaller
            return f"{whole // size} {name}" + (f" {rest} {rest_name}" if rest else "")
    return f"{whole} s"
