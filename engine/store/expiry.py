"""What is removed from the database when it is old, or when room is short: the oldest first, a few at a time.

Rows are told apart by when they were stored (``rowid``), since a replay stores incidents of long ago.
"""

from __future__ import annotations

from engine.store.database import Row

FLOWS_AT_ONCE = 5000
INCIDENTS_AT_ONCE = 50
DAY_S = 86400.0

_DEPENDENT = ("step", "verdict", "input", "recording", "evidence", "alert", "proposal", "packets", "decision", "note")
_OBSERVED = "source IN ('live', 'events')"
"""Of these the times are those of the wall clock, or of a report."""


def old_flows(before: float) -> Row:
    """Remove flows that ended before a time."""
    query = (
        "DELETE FROM flow WHERE (source, id, first_seen) IN"
        " (SELECT source, id, first_seen FROM flow WHERE last_seen < ? ORDER BY last_seen LIMIT ?)"
    )
    return query, (before, FLOWS_AT_ONCE)


def old_records(before: float) -> list[Row]:
    """Remove what broke a stage, faults and the spending of days before a time."""
    return [
        ("DELETE FROM quarantine WHERE at < ?", (before,)),
        ("DELETE FROM fault WHERE at < ?", (before,)),
        ("DELETE FROM spending WHERE day < date(?, 'unixepoch')", (before,)),
        ("DELETE FROM suppression WHERE ends_at > 0 AND ends_at < ?", (before,)),
    ]


def old_incidents(before: float) -> str:
    """Return the query for the ids of incidents that nothing was added to since a time, a few of the oldest.

    What was only reported may be dated long ago: it is as old as the last step of its investigation.
    """
    return (
        f"SELECT id FROM incident WHERE {_OBSERVED} AND updated_at < {before!r} AND COALESCE((SELECT"  # noqa: S608 - a number
        f" MAX(json_extract(body, '$.at')) FROM step WHERE incident_id = incident.id), 0) < {before!r}"
        f" ORDER BY rowid LIMIT {INCIDENTS_AT_ONCE}"
    )


def first_incidents(before: float) -> str:
    """Return the query for the ids of those stored first, but of what is watched those of lately."""
    return (
        f"SELECT id FROM incident WHERE NOT ({_OBSERVED}) OR updated_at < {before!r}"  # noqa: S608 - a number
        f" ORDER BY rowid LIMIT {INCIDENTS_AT_ONCE}"
    )


def retire(incident_id: str, at: float, why: str) -> list[Row]:
    """Remove an incident with all that belongs to it, and remember that it was there."""
    rows: list[Row] = [(f"DELETE FROM {table} WHERE incident_id = ?", (incident_id,)) for table in _DEPENDENT]  # noqa: S608 - names from the constant above
    return [
        *rows,
        ("DELETE FROM incident WHERE id = ?", (incident_id,)),
        ("INSERT OR REPLACE INTO retired VALUES (?, ?, ?)", (incident_id, at, why)),
    ]
