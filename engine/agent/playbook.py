"""The playbook analyst: a chat model without a language model.

It walks the steps of the incident's playbook, one tool call each, reads the answers, and gives
the verdict that code can justify. The same case and answers give the same words.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from engine.agent.case import Case
from engine.agent.evidence import alert_evidence, flow_evidence, known_flows, ranked, record
from engine.agent.judgement import BENIGN_AT, MALICIOUS_AT, Judgement, is_odd, judge
from engine.agent.judging.outcome import outcome_of
from engine.agent.judging.scene import Scene
from engine.agent.judging.weighing import Reason
from engine.agent.steps import steps_of
from engine.agent.tools import Answer, Result
from engine.agent.tools.addresses import NamesSeen
from engine.agent.verdict import ReplyClaim
from engine.text import escape
from engine.types import (
    OUTCOME,
    Alert,
    Conclusion,
    Direction,
    Disposition,
    Evidence,
    FileFacts,
    Finding,
    Logins,
    Party,
    PastIncidents,
    Persistence,
    ProcessFacts,
    SocketOwner,
)

_TRIES = 3
_REASONS = 8
_ABOUT_PROCESS = frozenset({"analyze_process_behavior", "process_tree", "process_sockets", "file_facts"})
_ABOUT_TARGET = frozenset({"related_flows", "related_alerts", "logins", "dns_names", "address_facts", "past_incidents"})
_ABOUT_HOST = frozenset({"listening_services", "persistence_points"})


def answers_in(messages: list[BaseMessage]) -> list[Answer]:
    """Return the tool answers of a transcript."""
    return [m.artifact for m in messages if isinstance(m, ToolMessage) and isinstance(m.artifact, Answer)]


def subjects_in(answers: list[Answer]) -> list[Any]:
    """Return what the tools that answered found, each in its own type."""
    return [answer.subject for answer in answers if answer.result is Result.ANSWERED]


_DISPOSITIONS = {
    Conclusion.MALICIOUS: Disposition.TRUE_POSITIVE,
    Conclusion.BENIGN: Disposition.BENIGN_POSITIVE,
}
_KINDS = {
    "process": ("process", "process_tree"),
    "names": ("names", "address"),
    "flow": ("related_flows",),
}
"""Kinds of evidence that say what another kind says, where a reason asks for it."""


class PlaybookModel(BaseChatModel):
    """Answers as a chat model would, from the playbook and the tools' typed answers."""

    case: Any
    """A ``Case``."""

    @property
    def _llm_type(self) -> str:
        return "playbook"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        role: str = "investigator",
        **kwargs: Any,
    ) -> ChatResult:
        case: Case = self.case
        answers = answers_in(messages)
        if role == "verdict":
            reply = AIMessage(json.dumps(verdict_reply(case, answers), ensure_ascii=False))
        else:
            call = next_call(case, answers) if role == "investigator" else knowledge_call(case, answers)
            calls = [] if call is None else [{"name": call[0], "args": call[1], "id": f"step-{len(answers)}"}]
            reply = AIMessage("" if calls else _closing_words(case, role, answers), tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=reply)])


def _closing_words(case: Case, role: str, answers: list[Answer]) -> str:
    if role == "investigator":
        found = [text for answer in answers if (text := _tool_text(answer))]
        return " ".join(found) or "The tools found nothing beyond the alerts."
    techniques = ", ".join(_techniques(case)) or "none"
    return (
        f"Techniques: {techniques}. Recommended: {' '.join(case.playbook.actions if case.playbook else ()) or 'none'}"
    )


def _techniques(case: Case) -> tuple[str, ...]:
    return case.incident.attack_ids or (case.playbook.attack_ids if case.playbook else ())


def next_call(case: Case, answers: list[Answer]) -> tuple[str, dict[str, Any]] | None:
    """Return the tool call of the first step that is still open, if any."""
    asked: Counter[str] = Counter()
    for tool, _ in steps_of(case):
        asked[tool] += 1
        is_open = tool and tool != "search_knowledge" and not _is_closed(tool, answers, asked[tool])
        arguments = _arguments(case, tool, answers, asked[tool]) if is_open else None
        if arguments is not None:
            return tool, arguments
    return None


def _is_closed(tool: str, answers: list[Answer], times: int = 1) -> bool:
    """Return whether a tool has answered so many times, or refused too often."""
    mine = [answer for answer in answers if answer.tool == tool]
    answered = sum(answer.result is not Result.REFUSED for answer in mine)
    return answered >= times or len(mine) - answered >= _TRIES


def _arguments(case: Case, tool: str, answers: list[Answer], turn: int = 1) -> dict[str, Any] | None:
    """Return what a tool is asked in its ``turn``-th step, or None where there is nothing to ask about."""
    alert = next(iter(ranked(case.alerts)), None)
    if tool in _ABOUT_PROCESS:
        return next(({"pid": a.subject.pid} for a in answers if _found_owner(a)), None)
    if tool in _ABOUT_TARGET:
        return {"ip": case.incident.target_ip}
    if tool in _ABOUT_HOST:
        return {}
    if alert is None or tool not in ("flow_payload", "get_pid_by_connection"):
        return None
    if tool == "flow_payload":
        return {"flow_id": alert.flow.id, "direction": str(_direction(alert, turn))}
    return {"flow_id": alert.flow.id}


def _direction(alert: Alert, turn: int) -> Direction:
    """Return where the detector looked, then the other way."""
    spans = alert.detection.spans
    accused = Direction.TO_CLIENT if alert.detection.attacker is Party.RESPONDER else Direction.TO_SERVER
    first = spans[0].direction if spans else accused
    if turn % 2:
        return first
    return Direction.TO_CLIENT if first is Direction.TO_SERVER else Direction.TO_SERVER


def _found_owner(answer: Answer) -> bool:
    return isinstance(answer.subject, SocketOwner) and answer.subject.finding is Finding.FOUND


def knowledge_call(case: Case, answers: list[Answer]) -> tuple[str, dict[str, Any]] | None:
    """Return the commander's one look into the knowledge base, unless it was done."""
    if _is_closed("search_knowledge", answers):
        return None
    return "search_knowledge", {"query": _query(case)}


def _query(case: Case) -> str:
    name = case.playbook.name if case.playbook else case.incident.title
    labels = dict.fromkeys(alert.detection.label for alert in ranked(case.alerts)[:4])
    words = " ".join([name, *case.incident.attack_ids[:4], *labels])
    return escape(words)[:200] if len(words) > 1 else "intrusion"


def verdict_reply(case: Case, answers: list[Answer]) -> dict[str, Any]:
    """Return the verdict that the playbook's criteria and the detections justify."""
    judgement = judge(case, subjects_in(answers))
    playbook = case.playbook
    techniques = _techniques(case)
    return {
        "conclusion": judgement.conclusion,
        "severity": judgement.severity,
        "disposition": _DISPOSITIONS.get(judgement.conclusion, Disposition.UNDETERMINED),
        "attack_ids": list(techniques),
        "claims": [
            *_alert_claims(case),
            _source_claim(case, judgement),
            *_reason_claims(case, judgement, answers),
            *_tool_claims(case, answers, techniques),
        ],
        "actions": list(playbook.actions if playbook else ()),
        "summary": _summary(case, judgement),
    }


def _alert_claims(case: Case) -> list[dict[str, Any]]:
    return [
        {
            "text": f"{alert.detection.label} ({alert.detection.severity}, {alert.detection.detector}), "
            f"{alert.count} time{'s' if alert.count > 1 else ''}: {alert.detection.reason}",
            "evidence_ids": [alert_evidence(case, alert).id],
        }
        for alert in ranked(case.alerts)[:6]
    ]


def _reason_claims(case: Case, judgement: Judgement, answers: list[Answer]) -> list[dict[str, Any]]:
    """Return what was weighed, each with the evidence it rests on."""
    return [
        {"text": f"{_side(reason)}: {reason.words}.", "evidence_ids": grounds(case, reason, answers)}
        for reason in judgement.reasons[:_REASONS]
        if reason.weight
    ]


def _side(reason: Reason) -> str:
    strength = "Strongly" if abs(reason.weight) >= 2.0 else "Speaks" if abs(reason.weight) >= 0.7 else "Slightly"
    return f"{strength} {'against the target' if reason.weight > 0 else 'for a harmless cause'}"


def grounds(case: Case, reason: Reason, answers: list[Answer]) -> list[str]:
    """Return the evidence of the tools that a reason rests on, else that of the alerts and their flows."""
    kinds = _KINDS.get(reason.kind, (reason.kind,))
    found = [a.evidence.id for a in answers if a.evidence and a.result is Result.ANSWERED and a.evidence.kind in kinds]
    if found:
        return found[:4]
    flows, alerts = known_flows(case), ranked(case.alerts)[:2]
    if reason.kind == "flow":
        return list(dict.fromkeys(flow_evidence(case, flows[alert.flow.id]).id for alert in alerts))
    return [alert_evidence(case, alert).id for alert in alerts]


def outcome_claim(case: Case, judgement: Judgement, answers: list[Answer]) -> tuple[ReplyClaim, Evidence]:
    """Return the statement and the evidence made for it: the answers and connections that were looked at."""
    scene = Scene(case, subjects_in(answers))
    found = outcome_of(scene, judgement.reasons, judgement.conclusion)
    evidence = record(case, "outcome", found.summary, found.record)
    ids = [evidence.id, *_ids_of(answers, found.kinds)]
    ids += [one for reason in found.reasons for one in grounds(case, reason, answers)]
    text = f"{OUTCOME}{found.words}."
    return ReplyClaim(text=text, evidence_ids=list(dict.fromkeys(ids))), evidence


def _ids_of(answers: Iterable[Answer], kinds: frozenset[str]) -> list[str]:
    return [one.evidence.id for one in answers if one.evidence is not None and one.evidence.kind in kinds]


def _source_claim(case: Case, judgement: Judgement) -> dict[str, Any]:
    flows = known_flows(case)
    carriers = dict.fromkeys(alert.flow.id for alert in ranked(case.alerts)[:4])
    text = (
        f"{case.incident.target_ip} completed a handshake or answered: the address is not spoofed."
        if judgement.real_source
        else f"{case.incident.target_ip} never completed a handshake here: the address may be spoofed."
    )
    return {"text": text, "evidence_ids": [flow_evidence(case, flows[flow_id]).id for flow_id in carriers]}


def _tool_claims(case: Case, answers: list[Answer], techniques: tuple[str, ...]) -> list[dict[str, Any]]:
    claims = []
    for answer in answers:
        text = _tool_text(answer)
        if text and answer.evidence:
            claims.append({"text": text, "evidence_ids": [answer.evidence.id]})
    for technique in techniques[:4]:
        claims.append({"text": f"The behaviour matches {technique}.", "knowledge_ids": [technique]})
    fitting = case.playbook.attack_ids if case.playbook else ()
    for passage in [p for a in answers if a.tool == "search_knowledge" for p in a.subject or ()]:
        if passage.id not in techniques and (passage.id in fitting or passage.id.startswith("K-")):
            text = f"Related knowledge: {escape(passage.title, limit=120)}."
            claims.append({"text": text, "knowledge_ids": [passage.id]})
    return claims


def _tool_text(answer: Answer) -> str:
    if answer.result is not Result.ANSWERED:
        return ""
    told = _TOLD.get(type(answer.subject))
    if told is not None:
        return str(told(answer.subject))
    if answer.tool in ("related_flows", "related_alerts"):
        kind = "flows" if answer.tool == "related_flows" else "alerts"
        return f"Number of {kind} that name the target: {len(answer.subject)}."
    return ""


def _tell_owner(owner: SocketOwner) -> str:
    return f"The connection belongs to process {owner.pid} ({escape(owner.comm, limit=40)})."


def _tell_process(facts: ProcessFacts) -> str:
    odd = " It runs a deleted or hidden program, or one from a folder anyone may write." if is_odd(facts) else ""
    program, user = escape(facts.exe or facts.comm, limit=120), escape(facts.user, limit=40)
    unit = f" under {escape(facts.unit, limit=60)}" if facts.unit else ""
    children = f", children: {escape(', '.join(facts.children[:4]), limit=120)}" if facts.children else ""
    return f"Process {facts.pid} runs {program} as {user}{unit}{children}.{odd}"


def _tell_file(facts: FileFacts) -> str:
    package = f" of the package {escape(facts.package, limit=40)}" if facts.package else ""
    return f"Its program file{package} belongs to {escape(facts.owner, limit=40) or 'nobody known'}, mode {facts.mode}."


def _tell_logins(logins: Logins) -> str:
    good = sum(login.count for login in logins.entries if login.ok)
    bad = sum(login.count for login in logins.entries if not login.ok)
    return f"Logins from the target in this host's log: {good} successful, {bad} failed."


def _tell_past(past: PastIncidents) -> str:
    called = Counter(str(entry.disposition).replace("_", " ") for entry in past.entries)
    words = ", ".join(f"{count} {word}" for word, count in sorted(called.items()))
    return f"Earlier incidents with the target: {words or 'none'}."


def _tell_places(persistence: Persistence) -> str:
    newest = next((f"; the newest is {escape(point.path, limit=80)}" for point in persistence.points), "")
    return f"Places that start programs, by their last change: {len(persistence.points)}{newest}."


def _tell_names(seen: NamesSeen) -> str:
    names = ", ".join(escape(name, limit=60) for name in seen.answered[:3])
    return f"Names that DNS gave for the target: {names}." if names else ""


_TOLD: dict[type, Callable[[Any], str]] = {
    SocketOwner: _tell_owner,
    ProcessFacts: _tell_process,
    FileFacts: _tell_file,
    Logins: _tell_logins,
    PastIncidents: _tell_past,
    Persistence: _tell_places,
    NamesSeen: _tell_names,
}
"""How an answer is told, by its type."""


def _summary(case: Case, judgement: Judgement) -> str:
    playbook = f"playbook {case.playbook.id}" if case.playbook else "no playbook for this class of event"
    source = "the source is real" if judgement.real_source else "the source may be spoofed"
    against = sum(reason.weight > 0 for reason in judgement.reasons)
    harmless = sum(reason.weight < 0 for reason in judgement.reasons)
    return (
        f"Playbook analyst ({playbook}; judged without a language model): {case.incident.title}. "
        f"Concluded {judgement.conclusion}, {judgement.severity}: {against} considerations against the target, "
        f"{harmless} for a harmless cause, together {judgement.score:+.1f} (malicious from {MALICIOUS_AT:+.2f}, "
        f"benign from {BENIGN_AT:+.2f}); alerts of high or critical severity from rules or behaviour: "
        f"{len(judgement.basis)}; {source}."
    )
