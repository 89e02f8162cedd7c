"""Answers to a person's questions, every line with its sources; a model's own words stand apart.

Without a model, and whenever one fails, the answer is extracted: the incident's own records and
sentences of the knowledge. Nothing in here changes anything.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ValidationError

from engine.agent.asking.extract import about, extract, subject
from engine.agent.asking.intents import intents_of
from engine.agent.asking.records import told_outcome
from engine.agent.asking.sources import Sources
from engine.agent.models import Endpoint, Session
from engine.agent.shape import TEXT, Shape, many, record
from engine.agent.tongue import Tongue
from engine.agent.verdict import PLAYBOOK, Checker, ReplyClaim, json_objects
from engine.text import escape, fence
from engine.types import Claim, IncidentView, Passage, SourcedAnswer

__all__ = ["QUESTION_CHARACTERS", "answer", "subject"]

log = logging.getLogger(__name__)

QUESTION_CHARACTERS: Final = 1_000
PASSAGES: Final = 20
"""Of the knowledge, taken into account."""

_FREE_CHARACTERS = 1_500
_TRIES = 2
_CALL_S = 60.0
_WHOLE_S = 90.0
_CLAIMS = 16
_EVIDENCE_SHOWN, _EVIDENCE_CHARACTERS = 12, 400
_PASSAGES_SHOWN, _PASSAGE_CHARACTERS = 6, 900
_CHINESE = re.compile(r"[\u3400-\u9fff]")


class Reply(BaseModel):
    """What a model answers."""

    claims: list[ReplyClaim] = []
    text: str = ""


SHAPE: Final = Shape(
    "answer",
    record(
        {
            "claims": many(record({"text": TEXT, "evidence_ids": many(TEXT), "knowledge_ids": many(TEXT)})),
            "text": TEXT,
        }
    ),
)


async def answer(
    question: str, view: IncidentView | None, passages: Sequence[Passage], endpoint: Endpoint | None, nonce: str
) -> SourcedAnswer:
    """Return what is known to a question, in its own language; an endpoint that fails is done without."""
    asked = escape(question.strip(), limit=QUESTION_CHARACTERS)
    kept = tuple(passages[:PASSAGES]) if view is not None else about(asked, passages[:PASSAGES])
    extracted = await asyncio.to_thread(extract, asked, view, kept, Tongue(language_of(asked)))
    reply = await _ask(asked, view, kept, extracted, endpoint, nonce) if endpoint is not None else None
    if endpoint is None or reply is None:
        return SourcedAnswer(asked, extracted, kept, PLAYBOOK)
    said = _checked(reply, view, kept)
    claims = (*_outcome(asked, view), *said)
    if not any(claim.supported for claim in said):
        claims = tuple(dict.fromkeys((*claims, *extracted)))
    return SourcedAnswer(asked, claims, kept, endpoint.name, escape(reply.text, limit=_FREE_CHARACTERS))


def language_of(question: str) -> str:
    """Return the language to answer in."""
    return "zh" if _CHINESE.search(question) else "en"


def _outcome(asked: str, view: IncidentView | None) -> tuple[Claim, ...]:
    """Return whether it worked where that is asked: code answers it, whatever a model makes of the question."""
    if view is None or told_outcome not in intents_of(asked):
        return ()
    return tuple(told_outcome(Sources(view), Tongue(language_of(asked))))


def _checked(reply: Reply, view: IncidentView | None, passages: Sequence[Passage]) -> tuple[Claim, ...]:
    known = {passage.id: passage for passage in passages}
    checker = Checker(Sources(view).ids if view else (), (), known.get)
    return tuple(map(checker.claim, reply.claims[:_CLAIMS]))


async def _ask(
    asked: str,
    view: IncidentView | None,
    passages: Sequence[Passage],
    extracted: Sequence[Claim],
    endpoint: Endpoint,
    nonce: str,
) -> Reply | None:
    """Return the model's reply, or None for whatever went wrong."""
    system = endpoint.prompts.text("ask", nonce=nonce)
    brief = _brief(asked, view, passages, extracted, nonce)
    async with endpoint.session(_CALL_S) as session:
        try:
            async with asyncio.timeout(_WHOLE_S):
                return await _reply(session, system, brief)
        except Exception as error:  # the agent's boundary: whatever an endpoint does, the question is answered
            log.warning("a question is answered without the model: %s", session.explain(error))
            return None


async def _reply(session: Session, system: str, brief: str) -> Reply | None:
    if reason := session.why_shut():
        log.warning("a question is answered without the model: %s", reason)
        return None
    from langchain_core.messages import HumanMessage, SystemMessage  # noqa: PLC0415 - heavy

    messages = [SystemMessage(system), HumanMessage(brief)]
    for _ in range(_TRIES):
        said = await session.ask(messages, (), SHAPE)
        try:
            return parse_reply(str(said.content))
        except ValueError as error:
            again = f"That is not usable ({error}). Reply with the JSON object only."
            messages = [*messages, said, HumanMessage(again)]
    return None


def parse_reply(text: str) -> Reply:
    """Return the reply in a model's text.

    Raises:
        ValueError: no object in it fits the schema; the message names the field.
    """
    for found in json_objects(text):
        if "claims" in found or "text" in found:
            try:
                return Reply.model_validate(found)
            except ValidationError as error:
                wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
                field = escape(".".join(map(str, wrong["loc"])), limit=60)
                raise ValueError(f"field {field}: {escape(wrong['msg'], limit=120)}") from None
    msg = "no JSON object with claims"
    raise ValueError(msg)


def _brief(
    asked: str, view: IncidentView | None, passages: Sequence[Passage], extracted: Sequence[Claim], nonce: str
) -> str:
    """Return the question, then everything that others wrote in fences with its id."""
    lines = [f"Question: {asked.replace('<<<', '< < <').replace(nonce, '[nonce]')}"]
    if view is not None:
        lines.append(f"About incident {escape(view.incident.id, limit=40)}.")
        said = "\n".join(f"- {one.text} {[*one.evidence_ids, *one.knowledge_ids]}" for one in extracted)
        lines += ["What the records say, found by the program:", fence(said, nonce, view.incident.id[:40])]
        for one in view.evidence[-_EVIDENCE_SHOWN:]:
            text = f"{one.kind}: {one.summary}\n{one.content}"
            lines.append(fence(text, nonce, f"evidence {one.id[:40]}", limit=_EVIDENCE_CHARACTERS))
    for passage in passages[:_PASSAGES_SHOWN]:
        text = f"{passage.title}\n{passage.text}"
        lines.append(fence(text, nonce, f"knowledge {passage.id[:40]}", limit=_PASSAGE_CHARACTERS))
    return "\n".join(lines)
