"""Asks a model once which class a reported event is, where the offline classifier is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.agent.asker import Asker
from engine.agent.case import Case, KnowledgeView
from engine.agent.models import classifying
from engine.agent.prompts import Prompts, event_text
from engine.agent.shape import Shape, record
from engine.agent.verdict import json_objects
from engine.text import escape
from engine.types import Fault

UNSURE = 0.6
"""Confidence of the offline classifier below which a model is asked."""


@dataclass(frozen=True, slots=True)
class Refined:
    """What asking came to."""

    case: Case
    """With the playbook of the class that was found, or as it was."""
    answers: tuple[str, ...] = ()
    """For a replay."""
    fault: Fault | None = None


def is_unsure(case: Case) -> bool:
    """Return whether the case is a reported event whose class the offline classifier did not know well."""
    scores = [alert.detection.score for alert in case.alerts if alert.detection.event is not None]
    return case.reported_only and bool(scores) and max(scores) < UNSURE


def parse_class(text: str, classes: Sequence[str]) -> str:
    """Return the class that a reply names.

    Raises:
        ValueError: it names none of ``classes``.
    """
    for found in json_objects(text):
        named = found.get("event_class")
        if isinstance(named, str) and named in classes:
            return named
    msg = "no JSON object with a known event_class"
    raise ValueError(msg)


async def refine(
    case: Case, asker: Asker, prompts: Prompts, nonce: str, knowledge: KnowledgeView, classes: Sequence[str]
) -> Refined:
    """Return the case with the playbook of the class that the model chose; any trouble leaves it as it was."""
    from langchain_core.messages import HumanMessage  # noqa: PLC0415 - heavy

    asked = [HumanMessage(event_text(case, nonce))]
    system = prompts.text("classify", nonce=nonce, classes="\n".join(_line(knowledge, one) for one in classes))
    shape = Shape("event_class", record({"event_class": {"type": "string", "enum": list(classes)}}))
    reply = await asker.first("plan", system, asked, shape)
    answers = tuple(map(classifying, asker.session.answers))
    if reply is None:
        return Refined(case, answers, asker.fault)
    try:
        playbook = knowledge.playbook(parse_class(str(reply.content), classes))
    except ValueError:
        playbook = None
    return Refined(replace(case, playbook=playbook) if playbook else case, answers)


def _line(knowledge: KnowledgeView, event_class: str) -> str:
    playbook = knowledge.playbook(event_class)
    return f"{event_class}: {escape(playbook.name, limit=80)}" if playbook else event_class
