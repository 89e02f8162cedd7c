"""Questions from people and programs to what is stored and known; the answers change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.caseload import Caseload
from engine.types import IncidentView, Passage, SourcedAnswer

if TYPE_CHECKING:
    from engine.agent.tools import Answer

FORMS = ("md", "json", "html")
LANGUAGES = ("en", "zh")


class Inquiries:
    """Answers from the knowledge base, the tools and the reports."""

    def __init__(self, caseload: Caseload, view: Callable[[str], Awaitable[IncidentView]], reports: Path) -> None:
        """Take ``view``, which returns an incident or raises ``LookupError``, and the folder for reports."""
        self._caseload = caseload
        self._view = view
        self._reports = reports

    async def search(self, query: str, k: int = 5, base: str = "") -> tuple[Passage, ...]:
        """Return the passages nearest to a query; ``base`` names one collection of documents."""
        investigator = await self._caseload.investigator()
        return tuple(await asyncio.to_thread(investigator.knowledge.search, query, k, base))

    async def ask(self, question: str, incident_id: str = "", k: int = 5, base: str = "") -> SourcedAnswer:
        """Return what is known to a question, with its sources; raises ``LookupError`` for an unknown incident."""
        view = await self._view(incident_id) if incident_id else None
        investigator = await self._caseload.investigator()
        return await investigator.ask(question, view, k, base)

    def tools(self) -> Sequence[Mapping[str, Any]]:
        """Return name, description and JSON schema of the arguments of every read-only tool."""
        from engine.agent.tools import TOOLS  # noqa: PLC0415 - heavy, and only the doors ask

        own = self._caseload.user_tools()
        return [tool.schema()["function"] for tool in (*TOOLS.values(), *own)]

    async def use_tool(self, incident_id: str, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Return a tool's answer about an incident; raises ``LookupError`` for an unknown incident."""
        view = await self._view(incident_id)
        investigator = await self._caseload.investigator()
        return await asyncio.to_thread(investigator.use_tool, view, name, arguments)

    async def preview(self, incident_id: str) -> str:
        """Return what would be sent first to the endpoint about an incident; empty where there is none."""
        view = await self._view(incident_id)
        investigator = await self._caseload.investigator()
        return await asyncio.to_thread(investigator.preview, view)

    async def save_report(self, incident_id: str, lang: str = "en") -> tuple[str, ...]:
        """Write the report of an incident in every form, and return the files; raises ``LookupError``."""
        from engine.agent.report import save_report  # noqa: PLC0415 - only where it is asked for

        view = await self._view(incident_id)
        files = await asyncio.to_thread(save_report, self._reports, view, FORMS, lang)
        return tuple(map(str, files))

    async def report(self, incident_id: str, form: str = "md", lang: str = "en") -> str:
        """Return the report of an incident.

        Raises:
            LookupError: there is no such incident.
            ValueError: there is no such form or language.
        """
        from engine.agent.report import report  # noqa: PLC0415 - only where it is asked for

        if form not in FORMS or lang not in LANGUAGES:
            msg = f"a report is {', '.join(FORMS)}, in {' or '.join(LANGUAGES)}"
            raise ValueError(msg)
        view = await self._view(incident_id)
        return await asyncio.to_thread(report, view, form, lang)
