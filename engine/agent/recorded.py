"""The host's answers kept, and given again when an incident is replayed."""

from __future__ import annotations

from collections.abc import Mapping

from engine import wire
from engine.agent.case import HostFacts
from engine.types import Finding, FiveTuple, ProcessFacts, SocketOwner


def _owner_question(five_tuple: FiveTuple) -> str:
    return "socket_owner " + " ".join(map(str, five_tuple))


def _process_question(pid: int, start_time: float) -> str:
    return f"process {pid} {start_time:.2f}"


class RecordingHost:
    """Asks another host and keeps its answers in ``records``."""

    def __init__(self, host: HostFacts) -> None:
        self._host = host
        self.records: dict[str, str] = {}

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the other host's answer."""
        owner = self._host.socket_owner(five_tuple)
        self.records[_owner_question(five_tuple)] = wire.dumps(owner)
        return owner

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return the other host's answer."""
        facts = self._host.process(pid, start_time)
        self.records[_process_question(pid, start_time)] = wire.dumps(facts)
        return facts


class RecordedHost:
    """Answers from ``records``; what was never asked is ``not_recorded``."""

    def __init__(self, records: Mapping[str, str] | None = None) -> None:
        self._records = records or {}

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the recorded owner."""
        answer = self._records.get(_owner_question(five_tuple))
        owner: SocketOwner = SocketOwner(Finding.NOT_RECORDED) if answer is None else wire.loads(SocketOwner, answer)
        return owner

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return the recorded facts."""
        answer = self._records.get(_process_question(pid, start_time))
        facts: ProcessFacts = (
            ProcessFacts(Finding.NOT_RECORDED, pid) if answer is None else wire.loads(ProcessFacts, answer)
        )
        return facts
