"""One case played through the real stages: capture, flows, rules, incident, analyst, proposal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from engine import paths
from engine.agent.case import Case, Outcome
from engine.agent.graph import Analyst
from engine.casebook import Due
from engine.classifier import shipped_classifier
from engine.config import Settings
from engine.decisions import Decisions
from engine.desk import Desk
from engine.detect.event import EventDetector
from engine.detect.rules import RuleDetector
from engine.intake import Batch, Intake
from engine.knowledge import Knowledge
from engine.plan import Plan
from engine.playbooks import Playbook
from engine.sources.pcapfile import PcapFile
from engine.state import State
from engine.store.writer import Writer
from engine.triage import update_of
from engine.types import Impact, IncidentView, Passage, Proposal, ProposalState, Terms, TraceStep
from tests.engine.bench import LOCAL, few_rules, knowledge_cache
from tests.factories import pcap_file
from tests.injection.carriers import CarryingHost, event_of, frames_of, passages_of, text
from tests.injection.obedience import ObedientEndpoint


@cache
def rules() -> RuleDetector:
    """Return the rules, compiled once."""
    return RuleDetector(few_rules())


@cache
def knowledge() -> Knowledge:
    """Return the knowledge base, by words only: what it finds does not matter here, and meaning takes long."""
    return Knowledge(knowledge_cache(), embedding=False)


@dataclass
class CarryingKnowledge:
    """The knowledge base with a case's document on top of every answer."""

    passages: list[Passage]

    def search(self, query: str, k: int = 5, base: str = "") -> list[Passage]:
        return [*self.passages, *knowledge().search(query, k)][:k]

    def get(self, passage_id: str, /) -> Passage | None:
        return next((one for one in self.passages if one.id == passage_id), None) or knowledge().get(passage_id)

    def playbook(self, event_class: str, /) -> Playbook | None:
        return knowledge().playbook(event_class)


class OnlyProposals:
    """A guard that a hijacked analyst may ask for a proposal, and for nothing else."""

    def __init__(self) -> None:
        self.asked: list[tuple[Terms, dict[str, Any]]] = []

    def propose(self, terms: Terms, reason: str, **facts: Any) -> Proposal:
        self.asked.append((terms, facts))
        return Proposal("P-1", terms, reason, 0.0, 600.0, ProposalState.PENDING)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the guard was asked for {name}")


class OpenDoor:
    """The way to that guard."""

    def __init__(self, guard: OnlyProposals) -> None:
        self._guard = guard

    async def ask(self, question: Callable[[Any], Any]) -> Any:
        return question(self._guard)


@dataclass
class Deeds:
    """What the process did to the world outside while a scene was played."""

    touched: list[tuple[str, str]] = field(default_factory=list)


_watching: list[Deeds] = []
_WATCHED = {
    "open", "socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.remove", "os.rename", "os.mkdir",
}  # fmt: skip
_READ_ONLY_PLACES = (
    str(paths.ROOT),
    sys.prefix,
    sys.base_prefix,
    str(Path(sys.base_prefix).resolve()),
    "/usr/lib/python3",
)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event not in _WATCHED:
        return
    if event == "open":
        path, mode, _ = arguments
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if isinstance(path, int) or (not writes and str(path).startswith(_READ_ONLY_PLACES)):
            return
    _watching[-1].touched.append((event, repr(arguments)[:300]))


sys.addaudithook(_note)


@contextmanager
def watched() -> Iterator[Deeds]:
    """Note every file opened for writing or outside the program, every connection and every program started."""
    deeds = Deeds()
    _watching.append(deeds)
    try:
        yield deeds
    finally:
        _watching.remove(deeds)


@dataclass
class Scene:
    """What came of a case."""

    outcome: Outcome
    steps: list[TraceStep]
    asked_of_guard: list[tuple[Terms, dict[str, Any]]]
    host: CarryingHost
    endpoint: ObedientEndpoint | None
    deeds: Deeds
    case: Case
    proposals: tuple[Proposal, ...]

    @property
    def view(self) -> IncidentView:
        """The incident as it would be stored."""
        incident, outcome = self.case.incident, self.outcome
        return IncidentView(
            incident, self.case.alerts, outcome.evidence, tuple(self.steps), outcome.verdict, self.proposals, ()
        )


def due_of(case: dict[str, Any], folder: Path) -> Due:
    """Return the incident that a case leads to, through the real stages."""
    event = event_of(case)
    desk = Desk([rules(), EventDetector(shipped_classifier)], 60.0, LOCAL)
    if event is not None:
        return _due(desk, [Batch([update_of(event)], event.at, last=True)])
    name = (text(case, "pcap_file_name") or "case").replace("/", "_").replace("\0", "_")
    name = name.encode("utf-8", "backslashreplace")[:200].decode("utf-8", "ignore")
    intake = Intake(PcapFile(pcap_file(folder / f"{name}.pcap", frames_of(case))), max_flows=1000)
    return _due(desk, _batches(intake))


def _batches(intake: Intake) -> Iterator[Batch]:
    while True:
        batch = intake.read(None)
        yield batch
        if batch.last:
            return


def _due(desk: Desk, batches: Any) -> Due:
    found = [item for batch in batches for item in desk.work(batch).items if isinstance(item, Due)]
    return found[-1]


async def play(case: dict[str, Any], folder: Path, orders: dict[str, Any] | None) -> Scene:
    """Play a case: with ``orders`` a model obeys them, without it the playbook analyst works."""
    due = due_of(case, folder)
    host, endpoint = CarryingHost(case), _endpoint(case, orders) if orders else None
    known = CarryingKnowledge(passages_of(case))
    alert = max(due.alerts, key=lambda one: one.detection.severity.rank)
    playbook = known.playbook(alert.detection.event_class) or known.playbook("vulnerability_exploit")
    subject = Case(due.incident, due.alerts, due.flows, playbook, due.at, replay=False, local_ips=LOCAL)
    steps: list[TraceStep] = []
    analyst = Analyst(endpoint, host, known)
    await Analyst(None, host, known).investigate(subject, lambda _: None) if not _loaded else None
    _loaded.append(True)
    host.asked.clear()
    guard = OnlyProposals()
    published: list[Any] = []
    with watched() as deeds:
        outcome = await analyst.investigate(subject, steps.append)
        decisions = _decisions(guard, published)
        if outcome.propose_block:
            await decisions.propose_for(subject.incident, outcome, ["eth0"])
    proposals = tuple(one for one in published if isinstance(one, Proposal))
    return Scene(outcome, steps, guard.asked, host, endpoint, deeds, subject, proposals)


def _endpoint(case: dict[str, Any], orders: dict[str, Any]) -> ObedientEndpoint:
    return ObedientEndpoint(orders, case["carrier"], text(case, "mcp_argument"))


_loaded: list[bool] = []
"""Whether the analyst's libraries were loaded by a first run, whose files are not the case's doing."""


async def _impact(prefixes: Sequence[str]) -> Impact:
    return Impact(600.0, 0, 0, 0, 0, 0, (), 0, (), 0.0)


def _decisions(guard: OnlyProposals, published: list[Any]) -> Decisions:
    plan = Plan("live", "eth0", (), Settings(), None, live=True, local_ips=LOCAL)
    writer = Writer(lambda _: None, lambda _: None)
    return Decisions(plan, OpenDoor(guard), State(), writer, published.append, _impact)  # type: ignore[arg-type]
