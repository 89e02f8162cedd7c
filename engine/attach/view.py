"""What an attached console may ask of the engine. Nothing here approves, blocks or allows: that goes to the guard."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, Protocol, get_type_hints

from engine.attach.values import digest, packer, unpacker
from engine.stored import Stored
from engine.types import (
    Block,
    Disposition,
    Fault,
    Impact,
    Incident,
    IncidentView,
    LibraryPage,
    Note,
    Passage,
    Proposal,
    ReportedEvent,
    Snapshot,
    SourcedAnswer,
    Suppression,
    SuppressionPreview,
    TraceStep,
    Verdict,
)

Pushed = Incident | TraceStep | Verdict | Proposal | Block | Fault
"""The events that are sent one by one; the others come with the snapshots."""


class ConsoleDoor(Protocol):
    """The engine as an attached console may use it."""

    async def incident(self, incident_id: str) -> IncidentView:
        """Return everything stored about an incident, or raise ``LookupError``."""
        ...

    async def impact(self, prefixes: tuple[str, ...]) -> Impact:
        """Return what a block of these would have dropped lately."""
        ...

    async def triage(self, event: ReportedEvent) -> IncidentView:
        """Return the incident that a reported event came to, investigated."""
        ...

    async def ask(self, question: str, incident_id: str) -> SourcedAnswer:
        """Return what is known to a question, with its sources."""
        ...

    async def search(self, query: str, k: int, base: str) -> tuple[Passage, ...]:
        """Return the passages of the knowledge base nearest to a query."""
        ...

    async def library(self, words: str, after: tuple[float, str] | None) -> LibraryPage:
        """Return a page of the stored incidents that a filter lets through, newest first."""
        ...

    async def everything(self, incident_id: str) -> Stored:
        """Return all that an incident can be exported and judged again from, or raise ``LookupError``."""
        ...

    async def save_pack(self, incident_id: str, place: str, redacted: bool) -> tuple[str, str]:
        """Write an incident's evidence pack to a new file of the engine's user, and return its path and digest."""
        ...

    async def preview(self, incident_id: str) -> str:
        """Return what would be sent to the endpoint about an incident."""
        ...

    async def save_report(self, incident_id: str) -> tuple[str, ...]:
        """Write the report of an incident in every form, and return the files."""
        ...

    async def set_disposition(self, incident_id: str, disposition: Disposition, by: str) -> None:
        """Store what a person makes of an incident, and who that is."""
        ...

    async def suppress(self, target: str, detector: str, label: str, reason: str, by: str, ttl_s: float) -> Suppression:
        """Hide from now on what is in a scope; 0 seconds is until a person ends it."""
        ...

    async def end_suppression(self, rule_id: str) -> None:
        """Have alerts raised again for what a rule hid."""
        ...

    async def preview_suppression(self, target: str, detector: str, label: str) -> SuppressionPreview:
        """Return what a rule would have hidden of what is stored."""
        ...

    def suppressions(self) -> tuple[Suppression, ...]:
        """Return the rules in force and those that ended within a day, the newest first."""
        ...

    async def note(self, incident_id: str, text: str, by: str) -> Note:
        """Store what a person writes beside an incident."""
        ...

    async def learn(self, proposal_id: str, line: str) -> None:
        """Take over from the guard what became of a proposal."""
        ...

    async def look(self, incident_id: str, line: str) -> None:
        """Look at the kernel again, and note what a person did with a block."""
        ...


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
    return digest(Snapshot, Pushed, *told)


def _signatures() -> dict[str, dict[str, Any]]:
    named = inspect.getmembers(ConsoleDoor, inspect.isfunction)
    return {name: get_type_hints(one) for name, one in named if not name.startswith("_")}


def _method(hints: dict[str, Any]) -> Method:
    arguments = [hint for name, hint in hints.items() if name != "return"]
    answer = hints["return"]
    return Method(tuple(map(packer, arguments)), tuple(map(unpacker, arguments)), packer(answer), unpacker(answer))
