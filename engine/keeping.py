"""Keeps what a replay came to: its incidents, put into the database as if they had been judged there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.store import database as db
from engine.store.database import open_store
from engine.stored import Stored
from engine.types import Disposition


def rows_of(stored: Stored) -> list[db.Row]:
    """Return what to write of an incident, in the place of what an earlier replay stored under its id.

    What a person made of it before stays, unless they made something else of it in this replay.
    """
    view = stored.view
    incident = view.incident
    rows = [*db.forget_incident(incident.id), db.put_incident(incident, stored.source, stored.context)]
    if incident.disposition is not Disposition.UNDETERMINED:
        rows.append(db.put_disposition(incident.id, incident.disposition))
    rows += [db.put_alert(alert) for alert in view.alerts]
    rows += [db.put_evidence(evidence) for evidence in view.evidence]
    rows += [db.put_step(step) for step in view.steps]
    rows += [db.put_proposal(proposal) for proposal in view.proposals]
    rows += [db.put_note(note) for note in view.notes]
    rows += [db.put_verdict(view.verdict)] if view.verdict is not None else []
    rows += [db.put_input(incident.id, seq, update) for seq, update in enumerate(stored.inputs)]
    rows += [db.put_recording(incident.id, recording) for recording in stored.recordings]
    return [*rows, db.put_packets(incident.id, stored.packets)] if stored.packets else rows


async def keep(database: Path, rows: Iterable[db.Row]) -> None:
    """Write rows to a database at once.

    Raises:
        OSError: it cannot be opened.
        sqlite3.Error: it is none, or damaged, or another program holds it.
    """
    async with open_store(database) as store:
        await store.write(rows)
