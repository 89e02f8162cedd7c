"""A chain of entries, each keyed to the one before: an edit, cut, deletion, reorder or forgery shows."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import stat
from pathlib import Path
from typing import NamedTuple

APPEND = "INSERT INTO audit (seq, at, kind, body, mac) VALUES (?, ?, ?, ?, ?)"
ENTRIES = "SELECT seq, at, kind, body, mac FROM audit ORDER BY seq"
SOME_ENTRIES = "SELECT seq, at, kind, body, mac FROM audit WHERE seq > ? ORDER BY seq LIMIT ? OFFSET ?"
SOME_OF_A_KIND = "SELECT seq, at, kind, body, mac FROM audit WHERE seq > ? AND kind = ? ORDER BY seq LIMIT ?"
LAST = "SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1"
PROBLEMS = 64


class Head(NamedTuple):
    """The newest entry, kept in a file beside the database so that a cut tail shows."""

    seq: int
    mac: str


START = Head(0, "")


class Key:
    """The secret that only root can read; made on first use."""

    def __init__(self, path: Path) -> None:
        self._secret = _read_private(path) if path.exists() else _write_private(path, secrets.token_bytes(32))
        if len(self._secret) != 32:
            raise PermissionError(f"refusing {path}: not a key of 32 bytes")

    def mac(self, purpose: str, *parts: object) -> str:
        """Return the code over a purpose and its parts."""
        text = json.dumps([purpose, *parts], separators=(",", ":"), default=str)
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


class Chain:
    """Appends within the ledger's transactions; ``seal`` follows the commit.

    The head is taken from memory, not from the table: rows that somebody removes while the guard
    runs leave a gap.
    """

    def __init__(self, db: sqlite3.Connection, key: Key, head_path: Path) -> None:
        self._db, self._key, self._head_path = db, key, head_path
        self._head = self._next = self._newest()
        self._sealed: Head | None = None

    def append(self, at: float, kind: str, body: str) -> None:
        """Add an entry to the open transaction."""
        seq = self._head.seq + 1
        mac = self._key.mac("audit", self._head.mac, seq, at, kind, body)
        self._db.execute(APPEND, (seq, at, kind, body, mac))
        self._next = Head(seq, mac)

    def advance(self) -> None:
        """Make the committed entry the head; the file follows with the next ``seal``."""
        self._head = self._next

    def seal(self) -> None:
        """Make the committed entry the head, in the file as well."""
        self.advance()
        if self._sealed == self._head:
            return
        sealed = {"seq": self._head.seq, "mac": self._head.mac, "key": self._key.mac("head", *self._head)}
        _write_private(self._head_path, json.dumps(sealed).encode())
        self._sealed = self._head

    def discard(self) -> None:
        """Forget an entry that was rolled back."""
        self._next = self._head

    def verify(self) -> tuple[int, list[str]]:
        """Return how many entries there are and what is wrong with them."""
        problems: list[str] = []
        count, previous = 0, START
        for seq, at, kind, body, mac in self._db.execute(ENTRIES):
            count += 1
            if seq != previous.seq + 1:
                problems.append(f"entries {previous.seq + 1} to {seq - 1} are missing")
            elif mac != self._key.mac("audit", previous.mac, seq, at, kind, body):
                problems.append(f"entry {seq} was edited, moved or forged")
            previous = Head(seq, mac)
        head, trouble = self._stored_head()
        problems += [trouble] if trouble else []
        if head.seq > previous.seq:
            problems.append(f"entries {previous.seq + 1} to {head.seq} were cut off")
        elif head.seq == previous.seq and head.mac != previous.mac:
            problems.append(f"the head does not match entry {head.seq}")
        return count, problems[:PROBLEMS]

    def entries(self, limit: int, offset: int, after: int) -> list[tuple[int, float, str, str, str]]:
        """Return entries as stored, oldest first: those after a number, less the first ``offset`` of them."""
        return list(self._db.execute(SOME_ENTRIES, (after, limit, offset)))

    def of_kind(self, kind: str, limit: int, after: int) -> list[tuple[int, float, str, str, str]]:
        """Return entries of one kind as stored, oldest first: those after a number."""
        return list(self._db.execute(SOME_OF_A_KIND, (after, kind, limit)))

    def _newest(self) -> Head:
        row = self._db.execute(LAST).fetchone()
        table = Head(*row) if row else START
        stored, _ = self._stored_head()
        return max(table, stored, key=lambda head: head.seq)

    def _stored_head(self) -> tuple[Head, str]:
        """The head file's content. A crash may leave it one entry behind, never ahead."""
        if not self._head_path.exists():
            empty = self._db.execute(LAST).fetchone() is None
            return START, "" if empty else f"{self._head_path.name} is missing"
        try:
            sealed = json.loads(_read_private(self._head_path))
            head = Head(int(sealed["seq"]), str(sealed["mac"]))
            genuine = hmac.compare_digest(str(sealed["key"]), self._key.mac("head", *head))
        except (ValueError, KeyError, TypeError):
            return START, f"{self._head_path.name} is not readable"
        return (head, "") if genuine else (START, f"{self._head_path.name} was forged")


def _read_private(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077 or not stat.S_ISREG(status.st_mode):
            raise PermissionError(f"refusing {path}: others may read or write it")
        return file.read(4096)


def _write_private(path: Path, content: bytes) -> bytes:
    """Replace the file in one step and return its content."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
    fresh.replace(path)
    return content
