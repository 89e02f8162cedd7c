"""Which incidents are stored: the newest, the open ones, those of a library or with a target, the one a name means."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from engine.store.connection import Connection, readable
from engine.store.rows import storable
from engine.types import (
    PROCESS_KINDS,
    Disposition,
    Incident,
    LibraryEntry,
    Origin,
    PastIncident,
    Processes,
    SeenAlert,
    Severity,
    Verdict,
)

_LAST = (1e300, "")
"""After every incident."""

INCIDENTS_LOOKED_AT = 20
"""Incidents with a target among which one with a handshake is looked for."""

_VERDICT = "(SELECT body FROM verdict WHERE incident_id = incident.id ORDER BY seq DESC LIMIT 1)"
_FIRST_ALERT = "FROM alert WHERE incident_id = incident.id AND json_valid(body) LIMIT 1"
_CLASS = f"(SELECT json_extract(body, '$.detection.event_class') {_FIRST_ALERT})"
_PROCESSES = (
    "(SELECT json_group_array(json_extract(body, '$.content')) FROM evidence WHERE incident_id = incident.id"  # noqa: S608 - a constant
    f" AND json_valid(body) AND json_extract(body, '$.kind') IN {PROCESS_KINDS})"
)

_DETECTOR = f"(SELECT json_extract(body, '$.detection.detector') {_FIRST_ALERT})"
_ENTRY = f"body, source, {_VERDICT}, {_CLASS}, {_PROCESSES}, {_DETECTOR}"
"""The columns of a library's entry."""
_UNDECIDED = f"json_valid(body) AND json_extract(body, '$.disposition') = '{Disposition.UNDETERMINED.value}'"
_RANK = "CASE severity " + " ".join(f"WHEN '{one.value}' THEN {one.rank}" for one in Severity) + " END"

_SEVERITIES = {severity.value: severity for severity in Severity}


class Incidents(Connection):
    """Finds incidents."""

    async def incidents(self, limit: int = 500, before: Incident | None = None) -> list[Incident]:
        """Return the newest incidents first, or those that come after one of them."""
        query = (
            "SELECT body FROM incident WHERE opened_at <= ? AND (opened_at < ? OR id > ?)"
            " ORDER BY opened_at DESC, id LIMIT ?"
        )
        at, last = (before.opened_at, before.id) if before else (math.inf, "")
        return readable(Incident, await self._all(query, at, at, last, limit))

    async def library(self, before: tuple[float, str] | None, limit: int) -> list[LibraryEntry]:
        """Return the newest incidents, those that come after the one opened at ``before`` with that id."""
        query = (
            f"SELECT {_ENTRY} FROM incident"  # noqa: S608 - the constants above
            " WHERE (opened_at, id) < (?, ?) ORDER BY opened_at DESC, id DESC LIMIT ?"
        )
        return _entries(await self._all(query, *(before or _LAST), limit))

    async def undecided(self, source: str, limit: int) -> tuple[list[LibraryEntry], int]:
        """Return the incidents of a source that no person judged, the gravest and then the newest first.

        The number is that of all of them, those beyond the limit too.
        """
        # The subqueries of an entry are for those that are within the limit only.
        chosen = (
            f"SELECT id FROM incident WHERE source = ? AND {_UNDECIDED}"  # noqa: S608 - the constants above
            f" ORDER BY {_RANK} DESC, updated_at DESC, id LIMIT ?"
        )
        query = (
            f"SELECT {_ENTRY} FROM incident WHERE id IN ({chosen})"  # noqa: S608 - the constants above
            f" ORDER BY {_RANK} DESC, updated_at DESC, id"
        )
        rows = await self._all(query, source, limit)
        if len(rows) < limit:
            return _entries(rows), len(rows)
        counted = await self._all(f"SELECT COUNT(*) FROM incident WHERE source = ? AND {_UNDECIDED}", source)  # noqa: S608 - the constant above
        return _entries(rows), int(counted[0][0])

    async def uninvestigated(self, source: str, limit: int) -> list[Incident]:
        """Return the newest incidents of a source without a verdict, oldest first: a run that died is run again."""
        query = (
            "SELECT body FROM incident WHERE source = ? AND id NOT IN (SELECT incident_id FROM verdict)"
            " ORDER BY updated_at DESC, id LIMIT ?"
        )
        return readable(Incident, reversed(await self._all(query, source, limit)))

    async def recent_incidents(self, source: str, since: float) -> list[Incident]:
        """Return the incidents of a source that may still take alerts, oldest first."""
        query = "SELECT body FROM incident WHERE source = ? AND updated_at >= ? ORDER BY opened_at, id"
        return readable(Incident, await self._all(query, source, since))

    async def past_incidents(self, target_ip: str, before: float, limit: int) -> list[PastIncident]:
        """Return the earlier incidents with a target that a sensor saw, newest first: anybody may report anything."""
        query = (
            f"SELECT body, {_VERDICT}, {_CLASS}"  # noqa: S608 - the constants above
            " FROM incident WHERE target_ip = ? AND opened_at < ? AND EXISTS (SELECT 1 FROM alert"
            " WHERE incident_id = incident.id AND json_extract(body, '$.detection.detector') <> 'event')"
            " ORDER BY opened_at DESC, id LIMIT ?"
        )
        found = []
        for body, verdict, event_class in await self._all(query, target_ip, before, limit):
            told = (_conclusion(verdict), str(event_class or ""))
            found += [_past(incident, *told) for incident in readable(Incident, [(body,)])]
        return found

    async def find(self, text: str) -> str:
        """Return the one incident id that equals or starts with ``text``.

        Raises:
            LookupError: there is none, or more than one.
        """
        query = "SELECT id FROM incident WHERE id = ? OR substr(id, 1, length(?)) = ? ORDER BY id LIMIT 3"
        found = [str(row[0]) for row in await self._all(query, text, text, text)]
        if text in found or len(found) == 1:
            return text if text in found else found[0]
        msg = f"no incident {text!r} is stored" if not found else f"{text!r} fits several incidents: {', '.join(found)}"
        raise LookupError(msg)

    async def handshake_of(self, target_ip: str) -> float:
        """Return when an incident with a target last showed something, where that completed a handshake in it; else 0.

        A report alone shows no handshake.
        """
        query = "SELECT body FROM incident WHERE target_ip = ? ORDER BY opened_at DESC LIMIT ?"
        found = readable(Incident, await self._all(query, target_ip, INCIDENTS_LOOKED_AT))
        return max((incident.updated_at for incident in found if incident.handshake), default=0.0)

    async def processes_of(self, incident_id: str) -> Processes:
        """Return the processes that the host named behind an incident."""
        rows = await self._all(f"SELECT {_PROCESSES} FROM incident WHERE id = ?", incident_id)  # noqa: S608 - the constant above
        return Processes.named_in(json.loads(rows[0][0])) if rows else Processes()

    async def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of some ids that are incidents which are stored."""
        found = await self._all("SELECT id FROM incident WHERE id IN (SELECT value FROM json_each(?))", json.dumps(ids))
        return frozenset(str(row[0]) for row in found)

    async def of_other_sources(self, source: str) -> dict[str, str]:
        """Return the ids of the incidents that are stored from other sources, and from which each is."""
        found = await self._all("SELECT id, source FROM incident WHERE source <> ?", storable(source))
        return {str(incident_id): str(other) for incident_id, other in found}

    async def latest_seen(self, limit: int) -> list[SeenAlert]:
        """Return the alerts that were raised or repeated last, the newest first; a damaged one is passed over."""
        query = (
            "SELECT incident_id, json_extract(body, '$.target_ip'), json_extract(body, '$.detection.detector'),"
            " json_extract(body, '$.detection.label'), json_extract(body, '$.detection.severity'),"
            " json_extract(body, '$.count'), json_extract(body, '$.first_at')"
            " FROM alert WHERE json_valid(body) ORDER BY last_at DESC, id LIMIT ?"
        )
        return [
            SeenAlert(incident_id, target_ip, detector, label, _SEVERITIES[severity], count, first_at)
            for incident_id, target_ip, detector, label, severity, count, first_at in await self._all(query, limit)
            if severity in _SEVERITIES
        ]


def _entries(rows: Iterable[Sequence[Any]]) -> list[LibraryEntry]:
    """Return what rows of ``_ENTRY`` tell; one that is damaged is passed over."""
    found = []
    for body, source, verdict, event_class, told_of, detector in rows:
        origin = Origin.EVENT if detector == "event" else Origin.LIVE if source == "live" else Origin.REPLAY
        processes = Processes.named_in(json.loads(told_of))
        told = (str(event_class or ""), _conclusion(verdict), origin, str(source), processes)
        found += [LibraryEntry(incident, *told) for incident in readable(Incident, [(body,)])]
    return found


def _conclusion(verdict: str | None) -> str:
    """Return what a stored verdict came to; empty where there is none, or none that can be read."""
    verdicts = readable(Verdict, [(verdict,)]) if verdict else []
    return str(verdicts[0].conclusion) if verdicts else ""


def _past(incident: Incident, conclusion: str, event_class: str) -> PastIncident:
    head = (incident.id, incident.opened_at, incident.title, incident.severity, incident.disposition)
    return PastIncident(*head, conclusion, event_class)
