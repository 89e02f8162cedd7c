"""The tools about processes: whose a connection is, what runs, from whom, and out of which file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from engine.agent.evidence import ends
from engine.agent.tools.answer import Answer
from engine.agent.tools.catalogue import FlowArguments, ProcessArguments
from engine.agent.tools.inquiry import Inquiry, relatives
from engine.types import Finding, ProcessFacts

TREE_ANCESTORS = 6
TREE_CHILDREN = 10
TREE_S = 2.5
"""After so long no further relative is asked about."""


def owner(inquiry: Inquiry, arguments: FlowArguments) -> Answer:
    """Return which process owns a flow's socket; the subject is a ``SocketOwner``."""
    flow = inquiry.flows[arguments.flow_id]
    found = inquiry.host.socket_owner(flow.five_tuple)
    if found.finding is Finding.FOUND:
        inquiry.pids[found.pid] = found.start_time
    words = f"{found.pid} {found.comm}" if found.finding is Finding.FOUND else f"{found.finding}"
    value = {"flow_id": flow.id, "ends": ends(flow), "owner": found}
    summary = f"owner of {ends(flow)}: {words}"
    return inquiry.tell("get_pid_by_connection", "socket_owner", summary, value, found, found.finding)


def process(inquiry: Inquiry, arguments: ProcessArguments) -> Answer:
    """Return what a process runs; the subject is a ``ProcessFacts``."""
    facts = _described(inquiry, arguments.pid)
    words = facts.exe or facts.comm if facts.finding is Finding.FOUND else f"{facts.finding}"
    summary = f"process {facts.pid}: {words}"
    return inquiry.tell("analyze_process_behavior", "process", summary, facts, facts, facts.finding)


def tree(inquiry: Inquiry, arguments: ProcessArguments) -> Answer:
    """Return a process with its relatives; the subject is a tuple of ``ProcessFacts``.

    The process comes first, then its ancestors, the nearest first, then its children. Relatives
    that are gone when they are asked about are left out.
    """
    facts = _described(inquiry, arguments.pid)
    if facts.finding is not Finding.FOUND:
        summary = f"process tree of {arguments.pid}: {facts.finding}"
        return inquiry.tell("process_tree", "process_tree", summary, facts, (facts,), facts.finding)
    members = [("itself", facts), *_relatives(inquiry, facts)]
    value = {
        "pid": facts.pid,
        "members": [_member(relation, member) for relation, member in members],
        "ancestors": len(facts.parents),
        "children": len(facts.children),
    }
    summary = f"process tree of {facts.pid}: {len(members)} processes"
    return inquiry.tell("process_tree", "process_tree", summary, value, tuple(member for _, member in members))


def sockets(inquiry: Inquiry, arguments: ProcessArguments) -> Answer:
    """Return the sockets of a process; the subject is a ``ProcessFacts``."""
    facts = _described(inquiry, arguments.pid)
    finding = facts.finding
    if finding is Finding.FOUND and not facts.sockets and "sockets:" in facts.detail:
        finding = Finding.NOT_PERMITTED
    value = {"pid": facts.pid, "comm": facts.comm, "sockets": facts.sockets, "detail": facts.detail}
    words = f"{len(facts.sockets)} open" if finding is Finding.FOUND else f"{finding}"
    return inquiry.tell("process_sockets", "process_sockets", f"sockets of {facts.pid}: {words}", value, facts, finding)


def program_file(inquiry: Inquiry, arguments: ProcessArguments) -> Answer:
    """Return what is known of a process's program file; the subject is a ``FileFacts``."""
    facts = inquiry.host.program_file(arguments.pid, inquiry.pids[arguments.pid])
    words = facts.path if facts.finding is Finding.FOUND else f"{facts.finding}"
    summary = f"program of process {arguments.pid}: {words}"
    return inquiry.tell("file_facts", "file", summary, facts, facts, facts.finding)


def _described(inquiry: Inquiry, pid: int) -> ProcessFacts:
    facts = inquiry.host.process(pid, inquiry.pids[pid])
    if facts.finding is Finding.FOUND:
        inquiry.learn_relatives(facts)
    return facts


def _relatives(inquiry: Inquiry, facts: ProcessFacts) -> Iterator[tuple[str, ProcessFacts]]:
    until = time.monotonic() + TREE_S
    wanted = [("ancestor", pid) for pid in relatives(facts.parents)[:TREE_ANCESTORS]]
    wanted += [("child", pid) for pid in relatives(facts.children)[:TREE_CHILDREN]]
    for relation, pid in wanted:
        if time.monotonic() > until:
            return
        relative = inquiry.host.process(pid, inquiry.pids.get(pid, 0.0))
        if relative.finding is Finding.FOUND:
            yield relation, relative


def _member(relation: str, facts: ProcessFacts) -> dict[str, Any]:
    names = ("pid", "ppid", "user", "comm", "exe", "exe_deleted", "unit", "start_time")
    return {"relation": relation, "cmdline": " ".join(facts.cmdline)[:240]} | {
        name: getattr(facts, name) for name in names
    }
