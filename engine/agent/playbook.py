"""The playbook analyst: a chat model without a language model.

It walks the steps of the incident's playbook, one tool call each, reads the answers, and gives
the verdict that code can justify. The same case and answers give the same words.
"""

from __future__ import annotations

import json
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from engine.agent.case import Case
from engine.agent.evidence import alert_evidence, flow_evidence, known_flows, ranked
from engine.agent.judgement import Judgement, is_odd, judge
from engine.agent.steps import steps_of
from engine.agent.tools import Answer, Result
from engine.text import escape
from engine.types import Conclusion, Direction, Disposition, Finding, Party, ProcessFacts, SocketOwner

_TRIES = 3


def answers_in(messages: list[BaseMessage]) -> list[Answer]:
    """Return the tool answers of a transcript."""
    return [m.artifact for m in messages if isinstance(m, ToolMessage) and isinstance(m.artifact, Answer)]


def processes_in(answers: list[Answer]) -> list[ProcessFacts]:
    """Return the facts of each process that was described."""
    return [answer.subject for answer in answers if isinstance(answer.subject, ProcessFacts)]


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
    for tool, _ in steps_of(case):
        arguments = None if not tool or _is_closed(tool, answers) else _arguments(case, tool, answers)
        if arguments is not None:
            return tool, arguments
    return None


def _is_closed(tool: str, answers: list[Answer]) -> bool:
    mine = [answer for answer in answers if answer.tool == tool]
    return len(mine) >= _TRIES or any(answer.result is not Result.REFUSED for answer in mine)


def _arguments(case: Case, tool: str, answers: list[Answer]) -> dict[str, Any] | None:
    alert = next(iter(ranked(case.alerts)), None)
    if tool == "analyze_process_behavior":
        return next(({"pid": a.subject.pid} for a in answers if _found_owner(a)), None)
    if tool in ("related_flows", "related_alerts"):
        return {"ip": case.incident.target_ip}
    if tool == "search_knowledge":
        return {"query": _query(case)}
    if alert is None:
        return None
    if tool == "flow_payload":
        spans = alert.detection.spans
        accused = Direction.TO_CLIENT if alert.detection.attacker is Party.RESPONDER else Direction.TO_SERVER
        return {"flow_id": alert.flow.id, "direction": str(spans[0].direction if spans else accused)}
    return {"flow_id": alert.flow.id}


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
    judgement = judge(case, processes_in(answers))
    confirmed = judgement.conclusion is Conclusion.MALICIOUS
    playbook = case.playbook
    techniques = _techniques(case)
    return {
        "conclusion": judgement.conclusion,
        "severity": judgement.severity,
        "disposition": Disposition.TRUE_POSITIVE if confirmed else Disposition.UNDETERMINED,
        "attack_ids": list(techniques),
        "claims": [*_alert_claims(case), _source_claim(case, judgement), *_tool_claims(case, answers, techniques)],
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
    if isinstance(answer.subject, SocketOwner):
        return f"The connection belongs to process {answer.subject.pid} ({escape(answer.subject.comm, limit=40)})."
    if isinstance(answer.subject, ProcessFacts):
        facts = answer.subject
        odd = " It runs a deleted program or one from a folder anyone may write." if is_odd(facts) else ""
        program, user = escape(facts.exe or facts.comm, limit=120), escape(facts.user, limit=40)
        return f"Process {facts.pid} runs {program} as {user}.{odd}"
    if answer.tool in ("related_flows", "related_alerts"):
        kind = "flows" if answer.tool == "related_flows" else "alerts"
        return f"Number of {kind} that name the target: {len(answer.subject)}."
    return ""


def _summary(case: Case, judgement: Judgement) -> str:
    playbook = f"playbook {case.playbook.id}" if case.playbook else "no playbook for this class of event"
    basis = f"alerts of high or critical severity from rules or behaviour: {len(judgement.basis)}"
    source = "the source is real" if judgement.real_source else "the source may be spoofed"
    return (
        f"Playbook analyst ({playbook}; no language model took part): {case.incident.title}. "
        f"Concluded {judgement.conclusion}, {judgement.severity}: {basis}; {source}."
    )
