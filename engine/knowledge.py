"""The knowledge base: MITRE ATT&CK searched by words and by meaning, and the playbooks of the event classes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import lzma
import os
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import paths
from engine.embedding import DIMENSIONS, SCALE, Embedder
from engine.types import Passage, Severity

ATTACK_ID = re.compile(r"\bT\d{4}(?:\.\d{3})?\b", re.ASCII)
POOL = 200
"""Nearest chunks looked at for each view."""
VIEWS = {"description": 0.12, "analytic": 0.15, "strategy": 0.11, "example": 0.25, "term": 0.25}
"""What a chunk says about its technique, to the weight of its likeness with the query.

Fitted on 450 names and descriptions of published detection rules, on none of the queries of the tests.
"""
WORDS_WEIGHT = 0.12
"""The weight of BM25, as a share of the best passage's. All weights add up to 1."""
COLUMNS = {
    "name": "name",
    "term": "term",
    "strategy": "body",
    "description": "body",
    "analytic": "body",
    "example": "example",
}
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by every for from has have in into is it its no not of on or other our several that the "
        "their then this to us was we were when which who with without",
    )
)
SCHEMA = """
CREATE TABLE passages (id TEXT PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL, source TEXT NOT NULL) STRICT;
CREATE TABLE chunks (id INTEGER PRIMARY KEY, passage_id TEXT NOT NULL, kind TEXT NOT NULL, vector BLOB NOT NULL) STRICT;
CREATE TABLE origin (digest TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE words USING fts5(passage_id UNINDEXED, name, term, body, example, tokenize='porter unicode61');
"""
VECTOR_TABLE = f"CREATE VIRTUAL TABLE nearest USING vec0(kind TEXT PARTITION KEY, vector INT8[{DIMENSIONS}])"
BY_WORDS = """
SELECT passage_id, -bm25(words, 0, 4, 3, 1, 1) AS weight FROM words
WHERE words MATCH ? ORDER BY weight DESC, passage_id LIMIT ?
"""
BY_MEANING = "SELECT rowid, distance FROM nearest WHERE kind = ? AND vector MATCH vec_int8(?) AND k = ?"

Nearest = list[tuple[float, int]]
"""Distance and chunk id, nearest first, equal distances by id."""


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

    def fill(self, db: sqlite3.Connection) -> None:
        """Make the tables and copy everything that is shipped into them."""
        content: dict[str, Any] = json.loads(lzma.decompress(self.path("techniques.json.xz").read_bytes()))
        vectors = np.load(self.path("vectors.npy"), allow_pickle=False)
        words: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for passage_id, kind, text in content["chunks"]:
            words[passage_id][COLUMNS[kind]].append(text)
        techniques = (
            (key, f"{name} ({tactics})", text, f"MITRE ATT&CK v{self.version}, {url}")
            for key, name, tactics, url, text in content["techniques"]
        )
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO passages VALUES (?, ?, ?, ?)", techniques)
        db.executemany(
            "INSERT INTO chunks VALUES (?, ?, ?, ?)",
            (
                (number, passage_id, kind, row.tobytes())
                for number, ((passage_id, kind, _), row) in enumerate(zip(content["chunks"], vectors, strict=True))
            ),
        )
        db.executemany(
            "INSERT INTO words VALUES (?, ?, ?, ?, ?)",
            (
                (passage_id, *("\n".join(texts[column]) for column in ("name", "term", "body", "example")))
                for passage_id, texts in words.items()
            ),
        )
        db.execute("INSERT INTO origin VALUES (?)", (self.digest,))
        db.commit()


class VectorTable:
    """Nearest chunks by the sqlite-vec extension."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'nearest'").fetchone() is None:
            db.execute(VECTOR_TABLE)
            db.execute("INSERT INTO nearest (rowid, kind, vector) SELECT id, kind, vec_int8(vector) FROM chunks")
            db.commit()

    def nearest(self, kind: str, vector: NDArray[np.int8]) -> Nearest:
        rows = self._db.execute(BY_MEANING, (kind, vector.tobytes(), POOL))
        return sorted((float(distance), int(number)) for number, distance in rows)


class VectorArray:
    """The same by comparing with every vector, for a Python whose sqlite loads no extensions."""

    def __init__(self, db: sqlite3.Connection) -> None:
        numbers: dict[str, list[int]] = defaultdict(list)
        vectors: dict[str, list[bytes]] = defaultdict(list)
        for number, kind, vector in db.execute("SELECT id, kind, vector FROM chunks ORDER BY id"):
            numbers[kind].append(number)
            vectors[kind].append(vector)
        self._numbers = {kind: np.array(found) for kind, found in numbers.items()}
        self._vectors = {
            kind: np.frombuffer(b"".join(rows), dtype=np.int8).reshape(-1, DIMENSIONS) for kind, rows in vectors.items()
        }

    def nearest(self, kind: str, vector: NDArray[np.int8]) -> Nearest:
        difference = self._vectors[kind].astype(np.float32) - vector.astype(np.float32)
        distances = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        order = np.argsort(distances, kind="stable")[:POOL]
        return [(float(distances[row]), int(self._numbers[kind][row])) for row in order]


class Knowledge:
    """Answers queries with cited passages, and event classes with playbooks."""

    backend: str
    """``sqlite-vec`` or ``numpy``; ``words only: `` and why, without the embedding model."""

    def __init__(
        self,
        database_path: Path | None = None,
        *,
        folder: Path = paths.KNOWLEDGE / "attack",
        playbooks: Path = paths.PLAYBOOKS,
        user_playbooks: Path | None = None,
        extensions: bool = True,
        embedding: bool = True,
    ) -> None:
        """Open the database, made from the shipped files when missing or older than they are.

        ``extensions`` and ``embedding`` switch off what this Python may lack anyway.
        """
        self._playbooks = read_playbooks(playbooks, user_playbooks)
        shipped = Shipped(folder)
        self._db = _open(database_path, shipped)
        self._chunk_passages = [row[0] for row in self._db.execute("SELECT passage_id FROM chunks ORDER BY id")]
        self._embedder: Embedder | None = None
        self._vectors: VectorTable | VectorArray | None = None
        try:
            if not embedding:
                raise ImportError("switched off")
            self._embedder = Embedder(shipped.path("vocab.txt"))
        except (ImportError, OSError) as error:
            self.backend = f"words only: {error}"
            return
        loaded = extensions and _load_sqlite_vec(self._db)
        self._vectors = VectorTable(self._db) if loaded else VectorArray(self._db)
        self.backend = "sqlite-vec" if loaded else "numpy"

    def search(self, query: str, k: int = 5) -> list[Passage]:
        """Return the best passages, each technique once; techniques named by id in the query come first."""
        scores = self._scores(query)
        scores.update(dict.fromkeys(ATTACK_ID.findall(query), 1.0))
        best = sorted(scores, key=lambda key: (-scores[key], key))
        found = (self.get(key, scores[key]) for key in best[: k + len(ATTACK_ID.findall(query))])
        return [passage for passage in found if passage][:k]

    def get(self, passage_id: str, score: float = 1.0) -> Passage | None:
        """Return the passage with this id, such as ``T1190``."""
        row = self._db.execute("SELECT title, text, source FROM passages WHERE id = ?", (passage_id,)).fetchone()
        if row is None:
            return None
        title, text, source = row
        return Passage(passage_id, title, text, source, round(score, 4))

    def playbook(self, event_class: str) -> Playbook | None:
        """Return the playbook of an event class, the user's own before the shipped one."""
        return self._playbooks.get(event_class)

    @property
    def event_classes(self) -> tuple[str, ...]:
        """Every class that has a playbook, in alphabetical order."""
        return tuple(sorted(self._playbooks))

    def close(self) -> None:
        self._db.close()

    def _scores(self, query: str) -> dict[str, float]:
        """Return the weighted mean, 0 to 1, of what the words and each view say for a passage."""
        scores: dict[str, float] = defaultdict(float)
        for key, share in self._by_words(query).items():
            scores[key] += WORDS_WEIGHT * share
        if self._embedder and self._vectors and query.strip():
            (vector,) = self._embedder.embed([query])
            for view, weight in VIEWS.items():
                for key, likeness in self._by_view(self._vectors.nearest(view, vector)).items():
                    scores[key] += weight * likeness
        return scores

    def _by_words(self, query: str) -> dict[str, float]:
        words = [word for word in re.findall(r"\w+", query.lower()) if word not in STOP_WORDS]
        match = " OR ".join(f'"{word}"' for word in words[:64])
        rows = self._db.execute(BY_WORDS, (match, POOL)).fetchall() if words else []
        return {key: weight / rows[0][1] for key, weight in rows}

    def _by_view(self, nearest: Nearest) -> dict[str, float]:
        """Return how much nearer each passage's nearest chunk is than the last of the pool, as a cosine."""
        farthest, _ = nearest[-1]
        likeness: dict[str, float] = {}
        for distance, number in nearest:
            likeness.setdefault(self._chunk_passages[number], (farthest**2 - distance**2) / (2 * SCALE**2))
        return likeness


def _open(path: Path | None, shipped: Shipped) -> sqlite3.Connection:
    """Return a filled database; the file is a cache, so one that cannot be used is replaced."""
    if path is None:
        db = _connect(":memory:")
        shipped.fill(db)
        return db
    if not _is_current(path, shipped):
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        db = _connect(str(fresh))
        shipped.fill(db)
        db.close()
        fresh.replace(path)
    return _connect(str(path))


def _connect(name: str) -> sqlite3.Connection:
    """Return a connection that one thread after the other may use."""
    return sqlite3.connect(name, check_same_thread=False)


def _is_current(path: Path, shipped: Shipped) -> bool:
    if not path.exists():
        return False
    db = _connect(str(path))
    try:
        return bool(db.execute("SELECT digest FROM origin").fetchall() == [(shipped.digest,)])
    except sqlite3.DatabaseError:
        return False
    finally:
        db.close()


def _load_sqlite_vec(db: sqlite3.Connection) -> bool:
    """Return whether the extension is there now; a Python built without extensions has no such method."""
    if not hasattr(db, "enable_load_extension") or importlib.util.find_spec("sqlite_vec") is None:
        return False
    import sqlite_vec  # noqa: PLC0415 - optional

    db.enable_load_extension(True)
    try:
        sqlite_vec.load(db)
    except sqlite3.OperationalError:
        return False
    finally:
        db.enable_load_extension(False)
    return True


# --- playbooks ------------------------------------------------------------------------------


class PlaybookStep(NamedTuple):
    """One step of an investigation."""

    tool: str
    """The name of the tool that does it, or empty where a person has to."""
    text: str


@dataclass(frozen=True, slots=True)
class Playbook:
    """How to investigate one class of event."""

    id: str
    event_class: str
    name: str
    name_zh: str
    attack_ids: tuple[str, ...]
    tools: tuple[str, ...]
    severity: Severity
    block: bool
    """Whether blocking the attacker is a sensible proposal for this class."""
    steps: tuple[PlaybookStep, ...]
    criteria: tuple[str, ...]
    actions: tuple[str, ...]


FIELDS = ("id", "class", "name", "name_zh", "attack", "tools", "severity", "block")
SECTIONS = ("Steps", "Verdict criteria", "Actions")


def read_playbooks(folder: Path, user_folder: Path | None = None) -> dict[str, Playbook]:
    """Return the playbooks by event class; a user's own replaces the shipped one."""
    own = sorted(user_folder.glob("*.md")) if user_folder and user_folder.is_dir() else []
    for path in own:
        if path.stat().st_mode & 0o022:
            raise PermissionError(f"cannot use the playbook {path}: others may write to it")
    books = [parse_playbook(path) for path in (*sorted(folder.glob("*.md")), *own)]
    return {book.event_class: book for book in books}


def parse_playbook(path: Path) -> Playbook:
    """Return the playbook in a file; raises ValueError with the path and what is wrong."""
    _, front, body = [*path.read_text(encoding="utf-8").split("---\n", 2), "", ""][:3]
    fields = dict(_field(line, path) for line in front.splitlines() if line.strip())
    parts = re.split(r"^## (.+)$", body, flags=re.MULTILINE)
    sections = {title.strip(): _items(text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}
    missing = [name for name in FIELDS if name not in fields] + [name for name in SECTIONS if not sections.get(name)]
    if missing:
        raise ValueError(f"cannot use the playbook {path}: {', '.join(missing)} missing or empty")
    if fields["block"] not in ("yes", "no") or fields["severity"] not in set(Severity):
        raise ValueError(f"cannot use the playbook {path}: block is yes or no, severity {', '.join(Severity)}")
    return Playbook(
        id=fields["id"],
        event_class=fields["class"],
        name=fields["name"],
        name_zh=fields["name_zh"],
        attack_ids=_names(fields["attack"]),
        tools=_names(fields["tools"]),
        severity=Severity(fields["severity"]),
        block=fields["block"] == "yes",
        steps=tuple(_step(text) for text in sections["Steps"]),
        criteria=sections["Verdict criteria"],
        actions=sections["Actions"],
    )


def _field(line: str, path: Path) -> tuple[str, str]:
    key, colon, value = line.partition(":")
    if not colon:
        raise ValueError(f"cannot use the playbook {path}: {line!r} is not key: value")
    return key.strip(), value.strip()


def _names(value: str) -> tuple[str, ...]:
    """Return the names in ``[a, b]``."""
    return tuple(name.strip() for name in value.strip("[]").split(",") if name.strip())


def _items(text: str) -> tuple[str, ...]:
    """Return the list items of a section; a line that is none goes on with the item before it."""
    items: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        item = re.sub(r"^(\d+\.|-) ", "", line)
        if item != line or not items:
            items.append(item)
        else:
            items[-1] = f"{items[-1]} {line}"
    return tuple(items)


def _step(text: str) -> PlaybookStep:
    match = re.match(r"`(\w+)`:? *(.*)", text)
    return PlaybookStep(match[1], match[2]) if match else PlaybookStep("", text)
