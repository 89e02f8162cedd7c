"""The answer without a model: what the incident's records say, then the sentences of the knowledge that fit."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.agent.asking.intents import intents_of
from engine.agent.asking.records import told_actions, told_techniques, told_what
from engine.agent.asking.sentences import best_sentences, split, words_of
from engine.agent.asking.sources import CLAIM_CHARACTERS, Sources
from engine.agent.report.attack import attack_chain
from engine.agent.tongue import Tongue
from engine.text import escape
from engine.types import Claim, IncidentView, Passage

CLAIMS = 16
_PASSAGE_CLAIMS, _BESIDE_AN_INCIDENT = 5, 2
_EVIDENCE_CLAIMS = 5
_WORDS_SHARED = 2
_TECHNIQUES_SEARCHED = 3
_BEGINNING = 3
"""Sentences that say what a technique is, where the question names it and asks nothing else."""
_TECHNIQUE = re.compile(r"\bT\d{4}(?:\.\d{3})?\b", re.IGNORECASE | re.ASCII)


def extract(question: str, view: IncidentView | None, passages: Sequence[Passage], tongue: Tongue) -> tuple[Claim, ...]:
    """Return what is known to a question; every claim holds ids that exist."""
    told = _about_incident(question, Sources(view), tongue) if view is not None else []
    if view is None or not told:
        return tuple(_of_knowledge(question, passages))[:CLAIMS]
    intents = intents_of(question)
    asked = f"{question} mitigation" if told_actions in intents else question
    found = _quoted(asked, _fitting(view, asked, passages), _BESIDE_AN_INCIDENT)
    kept = told[: CLAIMS - len(found)]
    return tuple(dict.fromkeys([*kept, *found] if intents else [*found, *kept]))


def about(question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return the passages on the techniques that a question names, and all of them where it names none of theirs.

    A search finds something near every question; of one that names what it is about, that is what it asks for.
    """
    named = {found.upper() for found in _TECHNIQUE.findall(question)}
    return tuple(one for one in passages if one.id in named or _mentions(one, named)) or tuple(passages)


def _mentions(passage: Passage, named: set[str]) -> bool:
    return passage.id.startswith("K-") and any(one in passage.text for one in named)


def _of_knowledge(question: str, passages: Sequence[Passage]) -> list[Claim]:
    """Return the sentences that fit; where a question does no more than name techniques, how these begin."""
    rest = _TECHNIQUE.sub(" ", question)
    if rest == question or words_of(rest):
        return _quoted(rest, passages, _PASSAGE_CLAIMS)
    return [_quote(text, one) for one in passages for text in split(one.text)[:_BEGINNING]]


def _quoted(question: str, passages: Sequence[Passage], count: int) -> list[Claim]:
    found = best_sentences(question, [passage.text for passage in passages], count)
    return [_quote(one.text, passages[one.place]) for one in found]


def _quote(text: str, passage: Passage) -> Claim:
    return Claim(escape(text, limit=CLAIM_CHARACTERS), (), (escape(passage.id, limit=40),), True)


def _fitting(view: IncidentView, question: str, passages: Sequence[Passage]) -> list[Passage]:
    """Return the documents that share words with the question, and the incident's techniques where it is on those.

    Whatever else a search comes upon for words such as "was it blocked" is not about this incident.
    """
    intents = intents_of(question)
    general = not intents or told_actions in intents or told_techniques in intents
    techniques = {link.technique for link in attack_chain(view)} if general else set()
    wanted = words_of(question)
    return [
        one
        for one in passages
        if one.id in techniques or (one.id.startswith("K-") and len(words_of(one.text) & wanted) >= _WORDS_SHARED)
    ]


def subject(question: str, view: IncidentView | None) -> str:
    """Return what to search the knowledge for: the question, and with an incident what that is about."""
    if view is None:
        return question
    techniques = [link.technique for link in attack_chain(view)][:_TECHNIQUES_SEARCHED]
    return " ".join([question, view.incident.title, *techniques])


def _about_incident(question: str, sources: Sources, tongue: Tongue) -> list[Claim]:
    intents = intents_of(question)
    if intents:
        return [claim for answer in intents for claim in answer(sources, tongue)]
    return _matching(question, sources) or told_what(sources, tongue)


def _matching(question: str, sources: Sources) -> list[Claim]:
    """Return the records that share words with a question."""
    records: list[tuple[str, tuple[str, ...]]] = [(one.summary, (one.id,)) for one in sources.view.evidence]
    verdict = sources.view.verdict
    if verdict:
        records += [(one.text, one.evidence_ids) for one in verdict.claims if one.supported and one.evidence_ids]
    found = best_sentences(question, [text for text, _ in records], _EVIDENCE_CLAIMS, each=1)
    return [sources.claim(*records[one.place]) for one in found if one.score > 0]
