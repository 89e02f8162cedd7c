"""Keeps what a replay came to: its incidents, put into the database as if they had been judged there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.store.database import open_store
from engine.store.rows import (
    Row,
    forget_incident,
    put_alert,
    put_disposition,
    put_evidence,
    put_incident,
    put_input,
    put_note,
    put_packets,
    put_proposal,
    put_recording,
    put_step,
    put_verdict,
)
from engine.stored import Stored
from engine.types import Disposition

NAMED = 3
"""Incidents named in a sentence."""


def rows_of(stored: Stored) -> list[Row]:
    """Return what to write of an incident, in the place of what an earlier replay stored under its id.

    What a person made of it before stays, unless they made something else of it in this replay.
    """
    view = stored.view
    incident = view.incident
    rows = [*forget_incident(incident.id), put_incident(incident, stored.source, stored.context)]
    if incident.disposition is not Disposition.UNDETERMINED:
        rows.append(put_disposition(incident.id, incident.disposition))
    rows += [put_alert(alert) for alert in view.alerts]
    rows += [put_evidence(evidence) for evidence in view.evidence]
    rows += [put_step(step) for step in view.steps]
    rows += [put_proposal(proposal) for proposal in view.proposals]
    rows += [put_note(note) for note in view.notes]
    rows += [put_verdict(view.verdict)] if view.verdict is not None else []
    rows += [put_input(incident.id, seq, update) for seq, update in enumerate(stored.inputs)]
    rows += [put_recording(incident.id, recording) for recording in stored.recordings]
    return [*rows, put_packets(incident.id, stored.packets)] if stored.packets else rows


async def keep_found(database: Path, found: Iterable[Stored]) -> dict[str, str]:
    """Write what a replay came to, and return what was left as it is stored: by id, and which source it is from.

    An id comes from what was seen, so the packets of an incident, exported and replayed, raise the same one with less
    beside it: what another source came to is never replaced.

    Raises:
        OSError: the database cannot be opened.
        sqlite3.Error: it is none, or damaged, or another program holds it.
    """
    left: dict[str, str] = {}
    async with open_store(database) as store:
        for stored in found:
            others = await store.of_other_sources(stored.source)
            if stored.id in others:
                left[stored.id] = others[stored.id]
            else:
                await store.write(rows_of(stored))
    return left


def left_as_stored(left: Mapping[str, str]) -> str:
    """Return in one sentence which incidents a replay left as they are stored; empty where it left none."""
    if not left:
        return ""
    named = ", ".join(f"{incident_id} (from {source})" for incident_id, source in sorted(left.items())[:NAMED])
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    stay = "is stored already and stays as it is" if len(left) == 1 else "are stored already and stay as they are"
    return f"{named}{more} {stay}: a replay replaces only what the same source gave"


async def keep(database: Path, rows: Iterable[Row]) -> None:
    """Write rows to a database at once.

    Raises:
        OSError: it cannot be opened.
        sqlite3.Error: it is none, or damaged, or another program holds it.
    """
    async with open_store(database) as store:
        await store.write(rows)
