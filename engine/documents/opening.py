"""Opens the database of the user's documents, or a new one in place of one that is damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from engine.config import Settings
from engine.documents.collection import Documents
from engine.documents.endpoint import Account
from engine.documents.schema import migrate
from engine.documents.wanted import Embedders
from engine.embedding import Embedder
from engine.newfile import found_or_made
from engine.store.connection import set_aside

NAME = "documents.db"
"""Of the file, in the folder of the engine's own database."""
BUSY_S = 5.0
"""How long a write waits for another program's."""


def open_documents(
    path: Path | None,
    settings: Settings,
    *,
    shipped: Embedder | None = None,
    account: Account | None = None,
    extensions: bool = True,
) -> Documents:
    """Open the database at ``path``, or one in memory for ``None``.

    One that is damaged is put aside, and ``Documents.fault`` says so. ``shipped`` is the model of the knowledge base
    where it is loaded already; ``account`` counts what an endpoint is sent.

    Raises:
        ValueError: a later version of the program wrote it.
        OSError, sqlite3.OperationalError: it cannot be opened or made.
    """
    embedders = Embedders(settings, shipped, account)
    try:
        return _open(path, embedders, extensions)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        if path is None:
            raise
        aside = set_aside(path)
        documents = _open(path, embedders, extensions)
        documents.tell(f"{path} was damaged ({error}) and is now {aside.name}: add the documents again")
        return documents


def _open(path: Path | None, embedders: Embedders, extensions: bool) -> Documents:
    if path is not None:
        found_or_made(path)
    db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=BUSY_S)
    try:
        ((state,),) = db.execute("PRAGMA quick_check(1)")
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        migrate(db)
    except BaseException:
        db.close()
        raise
    return Documents(db, embedders, extensions=extensions)
