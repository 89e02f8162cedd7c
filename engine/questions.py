"""What may be asked of an engine, by the console that hosts it or over a socket; nothing here blocks or allows."""

from __future__ import annotations

from typing import Protocol

from engine.stored import Stored
from engine.types import (
    Disposition,
    IncidentView,
    LibraryPage,
    Note,
    Passage,
    ReportedEvent,
    SourcedAnswer,
    Suppression,
    SuppressionPreview,
)


class Questions(Protocol):
    """An engine that answers, stores what a person makes of it, and hides what a person wants hidden."""

    async def incident(self, incident_id: str) -> IncidentView:
        """Return everything stored about an incident, or raise ``LookupError``."""
        ...

    async def triage(self, event: ReportedEvent) -> IncidentView:
        """Return the incident that a reported event came to, investigated."""
        ...

    async def ask(self, question: str, incident_id: str = "") -> SourcedAnswer:
        """Return what is known to a question, with its sources."""
        ...

    async def search(self, query: str, k: int = 5, base: str = "") -> tuple[Passage, ...]:
        """Return the passages of the knowledge base nearest to a query."""
        ...

    async def library(self, words: str = "", after: tuple[float, str] | None = None) -> LibraryPage:
        """Return a page of the stored incidents that a filter lets through, newest first."""
        ...

    async def everything(self, incident_id: str) -> Stored:
        """Return all that an incident can be exported and judged again from, or raise ``LookupError``."""
        ...

    async def save_pack(self, incident_id: str, place: str = "", redacted: bool = False) -> tuple[str, str]:
        """Write an incident's evidence pack to a new file of the engine's user; return its path and its SHA-256."""
        ...

    async def preview(self, incident_id: str) -> str:
        """Return what would be sent to the endpoint about an incident; empty where nothing leaves."""
        ...

    async def save_report(self, incident_id: str) -> tuple[str, ...]:
        """Write the report of an incident in every form, and return the files."""
        ...

    async def set_disposition(self, incident_id: str, disposition: Disposition, by: str = "") -> None:
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
