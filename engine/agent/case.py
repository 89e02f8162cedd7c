"""What the analyst is given and what it hands back, and what it needs from the rooms beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.types import (
    AddressFacts,
    Alert,
    Evidence,
    Fault,
    FileFacts,
    FiveTuple,
    Flow,
    Incident,
    Logins,
    Passage,
    PastIncidents,
    Persistence,
    ProcessFacts,
    ReportedEvent,
    Services,
    Severity,
    SocketOwner,
    Verdict,
)


class PlaybookView(Protocol):
    """What an analyst does about one class of event."""

    @property
    def id(self) -> str:
        """Name of its file, without the suffix."""
        ...

    @property
    def name(self) -> str:
        """Title, in English."""
        ...

    @property
    def attack_ids(self) -> tuple[str, ...]:
        """MITRE ATT&CK technique ids that belong to the class."""
        ...

    @property
    def severity(self) -> Severity:
        """How much a confirmed case of the class matters."""
        ...

    @property
    def block(self) -> bool:
        """Whether blocking the target is a fitting answer."""
        ...

    @property
    def steps(self) -> Sequence[tuple[str, str]]:
        """In order, each as the tool that serves it (empty where none does) and its text."""
        ...

    @property
    def criteria(self) -> tuple[str, ...]:
        """How to come to a verdict, as prose for a reader or a model."""
        ...

    @property
    def actions(self) -> tuple[str, ...]:
        """Recommended next steps for a person."""
        ...


class HostFacts(Protocol):
    """What this host knows of itself. Calls block, so the analyst makes them in a thread."""

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the process behind a five-tuple."""
        ...

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return what is known of a process; a ``start_time`` of 0 means any."""
        ...

    def services(self) -> Services:
        """Return what this host offers to the network."""
        ...

    def logins(self, ip: str) -> Logins:
        """Return what the log says about logins from an address."""
        ...

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        """Return the facts of the program file of a process."""
        ...

    def persistence(self) -> Persistence:
        """Return the places that start something by themselves and were changed last."""
        ...

    def address(self, ip: str) -> AddressFacts:
        """Return what is known of an address without asking anybody."""
        ...

    def past_incidents(self, ip: str) -> PastIncidents:
        """Return the earlier incidents with an address as their target."""
        ...


class KnowledgeView(Protocol):
    """The knowledge base, read only."""

    def search(self, query: str, k: int = 5, base: str = "") -> list[Passage]:
        """Return the passages nearest to ``query``, best first; ``base`` names one collection of documents."""
        ...

    def get(self, passage_id: str, /) -> Passage | None:
        """Return the passage with that id."""
        ...

    def playbook(self, event_class: str, /) -> PlaybookView | None:
        """Return the playbook of a class of event."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """One incident as it stands when the analyst begins."""

    incident: Incident
    alerts: tuple[Alert, ...]
    flows: tuple[Flow, ...]
    """Flows of the incident's target."""
    playbook: PlaybookView | None
    now: float
    """Packet clock."""
    replay: bool
    local_ips: tuple[str, ...] = ()
    """The addresses of this host."""

    @property
    def event(self) -> ReportedEvent | None:
        """The report that the incident began with, where it did."""
        return next((alert.detection.event for alert in self.alerts if alert.detection.event), None)

    @property
    def reported_only(self) -> bool:
        """Whether no sensor of this host saw anything of it."""
        return all(alert.detection.detector == "event" for alert in self.alerts)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one investigation may spend. Enforced outside the model."""

    tool_calls: int = 8
    model_calls: int = 6
    """Calls of an endpoint; the playbook analyst costs none."""
    tokens: int = 20_000
    """In and out, over all calls."""
    seconds: float = 120.0
    call_s: float = 60.0
    """One call of the endpoint."""
    tool_s: float = 5.0
    """One tool call."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an investigation came to. The target of a block is not in it: code takes the incident's."""

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    propose_block: bool
    block_reason: str
    """Why a block is proposed, or why not; the program's own words."""
    faults: tuple[Fault, ...] = ()
    host_records: Mapping[str, str] = field(default_factory=dict)
    """What the host answered, for ``RecordedHost``."""
    answers: tuple[str, ...] = ()
    """What the endpoint answered, for ``RecordedAnswers``; empty for the playbook analyst."""
    tool_calls: int = 0
    model_calls: int = 0
    tokens: int = 0
    reported_only: bool = False
    """Whether the target was only named by a report: then a block takes the typed address."""
