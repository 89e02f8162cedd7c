"""What a person granted: the allow-list, and the interfaces they kept; and how those are attached."""

from __future__ import annotations

import json
from dataclasses import asdict

from engine.guard.blocker import NFTABLES, Attached
from engine.guard.book import Book
from engine.types import Approver

PUT_ALLOWED = "INSERT INTO allowed VALUES (?, ?, ?) ON CONFLICT (prefix) DO UPDATE SET reason = ?2, expires_at = ?3"
DROP_ALLOWED = "DELETE FROM allowed WHERE prefix = ?"
SELECT_ALLOWED = "SELECT prefix, reason, expires_at FROM allowed WHERE expires_at = 0 OR expires_at > ? ORDER BY prefix"
LAPSED = "SELECT prefix FROM allowed WHERE expires_at != 0 AND expires_at <= ?"
KEEP_IFACE = "INSERT OR IGNORE INTO kept VALUES (?, ?, ?)"
PUT_ATTACHED = "INSERT OR REPLACE INTO attached VALUES (?, ?, ?, ?, ?)"
SELECT_ATTACHED = "SELECT iface, mode, egress, fallen FROM attached WHERE network = ?"
SELECT_KEPT = "SELECT iface FROM kept WHERE network = ?"


class Grants:
    """The allow-list of this host, and the interfaces of one network namespace that were kept."""

    def __init__(self, book: Book, network: str) -> None:
        self._book, self._db, self._network = book, book.db, network
        self.kept = {iface for (iface,) in self._db.execute(SELECT_KEPT, (network,))}
        """Interfaces that were attached before and proved harmless."""
        rows = self._db.execute(SELECT_ATTACHED, (network,))
        self.attached = {
            iface: Attached(mode, egress, fallen_back=tuple(json.loads(fallen))) for iface, mode, egress, fallen in rows
        }
        """How interfaces were attached last."""

    def keep(self, iface: str, at: float, why: str) -> None:
        """Remember for ever that an attachment to an interface was kept."""
        with self._book.step(at, "kept") as told:
            self._db.execute(KEEP_IFACE, (self._network, iface, at))
            told |= {"iface": iface, "by": why}
        self.kept.add(iface)

    def note_attached(self, iface: str, found: Attached) -> None:
        """Remember how an interface was attached, and what was refused before."""
        row = (self._network, iface, found.mode, found.egress, json.dumps(found.fallen_back))
        with self._book.quiet_step():
            self._db.execute(PUT_ATTACHED, row)
        self.attached[iface] = found

    def by_nftables(self) -> tuple[str, ...]:
        """Return the interfaces that nftables enforced last."""
        return tuple(iface for iface, found in self.attached.items() if found.mode == NFTABLES)

    def allow(self, prefix: str, reason: str, ttl_s: float, at: float, approver: Approver) -> None:
        """Put a prefix on the allow-list."""
        with self._book.step(at, "allow") as told:
            self._db.execute(PUT_ALLOWED, (prefix, reason, at + ttl_s if ttl_s else 0.0))
            told |= {"prefix": prefix, "reason": reason, "ttl_s": ttl_s, "approver": asdict(approver)}

    def disallow(self, prefix: str, at: float, approver: Approver) -> bool:
        """Take a prefix off the allow-list; False when it was not on it."""
        with self._book.step(at, "disallow") as told:
            found = self._db.execute(DROP_ALLOWED, (prefix,)).rowcount == 1
            told |= {"prefix": prefix, "found": found, "approver": asdict(approver)}
        return found

    def lapse(self, at: float) -> None:
        """Take what has expired off the allow-list."""
        for (prefix,) in self._db.execute(LAPSED, (at,)).fetchall():
            with self._book.step(at, "disallow") as told:
                self._db.execute(DROP_ALLOWED, (prefix,))
                told |= {"prefix": prefix, "expired": True}

    def allowed(self, at: float) -> list[tuple[str, str, float]]:
        """Return the allow-list: prefix, reason, and the wall clock of its end or 0."""
        return list(self._db.execute(SELECT_ALLOWED, (at,)))
