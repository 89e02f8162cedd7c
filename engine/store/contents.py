"""All that is stored about one incident."""

from __future__ import annotations

from typing import Any

from engine import wire
from engine.plan import Context, Recording
from engine.store.connection import Connection, readable
from engine.types import Alert, Evidence, FlowUpdate, Incident, IncidentView, Note, Proposal, TraceStep, Verdict


class Contents(Connection):
    """Answers for one incident at a time."""

    async def view(self, incident_id: str) -> IncidentView | None:
        """Return everything about one incident but its packets."""
        rows = await self._all("SELECT body FROM incident WHERE id = ?", incident_id)
        if not rows:
            return None
        steps = await self._bodies(TraceStep, "step", incident_id, "seq")
        verdicts = await self._bodies(Verdict, "verdict", incident_id, "seq DESC LIMIT 1")
        decisions = await self._all("SELECT line FROM decision WHERE incident_id = ? ORDER BY number", incident_id)
        return IncidentView(
            wire.loads(Incident, rows[0][0]),
            tuple(await self.alerts(incident_id)),
            tuple(await self._bodies(Evidence, "evidence", incident_id, "at, id")),
            tuple(steps),
            verdicts[0] if verdicts else None,
            tuple(await self._bodies(Proposal, "proposal", incident_id, "created_at DESC")),
            tuple(str(row[0]) for row in decisions),
            tuple(await self._bodies(Note, "note", incident_id, "number")),
        )

    async def alerts(self, incident_id: str) -> list[Alert]:
        """Return the alerts of an incident, oldest first."""
        query = "SELECT body FROM alert WHERE incident_id = ?"
        alerts: list[Alert] = readable(Alert, await self._all(query, incident_id))
        return sorted(alerts, key=lambda alert: (alert.first_at, alert.id))

    async def trace(self, incident_id: str) -> tuple[list[TraceStep], list[str]] | None:
        """Return the steps of an incident, and its verdicts as they are stored; none where it is not stored."""
        if not await self._all("SELECT 1 FROM incident WHERE id = ?", incident_id):
            return None
        verdicts = await self._all("SELECT body FROM verdict WHERE incident_id = ? ORDER BY seq", incident_id)
        return await self._bodies(TraceStep, "step", incident_id, "seq"), [str(row[0]) for row in verdicts]

    async def source_of(self, incident_id: str) -> str:
        """Return where an incident was captured."""
        rows = await self._all("SELECT source FROM incident WHERE id = ?", incident_id)
        return str(rows[0][0]) if rows else ""

    async def context_of(self, incident_id: str) -> Context:
        """Return what judging an incident depended on beside its flows."""
        rows = await self._all("SELECT context FROM incident WHERE id = ?", incident_id)
        return wire.loads(Context, rows[0][0]) if rows else Context()

    async def inputs(self, incident_id: str) -> list[FlowUpdate]:
        """Return the flow inputs of an incident in the order they came."""
        return await self._bodies(FlowUpdate, "input", incident_id, "seq")

    async def recordings(self, incident_id: str) -> tuple[Recording, ...]:
        """Return what each investigation of an incident heard from outside, in order."""
        return tuple(await self._bodies(Recording, "recording", incident_id, "seq"))

    async def packets(self, incident_id: str) -> bytes:
        """Return the stored packets of an incident as a pcap file, empty when there are none."""
        rows = await self._all("SELECT pcap FROM packets WHERE incident_id = ?", incident_id)
        return bytes(rows[0][0]) if rows else b""

    async def held(self, incident_id: str) -> tuple[int, str, int]:
        """Return the last step's number and digest, and the number of the next flow input of an incident."""
        query = (
            "SELECT (SELECT COALESCE(MAX(seq), 0) FROM step WHERE incident_id = ?),"
            " (SELECT json_extract(body, '$.digest') FROM step WHERE incident_id = ? ORDER BY seq DESC LIMIT 1),"
            " (SELECT COALESCE(MAX(seq) + 1, 0) FROM input WHERE incident_id = ?)"
        )
        ((steps, digest, inputs),) = await self._all(query, incident_id, incident_id, incident_id)
        return int(steps), str(digest or ""), int(inputs)

    async def retired(self, incident_id: str) -> tuple[float, str] | None:
        """Return when an incident was removed, and why; none where it was not."""
        rows = await self._all("SELECT at, why FROM retired WHERE incident_id = ?", incident_id)
        return (float(rows[0][0]), str(rows[0][1])) if rows else None

    async def _bodies(self, cls: Any, table: str, incident_id: str, order: str) -> list[Any]:
        query = f"SELECT body FROM {table} WHERE incident_id = ? ORDER BY {order}"  # noqa: S608 - names from this file
        return readable(cls, await self._all(query, incident_id))
