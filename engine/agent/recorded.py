"""The host's answers kept, and given again when an incident is replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from engine import wire
from engine.agent.case import HostFacts
from engine.types import (
    AddressFacts,
    FileFacts,
    Finding,
    FiveTuple,
    Logins,
    PastIncidents,
    Persistence,
    ProcessFacts,
    Services,
    SocketOwner,
)

_T = TypeVar("_T")

UNKNOWN = Finding.NOT_RECORDED
FAILED = "!"
"""Begins the record of a question that came to nothing, before the name of the error; no JSON text begins with it."""


class RepeatedFailureError(Exception):
    """A question comes to nothing again, as it did when it was first asked; the text names the first error."""


def name_of(error: Exception) -> str:
    """Return the name of an error, the first time as in a replay."""
    return str(error) if isinstance(error, RepeatedFailureError) else type(error).__name__


@runtime_checkable
class Memory(Protocol):
    """What also keeps or repeats the answers of tools that no host gives, such as a user's own."""

    def remembered(self, question: str, ask: Callable[[], str]) -> str | None:
        """Return the answer to a question, None where a replay has none."""
        ...


def _owner_question(five_tuple: FiveTuple) -> str:
    return "socket_owner " + " ".join(map(str, five_tuple))


def _process_question(pid: int, start_time: float) -> str:
    return f"process {pid} {start_time:.2f}"


def _file_question(pid: int, start_time: float) -> str:
    return f"program_file {pid} {start_time:.2f}"


class RecordingHost:
    """Asks another host and keeps its answers in ``records``; a question that is repeated gets the same answer.

    A replay has one answer to each question, and has to come to the same.
    """

    def __init__(self, host: HostFacts) -> None:
        self._host = host
        self._said: dict[str, Any] = {}
        self._open: set[str] = set()
        self.records: dict[str, str] = {}

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the other host's answer."""
        return self._keep(_owner_question(five_tuple), lambda: self._host.socket_owner(five_tuple))

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return the other host's answer."""
        return self._keep(_process_question(pid, start_time), lambda: self._host.process(pid, start_time))

    def services(self) -> Services:
        """Return the other host's answer."""
        return self._keep("services", self._host.services)

    def logins(self, ip: str) -> Logins:
        """Return the other host's answer."""
        return self._keep(f"logins {ip}", lambda: self._host.logins(ip))

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        """Return the other host's answer."""
        return self._keep(_file_question(pid, start_time), lambda: self._host.program_file(pid, start_time))

    def persistence(self) -> Persistence:
        """Return the other host's answer."""
        return self._keep("persistence", self._host.persistence)

    def address(self, ip: str) -> AddressFacts:
        """Return the other host's answer."""
        return self._keep(f"address {ip}", lambda: self._host.address(ip))

    def past_incidents(self, ip: str) -> PastIncidents:
        """Return the other host's answer."""
        return self._keep(f"past_incidents {ip}", lambda: self._host.past_incidents(ip))

    def remembered(self, question: str, ask: Callable[[], str]) -> str | None:
        """Return the answer to a question, from the other host where it remembers one."""
        other = self._host
        return self._keep(question, lambda: other.remembered(question, ask) if isinstance(other, Memory) else ask())

    def abandon(self) -> None:
        """Have the questions that are open come to nothing, whatever is answered late: nobody waits any more."""
        self._open.clear()

    def _keep(self, question: str, ask: Callable[[], _T]) -> _T:
        if question in self.records:
            if question not in self._said:
                raise RepeatedFailureError(self.records[question].removeprefix(FAILED))
            return cast("_T", self._said[question])
        self.records[question] = f"{FAILED}{TimeoutError.__name__}"
        self._open.add(question)
        try:
            answer = ask()
        except Exception as error:
            self._close(question, f"{FAILED}{name_of(error)}")
            raise
        if self._close(question, wire.dumps(answer) if answer is not None else ""):
            self._said[question] = answer
        return answer

    def _close(self, question: str, record: str) -> bool:
        """Write down what came of a question, nothing for an empty record, and say whether anybody still waited."""
        if question not in self._open:
            return False
        self._open.discard(question)
        self.records.pop(question)
        if record:
            self.records[question] = record
        return bool(record)


class RecordedHost:
    """Answers from ``records``; what was never asked is ``not_recorded``."""

    def __init__(self, records: Mapping[str, str] | None = None) -> None:
        self._records = records or {}

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the recorded owner."""
        return self._recorded(_owner_question(five_tuple), SocketOwner(UNKNOWN))

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return the recorded facts."""
        return self._recorded(_process_question(pid, start_time), ProcessFacts(UNKNOWN, pid))

    def services(self) -> Services:
        """Return the recorded services."""
        return self._recorded("services", Services(UNKNOWN))

    def logins(self, ip: str) -> Logins:
        """Return the recorded logins."""
        return self._recorded(f"logins {ip}", Logins(UNKNOWN))

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        """Return the recorded facts."""
        return self._recorded(_file_question(pid, start_time), FileFacts(UNKNOWN, pid))

    def persistence(self) -> Persistence:
        """Return the recorded places."""
        return self._recorded("persistence", Persistence(UNKNOWN))

    def address(self, ip: str) -> AddressFacts:
        """Return the recorded facts."""
        return self._recorded(f"address {ip}", AddressFacts(UNKNOWN, ip))

    def past_incidents(self, ip: str) -> PastIncidents:
        """Return the incidents as they were then."""
        return self._recorded(f"past_incidents {ip}", PastIncidents(UNKNOWN))

    def remembered(self, question: str, ask: Callable[[], str]) -> str | None:
        """Return the recorded answer, None where there is none."""
        answer = self._record(question)
        return None if answer is None else str(wire.loads(str, answer))

    def _recorded(self, question: str, absent: _T) -> _T:
        answer = self._record(question)
        if answer is None:
            return absent
        found: Any = wire.loads(type(absent), answer)
        return found  # type: ignore[no-any-return]

    def _record(self, question: str) -> str | None:
        answer = self._records.get(question)
        if answer is not None and answer.startswith(FAILED):
            raise RepeatedFailureError(answer.removeprefix(FAILED))
        return answer
