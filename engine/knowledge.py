"""The knowledge base: MITRE ATT&CK, the user's documents, and the playbooks of the event classes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from engine import paths
from engine.attack.index import AttackIndex
from engine.embedding import Embedder
from engine.playbooks import Playbook, read_playbooks
from engine.types import Passage

ATTACK_BASE = "attack"
"""The name of the collection that is ATT&CK."""
NO_ATTACK = "without ATT&CK"
DOCUMENTS_SHARE = 0.4
"""The most of an answer that documents take from ATT&CK: two of five passages."""


class DocumentsView(Protocol):
    """The user's documents, read only."""

    def search(self, query: str, k: int, base: str = "") -> list[Passage]:
        """Return the passages nearest to ``query``, best first; ``base`` names one collection of documents."""
        ...

    def get(self, passage_id: str, /) -> Passage | None:
        """Return the passage with that id."""
        ...


class Knowledge:
    """Answers queries with cited passages, and event classes with playbooks."""

    documents: DocumentsView | None
    """May be set later: who opens the documents may want ``embedder``."""

    def __init__(
        self,
        database_path: Path | None = None,
        *,
        folder: Path = paths.KNOWLEDGE / "attack",
        playbooks: Path = paths.PLAYBOOKS,
        user_playbooks: Path | None = None,
        documents: DocumentsView | None = None,
        attack: bool = True,
        extensions: bool = True,
        embedding: bool = True,
    ) -> None:
        """Open ATT&CK's database, made from the shipped files when missing or older than they are.

        ``attack`` leaves ATT&CK out, where it cannot be had: playbooks and documents are there without it.
        ``extensions`` and ``embedding`` switch off what this Python may lack anyway.
        """
        self._playbooks = read_playbooks(playbooks, user_playbooks)
        self._attack = (
            AttackIndex(folder, database_path, extensions=extensions, embedding=embedding) if attack else None
        )
        self.documents = documents

    @property
    def backend(self) -> str:
        """``sqlite-vec`` or ``numpy``; ``words only: `` and why, without the embedding model."""
        return self._attack.backend if self._attack else NO_ATTACK

    @property
    def embedder(self) -> Embedder | None:
        """The shipped embedding model, for documents that no endpoint embeds."""
        return self._attack.embedder if self._attack else None

    def search(self, query: str, k: int = 5, base: str = "") -> list[Passage]:
        """Return the best passages, each technique once; ``base`` is ``attack`` or a collection of documents."""
        attack = self._attack.search(query, k) if self._attack and base in ("", ATTACK_BASE) else []
        if base == ATTACK_BASE:
            return attack
        documents = self.documents.search(query, k, base) if self.documents else []
        return documents[:k] if base else _merged(attack, documents, k)

    def get(self, passage_id: str, /) -> Passage | None:
        """Return the passage with this id, such as ``T1190``."""
        found = self._attack.get(passage_id) if self._attack else None
        return found if found or self.documents is None else self.documents.get(passage_id)

    def playbook(self, event_class: str, /) -> Playbook | None:
        """Return the playbook of an event class, the user's own before the shipped one."""
        return self._playbooks.get(event_class)

    @property
    def event_classes(self) -> tuple[str, ...]:
        """Every class that has a playbook, in alphabetical order."""
        return tuple(sorted(self._playbooks))

    def close(self) -> None:
        if self._attack:
            self._attack.close()


def _merged(attack: list[Passage], documents: list[Passage], k: int) -> list[Passage]:
    """Return the best of both by score; of documents at most their share, so that they never crowd ATT&CK out."""
    share = max(1, int(k * DOCUMENTS_SHARE)) if attack else k
    return sorted(attack + documents[:share], key=lambda passage: -passage.score)[:k]
