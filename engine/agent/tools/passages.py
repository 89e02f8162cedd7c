"""The tool that looks into the knowledge base; its subject is the passages."""

from __future__ import annotations

from engine.agent.evidence import canonical
from engine.agent.tools.answer import Answer, Result
from engine.agent.tools.catalogue import QueryArguments
from engine.agent.tools.inquiry import Inquiry
from engine.text import escape, fence
from engine.types import Passage

PASSAGES = 3
PASSAGE_CHARACTERS = 360


def search(inquiry: Inquiry, arguments: QueryArguments) -> Answer:
    """Return the passages nearest to a query, each with its id."""
    found = inquiry.knowledge.search(arguments.query, PASSAGES)[:PASSAGES]
    text = "\n".join(_shown(passage, inquiry.nonce) for passage in found)
    return Answer("search_knowledge", Result.ANSWERED, text or "nothing found", None, tuple(found))


def _shown(passage: Passage, nonce: str) -> str:
    body = canonical({"title": passage.title, "text": escape(passage.text, limit=PASSAGE_CHARACTERS)})
    return f"knowledge {escape(passage.id, limit=40)}\n{fence(body, nonce, passage.id[:40])}"
