"""Says what a start took up of a run that had ended without stopping."""

from __future__ import annotations

from collections.abc import Callable

from engine.types import Recovery

NOTHING = "no incident was open"


def recovered(recovery: Recovery, when: Callable[[float], str]) -> str:
    """Return what was recovered as one line; ``when`` writes a moment."""
    incidents, begun = recovery.incidents, recovery.investigations
    taken_up = [
        f"{_count(incidents, 'open incident')}, {_count(recovery.alerts, 'alert')}" if incidents else NOTHING,
        f"{_count(begun, 'investigation')} resumed" if begun else "",
        f"{_count(recovery.proposals, 'proposal')} to decide" if recovery.proposals else "",
        "" if recovery.blocks is None else f"{_count(recovery.blocks, 'block')} in force",
    ]
    told = ", ".join(part for part in taken_up if part)
    return f"the last run broke off after {when(recovery.last_record_at)}: {told}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"
