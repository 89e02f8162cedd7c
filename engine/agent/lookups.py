"""What an investigation was given of the knowledge base, kept, and given again when its incident is replayed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from engine import wire
from engine.agent.case import KnowledgeView, PlaybookView
from engine.agent.recorded import Memory
from engine.types import Passage


class RecordingKnowledge:
    """Asks another knowledge base once for each question, and keeps the passages in a ``Memory``.

    A memory that replays has them already, so that a document added since changes no verdict. Where it has none, as
    from before they were kept, the present knowledge answers.
    """

    def __init__(self, knowledge: KnowledgeView, memory: Memory) -> None:
        self._knowledge = knowledge
        self._memory = memory

    def search(self, query: str, k: int = 5, base: str = "") -> list[Passage]:
        """Return the other's passages."""
        question = f"knowledge search {k} {json.dumps(base)} {query}"
        return self._kept(question, lambda: self._knowledge.search(query, k, base))

    def get(self, passage_id: str, /) -> Passage | None:
        """Return the other's passage."""
        found = self._kept(f"knowledge get {passage_id}", lambda: filter(None, [self._knowledge.get(passage_id)]))
        return found[0] if found else None

    def playbook(self, event_class: str, /) -> PlaybookView | None:
        """Return the other's playbook; a case brings its own, which is not kept."""
        return self._knowledge.playbook(event_class)

    def _kept(self, question: str, ask: Callable[[], Iterable[Passage]]) -> list[Passage]:
        kept = self._memory.remembered(question, lambda: wire.dumps(tuple(ask())))
        return list(ask()) if kept is None else list(wire.loads(tuple[Passage, ...], kept))
