"""Answers the tool calls of one investigation: checks each against the incident, and keeps the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from engine.agent.case import Case, HostFacts, KnowledgeView
from engine.agent.evidence import first_evidence
from engine.agent.recorded import RecordingHost, name_of
from engine.agent.tools import addresses, flows, host_places, passages, processes
from engine.agent.tools.answer import Answer, Result, failed, refused
from engine.agent.tools.catalogue import INVESTIGATOR_TOOLS, TOOLS, Arguments, Tool
from engine.agent.tools.inquiry import Inquiry
from engine.agent.tools.user import UserTool, ask_user_tool
from engine.text import escape
from engine.types import Evidence

Answering = Callable[[Inquiry, Any], Answer]

ANSWERS: Mapping[str, Answering] = {
    "get_pid_by_connection": processes.owner,
    "analyze_process_behavior": processes.process,
    "process_tree": processes.tree,
    "process_sockets": processes.sockets,
    "file_facts": processes.program_file,
    "flow_payload": flows.payload,
    "related_flows": flows.related_flows,
    "related_alerts": flows.related_alerts,
    "logins": addresses.logins,
    "dns_names": addresses.dns_names,
    "address_facts": addresses.address_facts,
    "past_incidents": addresses.past_incidents,
    "listening_services": host_places.services,
    "persistence_points": host_places.persistence,
    "search_knowledge": passages.search,
}

_ALWAYS = ("get_pid_by_connection", "analyze_process_behavior", "flow_payload", "related_flows", "related_alerts")
"""Offered whatever the playbook says."""


class Toolbox:
    """Answers the tool calls of one investigation and keeps the evidence they give."""

    def __init__(
        self,
        case: Case,
        host: HostFacts,
        knowledge: KnowledgeView,
        nonce: str,
        user_tools: Sequence[UserTool] = (),
    ) -> None:
        """Take the user's own tools too; those that do not serve the case's classes of event are left out."""
        self._inquiry = Inquiry(case, host, knowledge, nonce)
        self._user_tools = {tool.name: tool for tool in user_tools if tool.serves(case)}
        self.tools: Mapping[str, Tool] = {**TOOLS, **{name: tool.shown for name, tool in self._user_tools.items()}}
        """Every tool that may be called about this case, by its name."""
        self.evidence: dict[str, Evidence] = {found.id: found for found in first_evidence(case)}
        self.absent: set[str] = set()
        """Ids of evidence that says only that nothing was found."""

    @property
    def investigator_tools(self) -> tuple[str, ...]:
        """The names an investigator may call: the built-in tools and those of the user that serve the case."""
        return (*INVESTIGATOR_TOOLS, *self._user_tools)

    @property
    def offered(self) -> tuple[str, ...]:
        """The fewer names worth a model's tokens: the usual ones, those of the playbook's steps, and the user's."""
        playbook = self._inquiry.case.playbook
        if playbook is None:
            return self.investigator_tools
        wanted = {*_ALWAYS, "search_knowledge", *(tool for tool, _ in playbook.steps), *self._user_tools}
        return tuple(name for name in self.investigator_tools if name in wanted)

    def schemas(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the function schemas of some tools."""
        return [self.tools[name].schema() for name in names if name in self.tools]

    def call(self, name: str, arguments: object, allowed: Sequence[str] | None = None) -> Answer:
        """Return a tool's answer; whatever is wrong with the call is an answer too. May block: call it in a thread.

        ``allowed`` are the names that the caller may use; None means every tool of an investigator.
        """
        if name not in self.tools or name not in (self.investigator_tools if allowed is None else allowed):
            return refused(escape(name, limit=40), "no such tool here")
        try:
            return self._answer(name, self.tools[name].arguments.model_validate(arguments))
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = escape(".".join(map(str, wrong["loc"])), limit=40)
            return refused(name, f"argument {where}: {escape(wrong['msg'], limit=120)}")
        except Exception as error:
            return failed(name, name_of(error))

    def give_up(self, name: str) -> Answer:
        """Return the answer of a call that took too long; what the host may still say is not recorded."""
        if isinstance(self._inquiry.host, RecordingHost):
            self._inquiry.host.abandon()
        return failed(name, TimeoutError.__name__)

    def keep(self, answer: Answer) -> None:
        """Add the evidence of an answer to that of the investigation."""
        if answer.evidence:
            self.evidence.setdefault(answer.evidence.id, answer.evidence)
            if answer.result is Result.ABSENT:
                self.absent.add(answer.evidence.id)

    def add(self, found: Evidence) -> None:
        """Add evidence that no tool call gave."""
        self.evidence.setdefault(found.id, found)

    def _answer(self, name: str, arguments: Arguments) -> Answer:
        if outside := self._outside(name, arguments):
            return refused(name, outside)
        if name in self._user_tools:
            return ask_user_tool(self._inquiry, self._user_tools[name], arguments)
        return ANSWERS[name](self._inquiry, arguments)

    def _outside(self, name: str, arguments: Arguments) -> str:
        """Say which argument is not of the incident: this one place checks them for every tool."""
        user_tool = self._user_tools.get(name)
        kinds = user_tool.arguments if user_tool else {field: field for field in type(arguments).model_fields}
        for field, kind in kinds.items():
            value = getattr(arguments, field)
            if kind == "flow_id" and value not in self._inquiry.flows:
                return "the flow is not of this incident"
            if kind == "ip" and value not in self._inquiry.addresses:
                return "the address is not of this incident"
            if kind == "pid" and value not in self._inquiry.pids:
                return "the PID is not of this incident"
        return ""
