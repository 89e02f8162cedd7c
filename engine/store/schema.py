"""The engine's tables, as numbered migrations: a database is brought forward one step at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

_TABLES = """
CREATE TABLE incident (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, target_ip TEXT NOT NULL, opened_at REAL NOT NULL,
    updated_at REAL NOT NULL, severity TEXT NOT NULL, context TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX incident_by_time ON incident (opened_at);
CREATE TABLE alert (
    id TEXT PRIMARY KEY, incident_id TEXT NOT NULL, last_at REAL NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX alert_by_incident ON alert (incident_id);
CREATE INDEX alert_by_time ON alert (last_at);
CREATE TABLE evidence (
    incident_id TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (incident_id, id)) STRICT, WITHOUT ROWID;
CREATE TABLE step (
    incident_id TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (incident_id, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE verdict (
    incident_id TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (incident_id, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE proposal (
    id TEXT PRIMARY KEY, incident_id TEXT NOT NULL, created_at REAL NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX proposal_by_incident ON proposal (incident_id);
CREATE TABLE decision (
    number INTEGER PRIMARY KEY, incident_id TEXT NOT NULL, at REAL NOT NULL, line TEXT NOT NULL) STRICT;
CREATE INDEX decision_by_incident ON decision (incident_id);
CREATE TABLE input (
    incident_id TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (incident_id, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE packets (
    incident_id TEXT PRIMARY KEY, pcap BLOB NOT NULL) STRICT;
CREATE TABLE recording (
    incident_id TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (incident_id, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE flow (
    source TEXT NOT NULL, id TEXT NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (source, id, first_seen)) STRICT, WITHOUT ROWID;
CREATE INDEX flow_by_time ON flow (last_seen);
CREATE TABLE fault (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL,
    item TEXT NOT NULL) STRICT;
"""


def m001_create_tables(db: sqlite3.Connection) -> None:
    """Create the first set of tables."""
    for statement in _TABLES.split(";"):
        db.execute(statement)


def m002_count_spending(db: sqlite3.Connection) -> None:
    """Create the table of what the endpoints were asked each day."""
    db.execute(
        "CREATE TABLE spending (day TEXT NOT NULL, model TEXT NOT NULL, tokens_in INTEGER NOT NULL,"
        " tokens_out INTEGER NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (day, model)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX incident_by_target ON incident (target_ip, opened_at)")


def m003_keep_suppressions_and_notes(db: sqlite3.Connection) -> None:
    """Create the tables of what persons set aside, and of what they wrote beside incidents."""
    db.execute(
        "CREATE TABLE suppression (id TEXT PRIMARY KEY, ends_at REAL NOT NULL, hits INTEGER NOT NULL,"
        " last_hit_at REAL NOT NULL, body TEXT NOT NULL) STRICT"
    )
    db.execute(
        "CREATE TABLE note (number INTEGER PRIMARY KEY, incident_id TEXT NOT NULL, at REAL NOT NULL,"
        " body TEXT NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX note_by_incident ON note (incident_id)")


def m004_remember_what_was_retired(db: sqlite3.Connection) -> None:
    """Create the table of incidents that were removed for their age, or for want of room."""
    db.execute("CREATE TABLE retired (incident_id TEXT PRIMARY KEY, at REAL NOT NULL, why TEXT NOT NULL) STRICT")


def m005_mark_runs(db: sqlite3.Connection) -> None:
    """Create the table of the last run of each source: one that came to no end has none."""
    db.execute("CREATE TABLE run (source TEXT PRIMARY KEY, began_at REAL NOT NULL, ended_at REAL NOT NULL) STRICT")


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [
    m001_create_tables,
    m002_count_spending,
    m003_keep_suppressions_and_notes,
    m004_remember_what_was_retired,
    m005_mark_runs,
]
"""Appended to, never edited: a database's ``user_version`` is how many of these it has had."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring a database forward.

    Raises:
        ValueError: the database was written by a later version of the program.
    """
    if _layout(db) == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    # Asked again where nobody else writes: another program may have brought the database forward meanwhile.
    for migration in MIGRATIONS[_layout(db) :]:
        migration(db)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS):d}")
    db.execute("COMMIT")


def _layout(db: sqlite3.Connection) -> int:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        msg = f"the database has layout {version}, this program knows {len(MIGRATIONS)}: use a newer aegis-tui"
        raise ValueError(msg)
    return version
