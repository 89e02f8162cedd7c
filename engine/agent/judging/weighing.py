"""The weighing: every consideration once, and what they come to together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.agent.judging import answer, dns, payload, people, places, programs, traffic
from engine.agent.judging.scene import Scene
from engine.agent.judging.weights import TABLE

FAMILIES: tuple[Callable[[Scene], Iterator[str]], ...] = (
    payload.considerations,
    answer.considerations,
    programs.considerations,
    people.considerations,
    places.considerations,
    traffic.considerations,
    dns.considerations,
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One consideration that holds."""

    name: str
    weight: float
    """Log odds; positive speaks for a hostile act."""
    words: str
    """The program's own; no captured text."""
    kind: str
    """The kind of evidence that it rests on."""


def weigh(scene: Scene) -> tuple[Reason, ...]:
    """Return the considerations that hold, the weightiest first."""
    names = dict.fromkeys(name for family in FAMILIES for name in family(scene))
    if not any(TABLE[name].weight < 0 and not TABLE[name].is_choosable for name in names):
        names = {name: None for name in names if not _only_looks_harmless(name)}
    reasons = [Reason(name, TABLE[name].weight, TABLE[name].words, TABLE[name].kind) for name in names]
    return tuple(sorted(reasons, key=lambda reason: (-abs(reason.weight), reason.name)))


def _only_looks_harmless(name: str) -> bool:
    return TABLE[name].weight < 0 and TABLE[name].is_choosable
