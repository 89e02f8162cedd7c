"""The analyst's tools: read-only, and only about what the incident already names.

A model chooses flow ids, addresses, PIDs and a query; whatever is not in the incident or in an
earlier answer is refused with a text it can read. There is no tool for a file, an address
elsewhere, or a command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.agent.case import Case, HostFacts, KnowledgeView
from engine.agent.evidence import (
    canonical,
    ends,
    first_evidence,
    flow_facts,
    known_flows,
    payload_evidence,
    ranked,
    record,
)
from engine.text import escape, fence
from engine.types import Direction, Evidence, Finding, Passage, ProcessFacts

RESULT_CHARACTERS = 1400
"""Of a tool's answer that a model reads; the evidence itself holds more."""

RELATED_LIMIT = 20
PASSAGES = 3
PASSAGE_CHARACTERS = 360


class Result(StrEnum):
    """How a tool call went. Only ``answered`` carries information about the incident."""

    ANSWERED = "answered"
    ABSENT = "absent"
    """The host said gone, not permitted or not recorded: nothing may be concluded from it."""
    REFUSED = "refused"
    """An argument was malformed or lies outside the incident."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool call gave."""

    tool: str
    result: Result
    text: str
    """For a model: untrusted parts are escaped and fenced."""
    evidence: Evidence | None = None
    subject: Any = None
    """The typed answer, for the playbook analyst."""


class Arguments(BaseModel):
    """What every tool's arguments have in common: nothing more than the named fields, strictly typed."""

    model_config = ConfigDict(extra="forbid", strict=True)


class FlowArguments(Arguments):
    """Names a flow."""

    flow_id: str = Field(max_length=64, description="id of a flow of this incident")


class PayloadArguments(Arguments):
    """Names one direction of a flow."""

    flow_id: str = Field(max_length=64, description="id of a flow of this incident")
    direction: str = Field(pattern="^to_(server|client)$", description="to_server or to_client")


class ProcessArguments(Arguments):
    """Names a process."""

    pid: int = Field(ge=1, le=4_194_304, description="PID that get_pid_by_connection returned")


class AddressArguments(Arguments):
    """Names an address."""

    ip: str = Field(max_length=45, description="address that appears in this incident")


class QueryArguments(Arguments):
    """Holds a question to the knowledge base."""

    query: str = Field(min_length=2, max_length=200, description="technique, software or behaviour")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model sees it."""

    name: str
    description: str
    arguments: type[Arguments]

    def schema(self) -> dict[str, Any]:
        """Return the function schema of the chat completions API."""
        parameters = self.arguments.model_json_schema()
        fields = {
            name: {k: v for k, v in entry.items() if k != "title"} for name, entry in parameters["properties"].items()
        }
        shape = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": shape},
        }


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("get_pid_by_connection", "Which process of this host owns the socket of a flow.", FlowArguments),
        Tool(
            "analyze_process_behavior",
            "Program, arguments, parents, user, hash and sockets of a process.",
            ProcessArguments,
        ),
        Tool("flow_payload", "The first payload bytes of one direction of a flow.", PayloadArguments),
        Tool("related_flows", "Other flows with an address.", AddressArguments),
        Tool("related_alerts", "Alerts that name an address.", AddressArguments),
        Tool("search_knowledge", "MITRE ATT&CK and the user's documents.", QueryArguments),
    )
}

INVESTIGATOR_TOOLS = tuple(TOOLS)
COMMANDER_TOOLS = ("search_knowledge",)


class Toolbox:
    """Answers the tool calls of one investigation and keeps the evidence they give."""

    def __init__(self, case: Case, host: HostFacts, knowledge: KnowledgeView, nonce: str) -> None:
        self._case = case
        self._host = host
        self._knowledge = knowledge
        self._nonce = nonce
        self._flows = known_flows(case)
        self._pids: dict[int, float] = {}
        self.evidence: dict[str, Evidence] = {found.id: found for found in first_evidence(case)}
        self.absent: set[str] = set()
        """Ids of evidence that says only that nothing was found."""
        self._tools: dict[str, Callable[[Any], Answer]] = {
            "get_pid_by_connection": self._owner,
            "analyze_process_behavior": self._process,
            "flow_payload": self._payload,
            "related_flows": self._related_flows,
            "related_alerts": self._related_alerts,
            "search_knowledge": self._search,
        }

    def call(self, name: str, arguments: object, allowed: tuple[str, ...] = INVESTIGATOR_TOOLS) -> Answer:
        """Return a tool's answer; whatever is wrong with the call is an answer too. May block: call it in a thread."""
        if name not in TOOLS or name not in allowed:
            return self._refuse(escape(name, limit=40), "no such tool here")
        try:
            parsed = TOOLS[name].arguments.model_validate(arguments)
            return self._tools[name](parsed)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = escape(".".join(map(str, wrong["loc"])), limit=40)
            return self._refuse(name, f"argument {where}: {escape(wrong['msg'], limit=120)}")
        except Exception as error:
            return Answer(name, Result.FAILED, f"failed: {type(error).__name__}. Conclude nothing from it.")

    def keep(self, answer: Answer) -> None:
        """Add the evidence of an answer to that of the investigation."""
        if answer.evidence:
            self.evidence.setdefault(answer.evidence.id, answer.evidence)
            if answer.result is Result.ABSENT:
                self.absent.add(answer.evidence.id)

    def _refuse(self, name: str, reason: str) -> Answer:
        return Answer(name, Result.REFUSED, f"refused: {reason}. Use only ids, addresses and PIDs of this incident.")

    def _answer(self, name: str, evidence: Evidence, subject: Any, finding: Finding = Finding.FOUND) -> Answer:
        shown = fence(evidence.content, self._nonce, evidence.id, limit=RESULT_CHARACTERS)
        if finding is Finding.FOUND:
            return Answer(name, Result.ANSWERED, f"evidence {evidence.id}\n{shown}", evidence, subject)
        note = f"{finding}: says nothing for or against anyone. evidence {evidence.id}"
        return Answer(name, Result.ABSENT, note, evidence, subject)

    def _owner(self, arguments: FlowArguments) -> Answer:
        name = "get_pid_by_connection"
        flow = self._flows.get(arguments.flow_id)
        if flow is None:
            return self._refuse(name, "the flow is not of this incident")
        owner = self._host.socket_owner(flow.five_tuple)
        if owner.finding is Finding.FOUND:
            self._pids[owner.pid] = owner.start_time
        summary = f"{owner.pid} {owner.comm}" if owner.finding is Finding.FOUND else f"{owner.finding}"
        value = {"flow_id": flow.id, "ends": ends(flow), "owner": owner}
        found = record(self._case, "socket_owner", f"owner of {ends(flow)}: {summary}", value)
        return self._answer(name, found, owner, owner.finding)

    def _process(self, arguments: ProcessArguments) -> Answer:
        name = "analyze_process_behavior"
        if arguments.pid not in self._pids:
            return self._refuse(name, "the PID is not of this incident")
        facts = self._host.process(arguments.pid, self._pids[arguments.pid])
        if facts.finding is Finding.FOUND:
            self._learn_relatives(facts)
        summary = facts.exe or facts.comm if facts.finding is Finding.FOUND else f"{facts.finding}"
        found = record(self._case, "process", f"process {facts.pid}: {summary}", facts)
        return self._answer(name, found, facts, facts.finding)

    def _learn_relatives(self, facts: ProcessFacts) -> None:
        for relative in facts.parents + facts.children:
            number = re.match(r"[0-9]{1,7}(?= )", relative)
            if number:
                self._pids.setdefault(int(number[0]), 0.0)

    def _payload(self, arguments: PayloadArguments) -> Answer:
        flow = self._flows.get(arguments.flow_id)
        if flow is None:
            return self._refuse("flow_payload", "the flow is not of this incident")
        return self._answer("flow_payload", payload_evidence(self._case, flow, Direction(arguments.direction)), flow)

    def _related_flows(self, arguments: AddressArguments) -> Answer:
        if arguments.ip not in self._addresses():
            return self._refuse("related_flows", "the address is not of this incident")
        related = [f for f in self._flows.values() if arguments.ip in (f.five_tuple.src_ip, f.five_tuple.dst_ip)]
        related.sort(key=lambda flow: (-flow.last_seen, flow.id))
        value = {
            "ip": arguments.ip,
            "flows": len(related),
            "bytes": sum(sum(flow.bytes) for flow in related),
            "handshakes": sum(flow.handshake for flow in related),
            "newest": [flow_facts(flow) for flow in related[:RELATED_LIMIT]],
        }
        found = record(self._case, "related_flows", f"{len(related)} flows with {arguments.ip}", value)
        return self._answer("related_flows", found, related)

    def _related_alerts(self, arguments: AddressArguments) -> Answer:
        if arguments.ip not in self._addresses():
            return self._refuse("related_alerts", "the address is not of this incident")
        related = [a for a in ranked(self._case.alerts) if arguments.ip in (a.target_ip, a.local_ip)]
        lines = [
            {
                "alert": alert.id,
                "label": alert.detection.label,
                "severity": alert.detection.severity,
                "count": alert.count,
                "first_at": alert.first_at,
                "flow_id": alert.flow.id,
            }
            for alert in related[:RELATED_LIMIT]
        ]
        value = {"ip": arguments.ip, "alerts": len(related), "most_severe": lines}
        found = record(self._case, "related_alerts", f"{len(related)} alerts name {arguments.ip}", value)
        return self._answer("related_alerts", found, related)

    def _search(self, arguments: QueryArguments) -> Answer:
        passages = self._knowledge.search(arguments.query, PASSAGES)[:PASSAGES]
        text = "\n".join(self._passage(passage) for passage in passages)
        return Answer("search_knowledge", Result.ANSWERED, text or "nothing found", None, tuple(passages))

    def _passage(self, passage: Passage) -> str:
        body = canonical({"title": passage.title, "text": escape(passage.text, limit=PASSAGE_CHARACTERS)})
        return f"knowledge {escape(passage.id, limit=40)}\n{fence(body, self._nonce, passage.id[:40])}"

    def _addresses(self) -> set[str]:
        case = self._case
        named = {case.incident.target_ip} | {alert.local_ip for alert in case.alerts}
        return named.union(*((f.five_tuple.src_ip, f.five_tuple.dst_ip) for f in self._flows.values()))
