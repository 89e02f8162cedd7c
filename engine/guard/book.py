"""The guard's database file: every change is one transaction together with its audit entry."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.guard import fields, schema
from engine.guard.audit import Chain, Key
from engine.newfile import found_or_made

SAMPLE = 16
"""Prefixes that an audit entry over many names, beside their number and digest."""


class Book:
    """Opens, migrates and writes ``guard.db``, with the audit chain beside it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "guard.db"
        found_or_made(path)
        path.chmod(0o600)
        self.key = Key(folder / "audit.key")
        self.db = sqlite3.connect(path, isolation_level=None, timeout=5)
        self.db.create_function("signed", -1, self.signed)
        try:
            self.db.execute("PRAGMA foreign_keys = ON")
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            schema.migrate(self.db)
        except sqlite3.DatabaseError as error:
            raise type(error)(f"{path.name}: {error}; blocks in the kernel stay in force") from None
        self.chain = Chain(self.db, self.key, folder / "audit.head")

    def signed(self, *columns: object) -> str:
        """Return the code over the columns ``schema.SIGNED`` of a block."""
        return self.key.mac("block", *columns)

    @contextmanager
    def step(self, at: float, kind: str, *, urgent: bool = False) -> Iterator[dict[str, object]]:
        """One transaction; the body puts what happened into the dictionary.

        After an ``urgent`` one the caller does what cannot wait, and then seals the chain.
        """
        told: dict[str, object] = {}
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield told
            self.chain.append(at, kind, json.dumps(told, sort_keys=True, ensure_ascii=False))
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self.chain.discard()
            raise
        if urgent:
            self.chain.advance()
        else:
            self.chain.seal()

    @contextmanager
    def quiet_step(self) -> Iterator[None]:
        """One transaction that tells nobody: bookkeeping which changes no order."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    def note(self, at: float, kind: str, **told: object) -> None:
        """Put something that happened into the audit chain."""
        with self.step(at, kind) as step:
            step.update(told)

    def close(self) -> None:
        """Close the database."""
        self.db.close()


def summed(prefixes: Iterable[str]) -> dict[str, object]:
    """Return what an audit entry tells of one prefix, or of many: their number, digest and the first of them."""
    found = sorted(prefixes)
    if len(found) == 1:
        return {"prefix": found[0]}
    return {"count": len(found), "digest": fields.list_digest(found), "prefixes": found[:SAMPLE]}
