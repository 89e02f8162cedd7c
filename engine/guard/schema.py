"""The tables of the guard's database, one migration after another; an old one is never edited."""

from __future__ import annotations

import sqlite3
from ipaddress import ip_network

HOST_NETWORK = "host"
SIGNED = (
    "entry_id, prefix, ttl_s, expires_at, boot_id, deadline_ns, proposal_id, incident_id, reason, approver, added_at,"
    " ifaces, network, remaining_s, trial_ns"
)
"""The columns of a block that its code covers, in this order."""


def m001_first_tables(db: sqlite3.Connection) -> None:
    """Proposals, decisions, blocks, allow-list and audit chain."""
    for statement in (
        "CREATE TABLE proposals (id INTEGER PRIMARY KEY AUTOINCREMENT, terms TEXT NOT NULL, mac TEXT NOT NULL,"
        " reason TEXT NOT NULL, handshake INTEGER NOT NULL, reported_only INTEGER NOT NULL,"
        " created_at REAL NOT NULL, expires_at REAL NOT NULL, boot_id TEXT NOT NULL, deadline_ns INTEGER NOT NULL,"
        " state TEXT NOT NULL, warnings TEXT NOT NULL, typed INTEGER NOT NULL) STRICT",
        "CREATE INDEX proposals_by_state ON proposals (state)",
        "CREATE TABLE decisions (proposal_id INTEGER PRIMARY KEY REFERENCES proposals (id) ON DELETE CASCADE,"
        " decision TEXT NOT NULL, at REAL NOT NULL, uid INTEGER NOT NULL, login_uid INTEGER NOT NULL,"
        " tty TEXT NOT NULL, ssh_peer TEXT NOT NULL, command TEXT NOT NULL) STRICT",
        "CREATE TABLE blocks (entry_id INTEGER PRIMARY KEY AUTOINCREMENT, prefix TEXT NOT NULL UNIQUE,"
        " ttl_s REAL NOT NULL, expires_at REAL NOT NULL, boot_id TEXT NOT NULL, deadline_ns INTEGER NOT NULL,"
        " proposal_id TEXT NOT NULL, incident_id TEXT NOT NULL, reason TEXT NOT NULL, approver TEXT NOT NULL,"
        " added_at REAL NOT NULL) STRICT",
        "CREATE TABLE allowed (prefix TEXT PRIMARY KEY, reason TEXT NOT NULL, expires_at REAL NOT NULL) STRICT",
        "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,"
        " mac TEXT NOT NULL) STRICT",
    ):
        db.execute(statement)


def m002_bind_blocks_to_interfaces(db: sqlite3.Connection) -> None:
    """A block carries what its approval named; a proposal says who asked."""
    for statement in (
        "ALTER TABLE proposals ADD COLUMN asker TEXT NOT NULL DEFAULT 'engine'",
        "ALTER TABLE blocks ADD COLUMN ifaces TEXT NOT NULL DEFAULT '[]'",
        f"ALTER TABLE blocks ADD COLUMN network TEXT NOT NULL DEFAULT '{HOST_NETWORK}'",
        "ALTER TABLE blocks ADD COLUMN remaining_s REAL NOT NULL DEFAULT 0",
        "UPDATE blocks SET remaining_s = ttl_s, ifaces = COALESCE((SELECT json_extract(terms, '$.ifaces')"
        " FROM proposals WHERE 'P-' || proposals.id = blocks.proposal_id), '[]')",
    ):
        db.execute(statement)


def m003_lists_trials_and_memory(db: sqlite3.Connection) -> None:
    """Lists of targets, blocks and interfaces on trial, and what ended."""
    for statement in (
        "ALTER TABLE proposals ADD COLUMN asked TEXT NOT NULL DEFAULT ''",
        "UPDATE proposals SET asked = terms",
        "ALTER TABLE proposals ADD COLUMN prior INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE proposals ADD COLUMN listed TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE targets (proposal_id INTEGER NOT NULL REFERENCES proposals (id) ON DELETE CASCADE,"
        " prefix TEXT NOT NULL, PRIMARY KEY (proposal_id, prefix)) STRICT, WITHOUT ROWID",
        "ALTER TABLE blocks ADD COLUMN trial_ns INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE blocks ADD COLUMN first TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE blocks ADD COLUMN last TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE ended (id INTEGER PRIMARY KEY, entry_id INTEGER NOT NULL, prefix TEXT NOT NULL,"
        " ttl_s REAL NOT NULL, proposal_id TEXT NOT NULL, incident_id TEXT NOT NULL, reason TEXT NOT NULL,"
        " approver TEXT NOT NULL, added_at REAL NOT NULL, ifaces TEXT NOT NULL, ended_at REAL NOT NULL,"
        " why TEXT NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL, out_packets INTEGER NOT NULL,"
        " out_bytes INTEGER NOT NULL, last_hit_at REAL NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL) STRICT",
        "CREATE INDEX ended_by_first ON ended (first)",
        "CREATE INDEX blocks_by_first ON blocks (first)",
        "CREATE TABLE seen (boot_id TEXT PRIMARY KEY, boot_ns INTEGER NOT NULL) STRICT",
        "CREATE TABLE kept (network TEXT NOT NULL, iface TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (network, iface))"
        " STRICT",
        "INSERT OR IGNORE INTO kept SELECT blocks.network, value, added_at FROM blocks, json_each(blocks.ifaces)",
    ):
        db.execute(statement)
    for entry_id, prefix in db.execute("SELECT entry_id, prefix FROM blocks").fetchall():
        db.execute("UPDATE blocks SET first = ?, last = ? WHERE entry_id = ?", (*span(prefix), entry_id))


def m004_signed_blocks_and_attachments(db: sqlite3.Connection) -> None:
    """A block carries a code over what was approved; how an interface was attached is remembered."""
    for statement in (
        "ALTER TABLE blocks ADD COLUMN mac TEXT NOT NULL DEFAULT ''",
        f"UPDATE blocks SET mac = signed({SIGNED})",  # noqa: S608 - fixed columns
        "CREATE TABLE attached (network TEXT NOT NULL, iface TEXT NOT NULL, mode TEXT NOT NULL, egress TEXT NOT NULL,"
        " fallen TEXT NOT NULL, PRIMARY KEY (network, iface)) STRICT",
    ):
        db.execute(statement)


def span(prefix: str) -> tuple[str, str]:
    """Return the first and the last address of a prefix as texts that sort like addresses, IPv4 before IPv6."""
    network = ip_network(prefix)
    first = int(network.network_address)
    return f"{network.version}{first:032x}", f"{network.version}{first + network.num_addresses - 1:032x}"


MIGRATIONS = (
    m001_first_tables,
    m002_bind_blocks_to_interfaces,
    m003_lists_trials_and_memory,
    m004_signed_blocks_and_attachments,
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables up to date; raises ``PermissionError`` when a later program made them.

    The connection has a function ``signed``, which returns the code over the columns of a block.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise PermissionError(f"guard.db is of version {version}, newer than this program")
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        db.execute("BEGIN IMMEDIATE")
        migration(db)
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")
