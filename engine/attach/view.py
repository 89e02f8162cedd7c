"""What an attached console is told of the engine, and may ask: nothing here approves, blocks or allows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, Protocol, get_type_hints

from engine.attach.values import digest, packer, unpacker
from engine.questions import Questions
from engine.types import (
    Block,
    Event,
    Fault,
    Impact,
    Incident,
    Proposal,
    Snapshot,
    Suppression,
    TraceStep,
    Verdict,
)

Pushed = Incident | TraceStep | Verdict | Proposal | Block | Fault
"""The events that are sent one by one; the others come with the snapshots."""


class ConsoleDoor(Questions, Protocol):
    """The engine as an attached console may use it."""

    async def impact(self, prefixes: tuple[str, ...]) -> Impact:
        """Return what a block of these would have dropped lately."""
        ...

    async def learn(self, proposal_id: str, line: str) -> None:
        """Take over from the guard what became of a proposal."""
        ...

    async def look(self, incident_id: str, line: str) -> None:
        """Look at the kernel again, and note what a person did with a block."""
        ...


class MirroredEngine(ConsoleDoor, Protocol):
    """The engine as it is told of to consoles, unasked."""

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return a bounded queue of what happens from now on."""
        ...

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        """Forget a queue."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the state as it stands."""
        ...


Rules = tuple[Suppression, ...]
WAY = 2
"""Of sending changes and values: one more wherever they are sent another way, though the types be the same."""
DECIDES = frozenset({"set_disposition", "suppress", "end_suppression", "learn"})
"""What only the console that decides may ask."""


class Method(NamedTuple):
    """How one method's arguments and answer are sent."""

    pack_arguments: tuple[Callable[[Any], Any], ...]
    unpack_arguments: tuple[Callable[[Any], Any], ...]
    pack_answer: Callable[[Any], Any]
    unpack_answer: Callable[[Any], Any]


@cache
def methods() -> dict[str, Method]:
    """Return the methods by name: these and no others can be asked."""
    return {name: _method(hints) for name, hints in _signatures().items()}


@cache
def schema() -> str:
    """Return a digest of everything that is sent: two programs with the same understand each other."""
    told = [hint for hints in _signatures().values() for hint in hints.values()]
    return f"{WAY}:{digest(Snapshot, Rules, Pushed, *told)}"


def _signatures() -> dict[str, dict[str, Any]]:
    named = inspect.getmembers(ConsoleDoor, inspect.isfunction)
    return {name: get_type_hints(one) for name, one in named if not name.startswith("_")}


def _method(hints: dict[str, Any]) -> Method:
    arguments = [hint for name, hint in hints.items() if name != "return"]
    answer = hints["return"]
    return Method(tuple(map(packer, arguments)), tuple(map(unpacker, arguments)), packer(answer), unpacker(answer))
