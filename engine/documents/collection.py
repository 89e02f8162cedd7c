"""The user's documents: added, listed, removed and searched in one SQLite file."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path

from engine.documents.catalogue import Catalogue, Entry, document_id, passage_id
from engine.documents.extraction import read_apart
from engine.documents.files import Found, OpenFile, Progress, open_files, storable
from engine.documents.search import Likeness, by_words, fused
from engine.documents.splitting import split
from engine.documents.vectors import PieceVectors
from engine.documents.wanted import Embedders
from engine.reason import reason
from engine.types import Passage

DEFAULT_BASE = "default"
PIECES = 200_000
"""Of all documents; adding ends there."""

RESERVED_BASE = "attack"
"""What a search calls MITRE ATT&CK."""
LEAST = 0.05
"""Score of a passage that is worth an answer; what merely comes first among what does not fit stays below."""

_BASE = re.compile(r"[\w.-]{1,40}")


@dataclass(slots=True)
class Added:
    """What came of adding documents, by their sources."""

    new: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[tuple[str, str]] = field(default_factory=list)
    """With the source under which the same content is there already."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """With the reason."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """What was left out of a document that was added."""
    pieces: int = 0
    fault: str = ""
    """Why not every piece has a vector, where that is so."""


class Documents:
    """The collection, open. One thread after another may use it."""

    def __init__(self, db: sqlite3.Connection, embedders: Embedders, *, extensions: bool = True) -> None:
        """Take a migrated database; ``extensions`` switches off what this Python may lack anyway."""
        self._db = db
        self._catalogue = Catalogue(db)
        self._vectors = PieceVectors(db, embedders, extensions=extensions)
        self._fault = ""
        self.backend = self._vectors.backend
        """``sqlite-vec`` or ``numpy``."""
        self.endpoint = embedders.endpoint
        """Where documents and queries are embedded; None where that is done here."""
        self.entries = self._catalogue.entries
        self.bases = self._catalogue.bases
        self.lacking = self._vectors.lacking
        self.embed = self._vectors.complete

    @property
    def fault(self) -> str:
        """What is wrong at the moment, for a person; empty when all is well."""
        return self._fault or self._vectors.fault

    def tell(self, fault: str) -> None:
        """Take note of what went wrong with the file."""
        self._fault = fault

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def search(self, query: str, k: int = 5, base: str = "") -> list[Passage]:
        """Return the best passages, best first; a database that breaks answers nothing, and ``fault`` says why."""
        query = query.encode("utf-8", "replace").decode("utf-8")
        if not query.strip() or k < 1:
            return []
        try:
            ranks: list[Likeness | None] = [by_words(self._db, query, base), self._vectors.nearest(query, base)]
            scores = fused([rank for rank in ranks if rank is not None])
            best = sorted(scores, key=lambda number: (-scores[number], number))
            passages = [self._catalogue.passage(number, scores[number]) for number in best]
        except sqlite3.Error as error:
            self.tell(f"cannot search the documents: {error}")
            return []
        once = {passage.id: passage for passage in reversed(passages) if passage and passage.score >= LEAST}
        return list(reversed(once.values()))[:k]

    def get(self, passage_id: str, /) -> Passage | None:
        """Return the passage with this id, such as ``K-0123456789``."""
        try:
            return self._catalogue.passage_named(passage_id) if passage_id.startswith("K-") else None
        except (sqlite3.Error, UnicodeEncodeError):
            return None

    def add(self, path: Path, base: str = DEFAULT_BASE, progress: Progress | None = None) -> Added:
        """Add a file, or the files of a folder."""
        return self.add_files(open_files([path]), base, progress)

    def add_files(self, found: Found, base: str = DEFAULT_BASE, progress: Progress | None = None) -> Added:
        """Add files that are open, then embed what has no vector yet.

        Raises:
            ValueError: the base has no proper name.
            sqlite3.Error: the database cannot be written.
        """
        if not _BASE.fullmatch(base) or base == RESERVED_BASE:
            raise ValueError(f"a base is named with up to 40 letters, digits, '.', '_' or '-', not {base!r}")
        added = Added(skipped=list(found.skipped))
        for number, file in enumerate(found.files):
            if progress:
                progress(number, len(found.files), file.name)
            self._add_file(file, base, added)
        added.fault = self.embed(progress)
        return added

    def remove(self, what: str) -> int:
        """Remove the document with that id or source, or those of that folder, and return how many there were."""
        path = storable(Path(what).absolute())
        sources = (what, path, path.rstrip("/"))
        return self._catalogue.drop(
            [
                entry.id
                for entry in self.entries()
                if entry.id == what or entry.source in sources or entry.source.startswith(f"{path.rstrip('/')}/")
            ]
        )

    def _add_file(self, file: OpenFile, base: str, added: Added) -> None:
        try:
            content = file.read()
            digest = hashlib.sha256(content).hexdigest()
            if same := self._catalogue.same(base, file.name, digest):
                added.unchanged.append((file.name, same))
                return
            extract = read_apart(content, file.name)
            # What a document says twice under the same heading is kept once.
            pieces = list({passage_id(piece, digest): piece for piece in split(extract.sections)}.values())
            if self._catalogue.count_pieces() + len(pieces) > PIECES:
                raise ValueError(f"the documents would hold more than {PIECES:,} pieces: remove some first")
        except (ValueError, OSError) as error:
            added.skipped.append((file.name, reason(error)))
            return
        entry = Entry(
            document_id(base, file.name), base, file.name, digest, len(content), time.time(),
            extract.format, extract.encoding, "; ".join(extract.notes), len(pieces),
        )  # fmt: skip
        (added.replaced if self._catalogue.store(entry, pieces) else added.new).append(file.name)
        added.notes += [(file.name, note) for note in extract.notes]
        added.pieces += len(pieces)
