"""What a door sees of the engine, and what the engine sees of a door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from engine.types import (
    Event,
    Incident,
    IncidentView,
    Passage,
    Proposal,
    ReportedEvent,
    Snapshot,
    SourcedAnswer,
    TraceStep,
)


class BusyError(RuntimeError):
    """So many wait already that one more would not be served in time: the caller tries again later."""


class ToolView(Protocol):
    """What a read-only tool of the analyst answered."""

    @property
    def tool(self) -> str:
        """Its name."""
        ...

    @property
    def result(self) -> str:
        """``answered``, ``absent``, ``refused`` or ``failed``."""
        ...

    @property
    def text(self) -> str:
        """Untrusted parts are escaped and fenced."""
        ...


class EngineDoor(Protocol):
    """The engine as a door may use it. Nothing here decides, blocks, allows or closes anything."""

    def snapshot(self) -> Snapshot:
        """Return the state as it stands."""
        ...

    def subscribe(self, *, program: bool = False) -> asyncio.Queue[Event]:
        """Return a bounded queue of what happens from now on; a ``program`` is no person who watches."""
        ...

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        """Forget a queue."""
        ...

    async def incidents(self, limit: int = 100) -> Sequence[Incident]:
        """Return the newest stored incidents first."""
        ...

    async def incident(self, incident_id: str) -> IncidentView:
        """Return everything stored about an incident, or raise ``LookupError``."""
        ...

    async def triage(
        self, event: ReportedEvent, *, model: str = "", on_step: Callable[[TraceStep], None] | None = None
    ) -> IncidentView:
        """Return the incident that an event came to, investigated.

        ``model`` is the name of a configured chat model, or ``playbook``; empty means the configured one.

        Raises:
            BusyError: too many events wait.
            LookupError: no such model is configured.
        """
        ...

    async def ask(self, question: str, incident_id: str = "", k: int = 5, base: str = "") -> SourcedAnswer:
        """Return what the knowledge base, and an incident's evidence, say to a question.

        Raises:
            LookupError: there is no such incident.
        """
        ...

    async def search(self, query: str, k: int = 5, base: str = "") -> Sequence[Passage]:
        """Return the passages nearest to a query; ``base`` names one collection of documents."""
        ...

    async def report(self, incident_id: str, form: str = "md", lang: str = "en") -> str:
        """Return the report of an incident: ``md``, ``json`` or ``html``, ``en`` or ``zh``; raises ``LookupError``."""
        ...

    def tools(self) -> Sequence[Mapping[str, Any]]:
        """Return name, description and JSON schema of the arguments of every read-only tool."""
        ...

    async def use_tool(self, incident_id: str, name: str, arguments: Mapping[str, Any]) -> ToolView:
        """Return a tool's answer about an incident; raises ``LookupError`` for an unknown incident."""
        ...

    async def propose_block(self, incident_id: str) -> Proposal:
        """Ask a person to block an incident's target, on behalf of a program; nothing is blocked by it.

        Raises:
            LookupError: there is no such incident.
            PermissionError: the guard refuses, or there is none.
        """
        ...


class Door(Protocol):
    """A way into the engine from outside the program."""

    name: str
    """For the task, and for the fault when it cannot be opened."""

    async def serve(self, engine: EngineDoor) -> None:
        """Serve until cancelled; raises ``OSError`` when it cannot be opened."""
        ...
