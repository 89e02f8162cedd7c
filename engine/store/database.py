"""The engine's database: one writer that batches, and the queries of the console and the command line."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import aiosqlite

from engine import wire
from engine.plan import Context, Recording
from engine.store.schema import migrate
from engine.types import (
    Alert,
    Disposition,
    Evidence,
    Fault,
    Flow,
    FlowUpdate,
    Incident,
    IncidentView,
    LibraryEntry,
    Note,
    Origin,
    PastIncident,
    Proposal,
    Suppression,
    TraceStep,
    Verdict,
)

log = logging.getLogger(__name__)

FLOWS_LOOKED_AT = 5000
"""Flows among which those with one address are looked for: the latest, some milliseconds of work."""

_LAST = (1e300, "")
"""After every incident."""

BUSY_S = 0.5
"""How long one write waits for another program's; then the writer says so and tries again."""


async def connect(database: Path | str, *, uri: bool = False) -> aiosqlite.Connection:
    """Return a connection; where there is none to be had, raise once its thread has ended.

    aiosqlite leaves that thread to answer an event loop which may be closed by then.
    """
    connection = aiosqlite.connect(database, timeout=BUSY_S, uri=uri)
    try:
        return await connection
    except BaseException:
        await asyncio.to_thread(connection._thread.join)
        raise


Row = tuple[str, tuple[Any, ...]]
"""A statement and its parameters."""

_CHILDREN = ("step", "verdict", "input", "recording", "evidence", "alert", "proposal", "packets")

_PUT_INCIDENT = (
    "INSERT INTO incident VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET source = excluded.source,"
    " target_ip = excluded.target_ip, opened_at = excluded.opened_at, updated_at = excluded.updated_at,"
    " severity = excluded.severity, context = excluded.context,"
    " body = json_set(excluded.body, '$.disposition', json_extract(body, '$.disposition'))"
)
_PUT_DISPOSITION = "UPDATE incident SET body = json_set(body, '$.disposition', ?) WHERE id = ?"
_PUT_ALERT = "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?)"
_PUT_EVIDENCE = "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?)"
_PUT_STEP = "INSERT OR REPLACE INTO step VALUES (?, ?, ?)"
_PUT_VERDICT = "INSERT INTO verdict SELECT ?, COALESCE(MAX(seq), 0) + 1, ? FROM verdict WHERE incident_id = ?"
_PUT_RECORDING = "INSERT INTO recording SELECT ?, COALESCE(MAX(seq), 0) + 1, ? FROM recording WHERE incident_id = ?"
_PUT_PROPOSAL = "INSERT OR REPLACE INTO proposal VALUES (?, ?, ?, ?)"
_PUT_DECISION = "INSERT INTO decision (incident_id, at, line) VALUES (?, ?, ?)"
_PUT_INPUT = "INSERT OR REPLACE INTO input VALUES (?, ?, ?)"
_PUT_PACKETS = (
    "INSERT INTO packets VALUES (?, ?) ON CONFLICT DO UPDATE SET pcap = excluded.pcap"
    " WHERE length(excluded.pcap) >= length(pcap)"
)
_PUT_FLOW = "INSERT OR REPLACE INTO flow VALUES (?, ?, ?, ?, ?)"
_PUT_FAULT = "INSERT INTO fault (at, body) VALUES (?, ?)"
_PUT_SPENDING = (
    "INSERT INTO spending VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET tokens_in = tokens_in + excluded.tokens_in,"
    " tokens_out = tokens_out + excluded.tokens_out, calls = calls + excluded.calls"
)
_PUT_SUPPRESSION = "INSERT INTO suppression VALUES (?, ?, 0, 0, ?)"
_END_SUPPRESSION = "UPDATE suppression SET ends_at = ? WHERE id = ? AND (ends_at = 0 OR ends_at > ?)"
_PUT_HITS = "UPDATE suppression SET hits = hits + ?, last_hit_at = max(last_hit_at, ?) WHERE id = ?"
_PUT_NOTE = "INSERT INTO note (incident_id, at, body) VALUES (?, ?, ?)"
_PUT_QUARANTINE = "INSERT INTO quarantine (at, stage, reason, item) VALUES (?, ?, ?, ?)"


def put_incident(incident: Incident, source: str, context: Context | None = None) -> Row:
    """Store an incident as it is now; what a person made of it before stays."""
    times = (incident.opened_at, incident.updated_at)
    head = (incident.id, _storable(source), incident.target_ip, *times, incident.severity.value)
    return _PUT_INCIDENT, (*head, wire.dumps(context or Context()), wire.dumps(incident))


def put_disposition(incident_id: str, disposition: Disposition) -> Row:
    """Store what a person makes of an incident."""
    return _PUT_DISPOSITION, (disposition.value, incident_id)


def forget_incident(incident_id: str) -> list[Row]:
    """Remove what an earlier replay of the same capture stored under the same id."""
    return [(f"DELETE FROM {table} WHERE incident_id = ?", (incident_id,)) for table in _CHILDREN]  # noqa: S608 - names from the constant above


def put_alert(alert: Alert) -> Row:
    """Store an alert with its present count."""
    return _PUT_ALERT, (alert.id, alert.incident_id, alert.last_at, wire.dumps(alert))


def put_evidence(evidence: Evidence) -> Row:
    """Store one fact."""
    return _PUT_EVIDENCE, (evidence.incident_id, evidence.id, evidence.at, wire.dumps(evidence))


def put_step(step: TraceStep) -> Row:
    """Store one step of the analyst."""
    return _PUT_STEP, (step.incident_id, step.seq, wire.dumps(step))


def put_verdict(verdict: Verdict) -> Row:
    """Store the verdict of one investigation; earlier ones stay."""
    return _PUT_VERDICT, (verdict.incident_id, wire.dumps(verdict), verdict.incident_id)


def put_proposal(proposal: Proposal) -> Row:
    """Store a proposal in its present state."""
    return _PUT_PROPOSAL, (proposal.id, proposal.terms.incident_id, proposal.created_at, wire.dumps(proposal))


def put_decision(incident_id: str, at: float, line: str) -> Row:
    """Store what a person decided and what came of it."""
    return _PUT_DECISION, (incident_id, at, _storable(line))


def put_input(incident_id: str, seq: int, update: FlowUpdate) -> Row:
    """Store one flow input of an incident, from which it replays."""
    return _PUT_INPUT, (incident_id, seq, wire.dumps(update))


def put_packets(incident_id: str, pcap: bytes) -> Row:
    """Store the packets of an incident, a file that Wireshark opens; fewer than before are not stored."""
    return _PUT_PACKETS, (incident_id, pcap)


def put_recording(incident_id: str, recording: Recording) -> Row:
    """Store what an investigation heard from outside; earlier ones stay."""
    return _PUT_RECORDING, (incident_id, wire.dumps(recording), incident_id)


def put_flow(flow: Flow, source: str) -> Row:
    """Store a flow that has ended."""
    return _PUT_FLOW, (_storable(source), flow.id, flow.first_seen, flow.last_seen, wire.dumps(flow))


def put_fault(fault: Fault) -> Row:
    """Store a fault."""
    return _PUT_FAULT, (fault.at, wire.dumps(fault))


def put_quarantine(at: float, stage: str, reason: str, item: str) -> Row:
    """Store an item that broke a stage."""
    return _PUT_QUARANTINE, (at, stage, _storable(reason), item)


def put_spending(day: str, model: str, tokens_in: int, tokens_out: int, calls: int = 1) -> Row:
    """Add to what an endpoint was asked on a day, such as ``2026-11-22`` in UTC."""
    return _PUT_SPENDING, (day, _storable(model), tokens_in, tokens_out, calls)


def put_suppression(rule: Suppression) -> Row:
    """Store a new suppression."""
    return _PUT_SUPPRESSION, (rule.id, rule.ends_at, wire.dumps(rule))


def end_suppression(rule_id: str, at: float) -> Row:
    """End a suppression that is in force; it stays on record."""
    return _END_SUPPRESSION, (at, rule_id, at)


def put_hits(rule_id: str, hits: int, last_hit_at: float) -> Row:
    """Add to what a suppression hid."""
    return _PUT_HITS, (hits, last_hit_at, rule_id)


def put_note(note: Note) -> Row:
    """Store what a person wrote beside an incident."""
    return _PUT_NOTE, (note.incident_id, note.at, wire.dumps(note))


def is_expendable(row: Row) -> bool:
    """Whether a row may be given up before others: a flow that ended and belongs to no incident."""
    return row[0] is _PUT_FLOW


def _storable(text: str) -> str:
    """Return text without what UTF-8 cannot hold, such as the name of a file in another encoding."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Store:
    """The database, open. Only the writer writes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._db: aiosqlite.Connection | None = None

    async def write(self, rows: Iterable[Row]) -> None:
        """Write a batch as one transaction: all of it, or nothing."""
        db = self._db or await self.open()
        try:
            for statement, group in groupby(rows, key=itemgetter(0)):
                await db.executemany(statement, [parameters for _, parameters in group])
            await db.commit()
        except BaseException:
            await db.rollback()
            raise

    async def open(self) -> aiosqlite.Connection:
        """Open the file, made and brought forward where that is needed."""
        _prepare(self.file)
        self._db = await connect(self.file)
        await self._db.execute("PRAGMA synchronous = NORMAL")
        return self._db

    async def begin_anew(self) -> Path:
        """Put a database that was damaged aside, go on with an empty one, and return where the old one is."""
        await self.close()
        aside = set_aside(self.file)
        await self.open()
        return aside

    async def close(self) -> None:
        """Close the file."""
        db, self._db = self._db, None
        if db is not None:
            await db.close()

    async def incidents(self, limit: int = 500, before: Incident | None = None) -> list[Incident]:
        """Return the newest incidents first, or those that come after one of them."""
        query = (
            "SELECT body FROM incident WHERE opened_at <= ? AND (opened_at < ? OR id > ?)"
            " ORDER BY opened_at DESC, id LIMIT ?"
        )
        at, last = (before.opened_at, before.id) if before else (math.inf, "")
        return _readable(Incident, await self._all(query, at, at, last, limit))

    async def library(self, before: tuple[float, str] | None, limit: int) -> list[LibraryEntry]:
        """Return the newest incidents, those that come after the one opened at ``before`` with that id."""
        query = (
            "SELECT body, source, (SELECT body FROM verdict WHERE incident_id = incident.id ORDER BY seq DESC LIMIT 1),"
            " (SELECT json_extract(body, '$.detection.detector') FROM alert WHERE incident_id = incident.id LIMIT 1),"
            " (SELECT json_extract(body, '$.detection.event_class') FROM alert WHERE incident_id = incident.id LIMIT 1)"
            " FROM incident WHERE (opened_at, id) < (?, ?) ORDER BY opened_at DESC, id DESC LIMIT ?"
        )
        found = []
        for body, source, verdict, detector, event_class in await self._all(query, *(before or _LAST), limit):
            for incident in _readable(Incident, [(body,)]):
                concluded = _readable(Verdict, [(verdict,)]) if verdict else []
                origin = Origin.EVENT if detector == "event" else Origin.LIVE if source == "live" else Origin.REPLAY
                conclusion = str(concluded[0].conclusion) if concluded else ""
                found.append(LibraryEntry(incident, str(event_class or ""), conclusion, origin, str(source)))
        return found

    async def uninvestigated(self, source: str, limit: int) -> list[Incident]:
        """Return the newest incidents of a source without a verdict, oldest first: a run that died is run again."""
        query = (
            "SELECT body FROM incident WHERE source = ? AND id NOT IN (SELECT incident_id FROM verdict)"
            " ORDER BY updated_at DESC, id LIMIT ?"
        )
        return _readable(Incident, reversed(await self._all(query, source, limit)))

    async def recent_incidents(self, source: str, since: float) -> list[Incident]:
        """Return the incidents of a source that may still take alerts, oldest first."""
        query = "SELECT body FROM incident WHERE source = ? AND updated_at >= ? ORDER BY opened_at, id"
        return _readable(Incident, await self._all(query, source, since))

    async def alerts(self, incident_id: str) -> list[Alert]:
        """Return the alerts of an incident, oldest first."""
        query = "SELECT body FROM alert WHERE incident_id = ?"
        alerts: list[Alert] = _readable(Alert, await self._all(query, incident_id))
        return sorted(alerts, key=lambda alert: (alert.first_at, alert.id))

    async def source_of(self, incident_id: str) -> str:
        """Return where an incident was captured."""
        rows = await self._all("SELECT source FROM incident WHERE id = ?", incident_id)
        return str(rows[0][0]) if rows else ""

    async def context_of(self, incident_id: str) -> Context:
        """Return what judging an incident depended on beside its flows."""
        rows = await self._all("SELECT context FROM incident WHERE id = ?", incident_id)
        return wire.loads(Context, rows[0][0]) if rows else Context()

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

    async def trace(self, incident_id: str) -> tuple[list[TraceStep], list[str]] | None:
        """Return the steps of an incident, and its verdicts as they are stored; none where it is not stored."""
        if not await self._all("SELECT 1 FROM incident WHERE id = ?", incident_id):
            return None
        verdicts = await self._all("SELECT body FROM verdict WHERE incident_id = ? ORDER BY seq", incident_id)
        return await self._bodies(TraceStep, "step", incident_id, "seq"), [str(row[0]) for row in verdicts]

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

    async def spending(self, day: str) -> list[tuple[str, int, int, int]]:
        """Return model, tokens in, tokens out and calls of a day."""
        query = "SELECT model, tokens_in, tokens_out, calls FROM spending WHERE day = ? ORDER BY model"
        return [(str(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in await self._all(query, day)]

    async def past_incidents(self, target_ip: str, before: float, limit: int) -> list[PastIncident]:
        """Return the earlier incidents with a target that a sensor saw, newest first: anybody may report anything."""
        query = (
            "SELECT body, (SELECT body FROM verdict WHERE incident_id = incident.id ORDER BY seq DESC LIMIT 1),"
            " (SELECT json_extract(body, '$.detection.event_class') FROM alert WHERE incident_id = incident.id LIMIT 1)"
            " FROM incident WHERE target_ip = ? AND opened_at < ? AND EXISTS (SELECT 1 FROM alert"
            " WHERE incident_id = incident.id AND json_extract(body, '$.detection.detector') <> 'event')"
            " ORDER BY opened_at DESC, id LIMIT ?"
        )
        found = []
        for body, verdict, event_class in await self._all(query, target_ip, before, limit):
            for incident in _readable(Incident, [(body,)]):
                concluded = _readable(Verdict, [(verdict,)]) if verdict else []
                conclusion = str(concluded[0].conclusion) if concluded else ""
                found.append(
                    PastIncident(
                        incident.id, incident.opened_at, incident.title, incident.severity, incident.disposition,
                        conclusion, str(event_class or ""),
                    )
                )  # fmt: skip
        return found

    async def suppressions(self, since: float = 0.0) -> list[Suppression]:
        """Return the suppressions that were in force at ``since`` or later, the newest first."""
        query = (
            "SELECT body, ends_at, hits, last_hit_at FROM suppression WHERE ends_at = 0 OR ends_at >= ?"
            " ORDER BY json_extract(body, '$.added_at') DESC, id"
        )
        found = []
        for body, ends_at, hits, last_hit_at in await self._all(query, since):
            for rule in _readable(Suppression, [(body,)]):
                found.append(replace(rule, ends_at=ends_at, hits=hits, last_hit_at=last_hit_at))
        return found

    async def latest_alerts(self, limit: int) -> list[Alert]:
        """Return the alerts that were raised or repeated last, the newest first."""
        return _readable(Alert, await self._all("SELECT body FROM alert ORDER BY last_at DESC, id LIMIT ?", limit))

    async def ids(self, query: str) -> list[str]:
        """Return the ids that a query of ``engine.store.expiry`` finds."""
        return [str(row[0]) for row in await self._all(query)]

    async def flows_before(self, before: float) -> int:
        """Return how many flows ended before a time, counted to 10,000 at most."""
        query = "SELECT COUNT(*) FROM (SELECT 1 FROM flow WHERE last_seen < ? LIMIT 10000)"
        return int((await self._all(query, before))[0][0])

    async def retired(self, incident_id: str) -> tuple[float, str] | None:
        """Return when an incident was removed, and why; none where it was not."""
        rows = await self._all("SELECT at, why FROM retired WHERE incident_id = ?", incident_id)
        return (float(rows[0][0]), str(rows[0][1])) if rows else None

    async def used_bytes(self) -> int:
        """Return the bytes in use; free pages inside the file are not counted, since they are used again."""
        pragmas = [await self._all(f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")]
        pages, free, size = (int(rows[0][0]) for rows in pragmas)
        return (pages - free) * size

    async def reclaim(self, pages: int) -> None:
        """Give free pages back to the file system, as far as the database was made to."""
        await self._all(f"PRAGMA incremental_vacuum({pages:d})")

    async def flows_with(self, ip: str, limit: int) -> list[Flow]:
        """Return the latest flows with an address at either end, newest first, out of the last that ended."""
        query = (
            "SELECT body FROM (SELECT body, last_seen FROM flow ORDER BY last_seen DESC LIMIT ?)"
            " WHERE ? IN (json_extract(body, '$.five_tuple.src_ip'), json_extract(body, '$.five_tuple.dst_ip'))"
            " ORDER BY last_seen DESC LIMIT ?"
        )
        return _readable(Flow, await self._all(query, FLOWS_LOOKED_AT, ip, limit))

    async def counts(self) -> Mapping[str, int]:
        """Return how many rows each table holds."""
        tables = ("incident", "alert", "flow", "quarantine")
        return {table: int((await self._all(f"SELECT COUNT(*) FROM {table}"))[0][0]) for table in tables}  # noqa: S608 - names from the line above

    async def _bodies(self, cls: Any, table: str, incident_id: str, order: str) -> list[Any]:
        query = f"SELECT body FROM {table} WHERE incident_id = ? ORDER BY {order}"  # noqa: S608 - names from this file
        return _readable(cls, await self._all(query, incident_id))

    async def _all(self, query: str, *parameters: Any) -> list[Any]:
        if self._db is None:
            msg = "the database is not open"
            raise sqlite3.OperationalError(msg)
        return list(await self._db.execute_fetchall(query, parameters))


def _readable(cls: Any, rows: Iterable[tuple[str]]) -> list[Any]:
    """Return the values in rows; one that another version wrote, or that was damaged, is passed over."""
    values = []
    for (body,) in rows:
        try:
            values.append(wire.loads(cls, body))
        except ValueError as error:
            log.warning("a stored %s is passed over: %s", cls.__name__.lower(), error)
    return values


@asynccontextmanager
async def open_store(path: Path | None) -> AsyncIterator[Store]:
    """Open the database at ``path``, made with mode 0600 when missing; ``None`` is one that vanishes when closed.

    Raises:
        sqlite3.DatabaseError: the file is not a database, or is damaged.
        ValueError: a later version of the program wrote it.
    """
    with tempfile.TemporaryDirectory(prefix="aegis-") as folder:
        file = path or Path(folder) / "aegis.db"
        store = Store(file)
        try:
            await store.open()
            yield store
        finally:
            await store.close()


def _prepare(file: Path) -> None:
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(file, isolation_level=None, timeout=10.0)) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded where the file is new
        db.execute("PRAGMA journal_mode = WAL")
        migrate(db)


def set_aside(path: Path) -> Path:
    """Rename a damaged database and its companions out of the way, and return its new name."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    return aside
