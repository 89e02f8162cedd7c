"""Ties the analyst to what it needs: the model that was chosen, the knowledge base, and the host."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import paths
from engine.agent.case import Case, HostFacts, KnowledgeView, Outcome, PlaybookView
from engine.agent.graph import Analyst, load
from engine.agent.models import Endpoint, ModelChoice, RecordedAnswers, choose
from engine.agent.plugins import load_user_tools
from engine.agent.prompts import Prompts, nonce_for
from engine.agent.recorded import RecordedHost
from engine.agent.spending import Ledger
from engine.agent.tools import Answer, Toolbox
from engine.agent.tools.user import UserTool
from engine.casebook import Due
from engine.config import Settings
from engine.documents.opening import NAME, open_documents
from engine.hostfacts import Host, Past
from engine.knowledge import NO_ATTACK, Knowledge
from engine.names import Names
from engine.networks import Networks
from engine.plan import Plan, Recording
from engine.playbooks import read_playbooks
from engine.reason import reason
from engine.types import Alert, Fault, Flow, Incident, IncidentView, SourcedAnswer, TraceStep

if TYPE_CHECKING:
    from engine.hostdoor import HostDoor

PLAYBOOK = "playbook"
FALLBACK_CLASS = "vulnerability_exploit"
"""The playbook for alerts that name no event class, such as the model's."""


@dataclass(slots=True)
class Investigator:
    """Turns a case that is due into an investigation."""

    knowledge: KnowledgeView
    host: HostFacts
    model: ModelChoice | None
    replay: bool
    recordings: Mapping[str, Sequence[Recording]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    classifier: ModelChoice | None = None
    """Refines the class of a reported event; None for the investigating model."""
    classes: Sequence[str] = ()
    """The event classes that there are."""
    prompts: Path | None = None
    """A user's folder of prompts."""
    ledger: Ledger | None = None
    local_ips: tuple[str, ...] = ()
    user_tools: Sequence[UserTool] = ()
    _analyst: Analyst | None = None
    _alone: Analyst | None = None
    _runs: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Who investigates."""
        return self.model.name if self.model else PLAYBOOK

    @property
    def models(self) -> tuple[str, ...]:
        """The analysts to choose from."""
        return (self.model.name, PLAYBOOK) if self.model else (PLAYBOOK,)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where text about incidents is sent, in words, without the secrets of an address."""
        asked = (self.model, self.classifier)
        return tuple(dict.fromkeys(choice.where for choice in asked if choice is not None))

    @property
    def paused_until(self) -> float:
        """Wall clock until which an endpoint that failed is left alone; 0 when it is asked."""
        return self._first().paused_until

    async def investigate(self, due: Due, on_step: Callable[[TraceStep], object], model: str = "") -> Outcome:
        """Return what the investigation came to; ``model`` is one of ``models``, or empty for the first."""
        case = self._case(due.incident, due.alerts, due.flows, due.at)
        return await self._analyst_for(due, model).investigate(case, on_step)

    def preview(self, view: IncidentView) -> str:
        """Return what of an incident would be sent first to the endpoint, as it would leave the host."""
        return self._first().preview(self._stored_case(view))

    def use_tool(self, view: IncidentView, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Return a tool's answer about a stored incident. May block: call it in a thread."""
        case = self._stored_case(view)
        return Toolbox(case, self.host, self.knowledge, nonce_for(case), self.user_tools).call(name, dict(arguments))

    async def ask(self, question: str, view: IncidentView | None, k: int, base: str) -> SourcedAnswer:
        """Return what is known to a question, with its sources."""
        from engine.agent.ask import answer, subject  # noqa: PLC0415 - only where it is asked for

        passages = await asyncio.to_thread(self.knowledge.search, subject(question, view), k, base)
        chat = self._first().chat
        endpoint = chat if isinstance(chat, Endpoint) else None
        return await answer(question, view, passages, endpoint, secrets.token_hex(6))

    def _stored_case(self, view: IncidentView) -> Case:
        flows = {alert.flow.id: alert.flow for alert in view.alerts}
        return self._case(view.incident, view.alerts, tuple(flows.values()), view.incident.updated_at)

    def _case(self, incident: Incident, alerts: Sequence[Alert], flows: Sequence[Flow], at: float) -> Case:
        playbook = self._playbook(alerts)
        return Case(incident, tuple(alerts), tuple(flows), playbook, at, self.replay, self.local_ips)

    def _analyst_for(self, due: Due, model: str) -> Analyst:
        number = self._runs[due.incident.id] = self._runs.get(due.incident.id, 0) + 1
        recordings = self.recordings.get(due.incident.id, ())
        if number <= len(recordings):
            recording = recordings[number - 1]
            answers = RecordedAnswers(recording.analyst, recording.answers) if recording.answers else None
            return Analyst(
                answers, RecordedHost(recording.host), self.knowledge,
                prompts=self.prompts, classes=self.classes, user_tools=self.user_tools,
            )  # fmt: skip
        if model == PLAYBOOK and self.model is not None:
            return self._playbook_alone()
        return self._first()

    def _first(self) -> Analyst:
        if self._analyst is None:
            self._analyst = Analyst(
                self.model, self.host, self.knowledge,
                prompts=self.prompts, classifier=self.classifier, classes=self.classes,
                ledger=self.ledger, user_tools=self.user_tools,
            )  # fmt: skip
        return self._analyst

    def _playbook_alone(self) -> Analyst:
        if self._alone is None:
            self._alone = Analyst(None, self.host, self.knowledge, user_tools=self.user_tools)
        return self._alone

    def _playbook(self, alerts: Sequence[Alert]) -> PlaybookView | None:
        ranked = sorted(alerts, key=lambda alert: (-alert.detection.severity.rank, alert.first_at, alert.id))
        named = [alert.detection.event_class for alert in ranked if alert.detection.event_class]
        for event_class in (*named, FALLBACK_CLASS):
            playbook = self.knowledge.playbook(event_class)
            if playbook is not None:
                return playbook
        return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Who knows of this host and its past."""

    door: HostDoor | None = None
    names: Names = field(default_factory=Names)
    past: Past | None = None


def load_investigator(plan: Plan, sources: Sources, now: float, ledger: Ledger | None = None) -> Investigator:
    """Load the analyst's libraries and the knowledge base; seconds of work, for a thread."""
    settings = plan.settings
    model, classifier = choices(settings)
    load(with_endpoint=model is not None or classifier is not None)
    prompts, faults = _own_prompts(settings, now)
    playbooks, more = _own_playbooks(settings, now)
    knowledge, missing = _open_knowledge(plan.knowledge, playbooks, now)
    # A replay contacts nothing: where an endpoint embeds the documents, their words alone are searched.
    at_hand = replace(settings, openai_base_url="", openai_api_key="") if plan.replays else settings
    missing += _open_documents(plan.knowledge, knowledge, at_hand, now, ledger)
    networks, unread = _open_networks(settings, now)
    folder = Path(settings.tools_folder) if settings.tools_folder else None
    user_tools, refused = load_user_tools(settings.tools, folder, now)
    facts: HostFacts = sources.door if sources.door is not None else plan.host or RecordedHost({})
    host = Host(facts, sources.names, own=plan.local_addresses, networks=networks, past=sources.past)
    return Investigator(
        knowledge, host, model, plan.replays, plan.recordings, [*faults, *more, *missing, *unread, *refused],
        classifier=classifier, classes=knowledge.event_classes, prompts=prompts, ledger=ledger,
        local_ips=plan.local_addresses, user_tools=user_tools,
    )  # fmt: skip


def _open_networks(settings: Settings, now: float) -> tuple[Networks | None, list[Fault]]:
    try:
        return Networks(Path(settings.asn_database)) if settings.asn_database else None, []
    except (OSError, ValueError) as error:
        return None, [Fault("networks", reason(error), "name a MaxMind DB file in asn_database, or none", now)]


def choices(settings: Settings) -> tuple[ModelChoice | None, ModelChoice | None]:
    """Return the model that investigates, and the one that classifies where that is another."""
    model = choose(settings.model_name, settings.openai_base_url, settings.openai_api_key)
    named = settings.classifier_model_name or settings.classifier_base_url
    if not named:
        return model, None
    elsewhere = settings.classifier_base_url not in ("", settings.openai_base_url)
    key = settings.classifier_api_key or ("" if elsewhere else settings.openai_api_key)
    name = settings.classifier_model_name or settings.model_name
    return model, choose(name, settings.classifier_base_url or settings.openai_base_url, key)


def _own_prompts(settings: Settings, now: float) -> tuple[Path | None, list[Fault]]:
    folder = Path(settings.prompts) if settings.prompts else None
    try:
        Prompts(folder)
    except (OSError, ValueError) as error:
        return None, [Fault("prompts", reason(error), "the shipped prompts are used until it can be", now)]
    return folder, []


def _own_playbooks(settings: Settings, now: float) -> tuple[Path | None, list[Fault]]:
    folder = Path(settings.playbooks) if settings.playbooks else None
    try:
        read_playbooks(paths.PLAYBOOKS, folder)
    except (OSError, ValueError) as error:
        return None, [Fault("playbooks", reason(error), "the shipped playbooks are used until it can be", now)]
    return folder, []


def _open_knowledge(path: Path | None, playbooks: Path | None, now: float) -> tuple[Knowledge, list[Fault]]:
    try:
        knowledge = Knowledge(path, user_playbooks=playbooks)
    except Exception as error:  # a damaged file breaks its reader in ways of its own
        if path is None:
            remedy = "reinstall: the analyst works without citations until then"
            told = Fault("knowledge", f"ATT&CK cannot be opened: {type(error).__name__}: {reason(error)}", remedy, now)
            return Knowledge(user_playbooks=playbooks, attack=False), [told]
        remedy = "it is made anew in memory at each start: free disk space, or open the folder to the engine's user"
        in_memory, faults = _open_knowledge(None, playbooks, now)
        if in_memory.backend == NO_ATTACK:
            return in_memory, faults
        return in_memory, [*faults, Fault("knowledge", f"cannot keep {path}: {reason(error, of=path)}", remedy, now)]
    if knowledge.backend in ("sqlite-vec", "numpy"):
        return knowledge, []
    return knowledge, [Fault("knowledge", knowledge.backend, "reinstall: search goes by words only until then", now)]


@dataclass(frozen=True, slots=True)
class _DayLimit:
    """Keeps searches of documents from the endpoint once the day is spent.

    The few tokens of a query are not counted here: searches run in threads, and the ledger is the loop's.
    """

    ledger: Ledger

    def is_spent(self, now: float) -> bool:
        return self.ledger.is_spent(now)

    def spend(self, model: str, tokens_in: int, tokens_out: int, now: float) -> None:
        return


def _open_documents(
    beside: Path | None, knowledge: Knowledge, settings: Settings, now: float, ledger: Ledger | None
) -> list[Fault]:
    """Give the knowledge base the user's documents, which lie beside its own file."""
    path = beside.with_name(NAME) if beside is not None else None
    try:
        account = _DayLimit(ledger) if ledger is not None else None
        knowledge.documents = documents = open_documents(path, settings, shipped=knowledge.embedder, account=account)
    except (OSError, ValueError, sqlite3.Error) as error:
        if path is not None and not path.exists():
            return []
        remedy = "ATT&CK is searched alone until then"
        return [Fault("documents", f"cannot open {path}: {reason(error, of=path)}", remedy, now)]
    return [Fault("documents", documents.fault, "add them again", now)] if documents.fault else []
