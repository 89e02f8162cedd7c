"""Hosts for the tools: this very one, and one that has nothing to say."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from engine.agent.recorded import RecordedHost
from engine.agent.tools import Toolbox
from engine.host import authlog, loglines, persistence, programs, services
from engine.host.processes import describe
from engine.host.sockets import find_owner
from engine.types import (
    FileFacts,
    Finding,
    FiveTuple,
    Logins,
    Persistence,
    ProcessFacts,
    Services,
    SocketOwner,
)
from tests.engine.agent.cases import LOCAL, TARGET, HostFake, KnowledgeFake, case, flow

NONCE = "abcdef012345"
FLOW = {"flow_id": "1:flowone="}
OWN_FLOW = "1:ownflow="


class ThisHost(RecordedHost):
    """The kernel's answers about this host, with files below a folder in the place of those below ``/``."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        return find_owner(five_tuple)

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        return describe(pid, start_time)

    def services(self) -> Services:
        return services.services()

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        return programs.program_file(pid, start_time)

    def persistence(self) -> Persistence:
        return persistence.persistence(self._root)

    def logins(self, ip: str) -> Logins:
        found = loglines.log_lines(ip, self._root)
        lines = (line.encode("latin-1") for line in found.lines)
        return Logins(found.finding, authlog.parse(lines, ip, time.time()), found.detail)


class AbsentHost(HostFake):
    """A host that knows who owns the socket and then has one and the same excuse for everything."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self._excuse = finding

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        return HostFake().socket_owner(five_tuple)

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        return ProcessFacts(self._excuse, pid, detail="excused")


def toolbox_of(host: object, five_tuple: FiveTuple | None = None) -> Toolbox:
    """Return a toolbox that knows the PID of a socket's owner; with a five-tuple, of a flow with these ends."""
    subject = case()
    if five_tuple is not None:
        own = flow(flow_id=OWN_FLOW, five_tuple=five_tuple)
        subject = replace(subject, flows=(*subject.flows, own))
    tools = Toolbox(subject, host, KnowledgeFake(), NONCE)  # type: ignore[arg-type]
    tools.call("get_pid_by_connection", {"flow_id": OWN_FLOW} if five_tuple else FLOW)
    return tools


__all__ = ["FLOW", "LOCAL", "NONCE", "OWN_FLOW", "TARGET", "AbsentHost", "ThisHost", "toolbox_of"]
