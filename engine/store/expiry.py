"""What is removed from the database when it is old, or when room is short: the oldest first, a few at a time.

Rows are told apart by when they were stored (``rowid``), since a replay stores incidents of long ago.
"""

from __future__ import annotations

from engine.store.rows import CHILDREN, Row

FLOWS_AT_ONCE = 5000
INCIDENTS_AT_ONCE = 50
DAY_S = 86400.0

_DEPENDENT = (*CHILDREN, "decision", "note")
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


def old_incidents(before: float, now: float) -> str:
    """Return the query for the ids of incidents that nothing was added to since a time, a few of the oldest.

    What was only reported may be dated long ago: it is as old as the last step of its investigation. What a person
    decided or noted since keeps an incident as well.
    """
    return (
        f"SELECT id FROM incident WHERE {_OBSERVED} AND {_untouched(before, now)}"  # noqa: S608 - numbers
        f" ORDER BY rowid LIMIT {INCIDENTS_AT_ONCE}"
    )


def first_incidents(before: float, now: float) -> str:
    """Return the query for the ids of those stored first, but of what is watched those that nothing was added to."""
    return (
        f"SELECT id FROM incident WHERE NOT ({_OBSERVED}) OR ({_untouched(before, now)})"  # noqa: S608 - a number
        f" ORDER BY rowid LIMIT {INCIDENTS_AT_ONCE}"
    )


def _untouched(since: float, now: float) -> str:
    """Return the condition that nothing was added to an incident since a time, by the program or by a person.

    A date that is still to come is one that somebody reported, and would keep the incident for ever: it says nothing.
    """
    times = (("step", "json_extract(body, '$.at')"), ("decision", "at"), ("note", "at"))
    none = (
        f"NOT EXISTS (SELECT 1 FROM {table} WHERE incident_id = incident.id AND {at} >= {since!r})"  # noqa: S608 - names from the line above
        for table, at in times
    )
    return " AND ".join((f"updated_at NOT BETWEEN {since!r} AND {now + DAY_S!r}", *none))


def retire(incident_id: str, at: float, why: str) -> list[Row]:
    """Remove an incident with all that belongs to it, and remember that it was there."""
    rows: list[Row] = [(f"DELETE FROM {table} WHERE incident_id = ?", (incident_id,)) for table in _DEPENDENT]  # noqa: S608 - names from the constant above
    return [
        *rows,
        ("DELETE FROM incident WHERE id = ?", (incident_id,)),
        ("INSERT OR REPLACE INTO retired VALUES (?, ?, ?)", (incident_id, at, why)),
    ]
