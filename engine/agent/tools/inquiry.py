"""One investigation's questions: what may be named in them, and how an answer becomes evidence."""

from __future__ import annotations

import re
from typing import Any

from engine.agent.case import Case, HostFacts, KnowledgeView
from engine.agent.evidence import known_flows, record
from engine.agent.tools.answer import Answer, Result
from engine.text import fence
from engine.types import Evidence, Finding, Flow, ProcessFacts

RESULT_CHARACTERS = 1400
"""Of a tool's answer that a model reads; the evidence itself holds more."""

_RELATIVE = re.compile(r"[0-9]{1,7}(?= )")
"""The PID in a process's ``pid comm``; the name is the process's own choice."""


class Inquiry:
    """Case, host and knowledge base, and the flows, addresses and PIDs that belong to the incident."""

    def __init__(self, case: Case, host: HostFacts, knowledge: KnowledgeView, nonce: str) -> None:
        self.case = case
        self.host = host
        self.knowledge = knowledge
        self.nonce = nonce
        self.flows: dict[str, Flow] = known_flows(case)
        self.pids: dict[int, float] = {}
        """Each with its start time, 0 where that is not known."""
        self.addresses = _addresses(case, self.flows)

    def learn(self, pid: int, start_time: float = 0.0) -> None:
        """Let a PID that the host named belong to the incident; the first start time stays."""
        if pid > 0 and not self.pids.get(pid):
            self.pids[pid] = start_time

    def learn_relatives(self, facts: ProcessFacts) -> None:
        """Let the ancestors and children of a process belong to the incident."""
        for pid in relatives(facts.parents + facts.children):
            self.learn(pid)

    def answer(self, tool: str, evidence: Evidence, subject: Any, finding: Finding = Finding.FOUND) -> Answer:
        """Return an answer with its evidence; what is not ``found`` is absent."""
        if finding is Finding.FOUND:
            shown = fence(evidence.content, self.nonce, evidence.id, limit=RESULT_CHARACTERS)
            return Answer(tool, Result.ANSWERED, f"evidence {evidence.id}\n{shown}", evidence, subject)
        note = f"{finding}: says nothing for or against anyone. evidence {evidence.id}"
        return Answer(tool, Result.ABSENT, note, evidence, subject)

    def tell(
        self, tool: str, kind: str, summary: str, value: Any, subject: Any, finding: Finding = Finding.FOUND
    ) -> Answer:
        """Return an answer whose evidence holds ``value``."""
        return self.answer(tool, record(self.case, kind, summary, value), subject, finding)


def relatives(lines: tuple[str, ...]) -> tuple[int, ...]:
    """Return the PIDs of some ``pid comm``."""
    return tuple(int(number[0]) for line in lines if (number := _RELATIVE.match(line)))


def _addresses(case: Case, flows: dict[str, Flow]) -> frozenset[str]:
    """Those of the incident, its alerts and its flows."""
    named = {case.incident.target_ip} | {alert.local_ip for alert in case.alerts}
    return frozenset(named.union(*((f.five_tuple.src_ip, f.five_tuple.dst_ip) for f in flows.values())))
