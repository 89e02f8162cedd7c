"""The weighing: every consideration once, and what they come to together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from engine.agent.judging import (
    answer,
    dns,
    download,
    effects,
    entered,
    guessing,
    outbound,
    payload,
    people,
    places,
    programs,
    request,
    sessions,
    trades,
    traffic,
    workplaces,
)
from engine.agent.judging.scene import Scene
from engine.agent.judging.weights import TABLE

FAMILIES: tuple[Callable[[Scene], Iterator[str]], ...] = (
    payload.considerations,
    answer.considerations,
    request.considerations,
    effects.considerations,
    trades.considerations,
    download.considerations,
    programs.considerations,
    workplaces.considerations,
    people.considerations,
    places.considerations,
    traffic.considerations,
    sessions.considerations,
    entered.considerations,
    guessing.considerations,
    outbound.considerations,
    dns.considerations,
)

_DRIVEN = frozenset(("fetches_entities_bare", "fetches_entities", "fetches_secrets"))
_OWN_DOING = frozenset(("own_request", "own_request_served", "packaged_client"))
"""What excuses nothing where a request from outside drove this host: the true program does the stranger's bidding."""

_TOLD_TWICE = frozenset(("vouched_for",))
"""What rests on other considerations, and is no kind of evidence of its own."""


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
    if any(name in _DRIVEN for name in names):
        names = {name: None for name in names if name not in _OWN_DOING}
    if not any(TABLE[name].weight < 0 and not TABLE[name].is_choosable for name in names):
        names = {name: None for name in names if not _only_looks_harmless(name)}
    if _is_excused_twice(names):
        names["kinds_excuse"] = None
    reasons = [Reason(name, TABLE[name].weight, TABLE[name].words, TABLE[name].kind) for name in names]
    return tuple(sorted(reasons, key=lambda reason: (-abs(reason.weight), reason.name)))


def _is_excused_twice(names: Collection[str]) -> bool:
    """Return whether evidence of several kinds that no sender can bring about says that it is harmless."""
    told = [TABLE[name] for name in names if name not in _TOLD_TWICE]
    return len({one.kind for one in told if one.weight < 0 and not one.is_choosable}) > 1


def _only_looks_harmless(name: str) -> bool:
    return TABLE[name].weight < 0 and TABLE[name].is_choosable
