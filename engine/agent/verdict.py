"""From a reply, a model's or the playbook analyst's, to a verdict that code has checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from engine.agent.case import Case
from engine.agent.evidence import alert_evidence, ranked
from engine.agent.judgement import Judgement
from engine.agent.shape import TEXT, Shape, many, record
from engine.text import escape
from engine.types import Claim, Conclusion, Disposition, Passage, Severity, Verdict

PLAYBOOK = "playbook"
"""The analyst's name when no model took part in the verdict."""

_CLAIMS = 24
_LINES = 16
_LINE_CHARACTERS = 400
_SUMMARY_CHARACTERS = 1500
_IDS = 16
_KNOWLEDGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}\Z", re.ASCII)
_ATTACK_ID = re.compile(r"T[0-9]{4}(\.[0-9]{3})?\Z", re.ASCII)


class ReplyClaim(BaseModel):
    """One statement, and the ids it rests on."""

    text: str = Field(min_length=1)
    evidence_ids: list[str] = []
    knowledge_ids: list[str] = []


class Reply(BaseModel):
    """What an analyst answers when asked for a verdict."""

    conclusion: Conclusion
    severity: Severity
    disposition: Disposition = Disposition.UNDETERMINED
    attack_ids: list[str] = []
    claims: list[ReplyClaim] = []
    not_done: list[str] = []
    actions: list[str] = []
    summary: str = ""
    ask_block: bool = False


SHAPE = Shape(
    "verdict",
    record(
        {
            "conclusion": {"type": "string", "enum": list(map(str, Conclusion))},
            "severity": {"type": "string", "enum": list(map(str, Severity))},
            "disposition": {"type": "string", "enum": list(map(str, Disposition))},
            "attack_ids": many(TEXT),
            "claims": many(record({"text": TEXT, "evidence_ids": many(TEXT), "knowledge_ids": many(TEXT)})),
            "not_done": many(TEXT),
            "actions": many(TEXT),
            "ask_block": {"type": "boolean"},
            "summary": TEXT,
        }
    ),
)


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the outermost JSON objects in a text, whatever stands around them."""
    decoder = json.JSONDecoder()
    start, tries = text.find("{"), 0
    while start >= 0 and tries < 32:
        tries += 1
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if isinstance(found, dict):
                yield found
        start = text.find("{", end)


def parse_reply(text: str) -> Reply:
    """Return the reply in a model's text.

    Raises:
        ValueError: no object in it fits the schema; the message names the field.
    """
    for found in json_objects(text):
        if "conclusion" in found:
            try:
                return Reply.model_validate(found)
            except ValidationError as error:
                wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
                field = escape(".".join(map(str, wrong["loc"])), limit=60)
                msg = f"field {field}: {escape(wrong['msg'], limit=120)}"
                raise ValueError(msg) from None
    msg = "no JSON object with a conclusion"
    raise ValueError(msg)


class Checker:
    """Knows which ids exist in a case, and which evidence says only that nothing was found."""

    def __init__(
        self, evidence_ids: Collection[str], absent: Collection[str], get: Callable[[str], Passage | None]
    ) -> None:
        self._evidence_ids = evidence_ids
        self._absent = absent
        self._get = get

    def knows(self, knowledge_id: str) -> bool:
        """Return whether the knowledge base holds a passage with that id."""
        return bool(_KNOWLEDGE_ID.match(knowledge_id)) and self._get(knowledge_id) is not None

    def claim(self, claim: ReplyClaim) -> Claim:
        """Return the claim with ``supported`` set by whether its ids exist."""
        evidence_ids = tuple(escape(one, limit=20) for one in claim.evidence_ids[:_IDS])
        knowledge_ids = tuple(escape(one, limit=40) for one in claim.knowledge_ids[:_IDS])
        exist = all(one in self._evidence_ids for one in evidence_ids) and all(map(self.knows, knowledge_ids))
        supported = bool(evidence_ids or knowledge_ids) and exist
        return Claim(escape(claim.text, limit=_LINE_CHARACTERS), evidence_ids, knowledge_ids, supported)

    def is_informative(self, claim: Claim) -> bool:
        """Return whether a claim rests on evidence, none of which says only that nothing was found."""
        return (
            claim.supported and bool(claim.evidence_ids) and not any(one in self._absent for one in claim.evidence_ids)
        )

    def attack_ids(self, proposed: list[str]) -> list[str]:
        """Return the technique ids that the knowledge base knows."""
        return [one for one in proposed[:_IDS] if _ATTACK_ID.match(one) and self.knows(one)]


def settle(
    case: Case, reply: Reply, judgement: Judgement, checker: Checker, analyst: str, not_done: tuple[str, ...]
) -> Verdict:
    """Return the verdict: the reply within the bounds that the judgement sets."""
    claims = tuple(checker.claim(claim) for claim in reply.claims[:_CLAIMS])
    verdict = Verdict(
        incident_id=case.incident.id,
        at=case.now,
        analyst=analyst,
        conclusion=reply.conclusion,
        severity=reply.severity,
        disposition=reply.disposition,
        attack_ids=tuple(dict.fromkeys([*case.incident.attack_ids, *checker.attack_ids(reply.attack_ids)])),
        claims=claims,
        not_done=tuple(dict.fromkeys(not_done + _lines(reply.not_done)))[: 2 * _LINES],
        actions=_lines(reply.actions),
        summary=escape(reply.summary, limit=_SUMMARY_CHARACTERS),
    )
    bounded = _bound(verdict, judgement, any(map(checker.is_informative, claims)), case)
    return bounded if any(claim.supported for claim in bounded.claims) else _with_basis(bounded, case)


def _with_basis(verdict: Verdict, case: Case) -> Verdict:
    """Have a verdict that rests on nothing else rest on the worst alert."""
    for alert in ranked(case.alerts)[:1]:
        found = alert.detection
        text = f"Set by the program: {found.label} ({found.severity}, {found.detector}): {found.reason}"
        claim = Claim(escape(text, limit=_LINE_CHARACTERS), (alert_evidence(case, alert).id,), (), supported=True)
        return replace(verdict, claims=(*verdict.claims, claim))
    return verdict


def _bound(verdict: Verdict, judgement: Judgement, informed: bool, case: Case) -> Verdict:
    """Keep the floor that detections set, and let nothing raise it without evidence."""
    bounded = verdict
    if verdict.severity.rank < judgement.severity.rank or not informed:
        bounded = replace(bounded, severity=judgement.severity)
    lowered = judgement.conclusion is Conclusion.MALICIOUS and verdict.conclusion is not Conclusion.MALICIOUS
    if lowered or (verdict.conclusion is Conclusion.MALICIOUS and not informed):
        bounded = replace(bounded, conclusion=judgement.conclusion)
    if lowered or bounded.conclusion is not verdict.conclusion:
        bounded = replace(bounded, disposition=Disposition.UNDETERMINED)
    if bounded == verdict or verdict.analyst == PLAYBOOK:
        return bounded
    return replace(bounded, claims=(_correction(verdict, bounded, judgement, case), *bounded.claims))


def _correction(verdict: Verdict, bounded: Verdict, judgement: Judgement, case: Case) -> Claim:
    basis = judgement.basis or ranked(case.alerts)[:1]
    text = (
        f"Set by the program: the model said {verdict.conclusion}, {verdict.severity}; "
        f"the detections stand at {bounded.conclusion}, {bounded.severity}."
    )
    return Claim(text, tuple(alert_evidence(case, alert).id for alert in basis[:4]), (), bool(basis))


def _lines(texts: list[str]) -> tuple[str, ...]:
    return tuple(escape(text, limit=_LINE_CHARACTERS) for text in texts[:_LINES] if text.strip())
