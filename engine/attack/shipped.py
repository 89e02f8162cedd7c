"""The shipped files of ATT&CK, and the database that is made from them."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.attack.grams import HAN, GramVectors
from engine.attack.signs import Signs

EMBEDDED = ("description",)
"""Kinds of chunks that have a vector of their own; ``vectors.npy`` holds these, then one centre per technique."""
CENTRE = "centre"
COLUMNS = {"name": "name", "term": "term"}
"""Kinds of chunks whose words weigh more; those of all others are the body."""
SCHEMA = """
CREATE TABLE passages (id TEXT PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL, source TEXT NOT NULL) STRICT;
CREATE TABLE chunks (id INTEGER PRIMARY KEY, passage_id TEXT NOT NULL, kind TEXT NOT NULL, vector BLOB NOT NULL) STRICT;
CREATE TABLE origin (digest TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE words USING fts5(passage_id UNINDEXED, name, term, body, tokenize='porter unicode61');
"""
ADD_PASSAGE = "INSERT INTO passages VALUES (?, ?, ?, ?)"
ADD_CHUNK = "INSERT INTO chunks VALUES (?, ?, ?, ?)"
ADD_WORDS = "INSERT INTO words VALUES (?, ?, ?, ?)"


class Shipped:
    """The files under ``knowledge/attack``, checked against the hashes of their manifest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        manifest = folder / "manifest.json"
        try:
            content = json.loads(manifest.read_bytes())
            self.version = str(content["attack_version"])
            self._hashes: Mapping[str, str] = content["files"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"cannot read the knowledge base: {manifest} is damaged") from error
        self.digest = hashlib.sha256(manifest.read_bytes()).hexdigest()

    def path(self, name: str) -> Path:
        """Return where the file lies, when it is the one the manifest names."""
        path = self._folder / name
        if hashlib.sha256(path.read_bytes()).hexdigest() != self._hashes.get(name):
            raise ValueError(f"cannot read the knowledge base: {path} differs from manifest.json")
        return path

    def grams(self) -> GramVectors:
        names = self.path("grams.txt").read_text(encoding="utf-8").splitlines()
        return GramVectors(names, np.load(self.path("grams.npy"), allow_pickle=False))

    def signs(self) -> Signs:
        return Signs(self.path("signs.tsv"))

    def open(self, path: Path | None) -> sqlite3.Connection:
        """Return a filled database; the file is a cache, so one that cannot be used is replaced."""
        if path is None:
            db = _connect(":memory:")
            self._fill(db)
            return db
        if not self._made(path):
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            fresh.unlink(missing_ok=True)
            db = _connect(str(fresh))
            self._fill(db)
            db.close()
            fresh.replace(path)
        return _connect(str(path))

    def _made(self, path: Path) -> bool:
        """Return whether the database is there and made from these files."""
        if not path.exists():
            return False
        db = _connect(str(path))
        try:
            return bool(db.execute("SELECT digest FROM origin").fetchall() == [(self.digest,)])
        except sqlite3.DatabaseError:
            return False
        finally:
            db.close()

    def _fill(self, db: sqlite3.Connection) -> None:
        content = _read_lists(
            lzma.decompress(self.path("techniques.json.xz").read_bytes()).decode(), "techniques", "chunks"
        )
        vectors = np.load(self.path("vectors.npy"), allow_pickle=False)
        embedded = [(key, kind) for key, kind, _ in content["chunks"] if kind in EMBEDDED]
        embedded += [(key, CENTRE) for key, *_ in content["techniques"]]
        db.executescript(SCHEMA)
        db.executemany(
            ADD_PASSAGE,
            (
                (key, f"{name} ({tactics})", text, f"MITRE ATT&CK v{self.version}, {url}")
                for key, name, tactics, url, text in content["techniques"]
            ),
        )
        db.executemany(
            ADD_CHUNK,
            (
                (number, key, kind, row.tobytes())
                for number, ((key, kind), row) in enumerate(zip(embedded, vectors, strict=True))
            ),
        )
        db.executemany(ADD_WORDS, _words(content["chunks"]))
        db.execute("INSERT INTO origin VALUES (?)", (self.digest,))
        db.commit()


def _read_lists(text: str, *names: str) -> dict[str, list[Any]]:
    """Return the named lists of a document without blanks: parsed as one it would hold up every other thread."""
    decode = json.JSONDecoder().raw_decode
    content: dict[str, list[Any]] = {name: [] for name in names}
    for name, members in content.items():
        at = text.index(f'"{name}":[') + len(name) + 4
        while text[at] != "]":
            member, end = decode(text, at)
            members.append(member)
            at = end + (text[end] == ",")
    return content


def _words(chunks: list[tuple[str, str, str]]) -> Iterator[tuple[str, ...]]:
    """Yield a technique's id and the words of each column."""
    texts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for key, kind, text in chunks:
        # A run of Chinese beside a Latin word would be one token with it.
        texts[key][COLUMNS.get(kind, "body")].append(HAN.sub(r" \g<0> ", text))
    for key, columns in texts.items():
        yield key, *("\n".join(columns[name]) for name in ("name", "term", "body"))


def _connect(name: str) -> sqlite3.Connection:
    """Return a connection that one thread after the other may use."""
    return sqlite3.connect(name, check_same_thread=False)
