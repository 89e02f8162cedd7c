"""Ties the analyst to what it needs: the model that was chosen, the knowledge base, and the host."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.agent.case import Case, HostFacts, KnowledgeView, Outcome, PlaybookView
from engine.agent.graph import Analyst, load
from engine.agent.models import ModelChoice, RecordedAnswers, choose
from engine.agent.recorded import RecordedHost
from engine.casebook import Due
from engine.knowledge import Knowledge
from engine.plan import Plan, Recording
from engine.types import Alert, Fault, TraceStep

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
    _analyst: Analyst | None = None
    _runs: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Who investigates."""
        return self.model.name if self.model else PLAYBOOK

    async def investigate(self, due: Due, on_step: Callable[[TraceStep], None]) -> Outcome:
        """Return what the investigation came to."""
        case = Case(due.incident, due.alerts, due.flows, self._playbook(due.alerts), due.at, self.replay)
        return await self._analyst_for(due).investigate(case, on_step)

    def _analyst_for(self, due: Due) -> Analyst:
        number = self._runs[due.incident.id] = self._runs.get(due.incident.id, 0) + 1
        recordings = self.recordings.get(due.incident.id, ())
        if number <= len(recordings):
            recording = recordings[number - 1]
            answers = RecordedAnswers(recording.analyst, recording.answers) if recording.answers else None
            return Analyst(answers, RecordedHost(recording.host), self.knowledge)
        if self._analyst is None:
            self._analyst = Analyst(self.model, self.host, self.knowledge)
        return self._analyst

    def _playbook(self, alerts: Sequence[Alert]) -> PlaybookView | None:
        ranked = sorted(alerts, key=lambda alert: (-alert.detection.severity.rank, alert.first_at, alert.id))
        named = [alert.detection.event_class for alert in ranked if alert.detection.event_class]
        for event_class in (*named, FALLBACK_CLASS):
            playbook = self.knowledge.playbook(event_class)
            if playbook is not None:
                return playbook
        return None


def load_investigator(plan: Plan, door: HostDoor | None, now: float) -> Investigator:
    """Load the analyst's libraries and the knowledge base; seconds of work, for a thread."""
    settings = plan.settings
    model = choose(settings.model_name, settings.openai_base_url, settings.openai_api_key)
    load(with_endpoint=model is not None)
    knowledge, faults = _open_knowledge(plan.knowledge, now)
    host: HostFacts = door if door is not None else plan.host or RecordedHost({})
    return Investigator(knowledge, host, model, not plan.live, plan.recordings, faults)


def _open_knowledge(path: Path | None, now: float) -> tuple[KnowledgeView, list[Fault]]:
    try:
        knowledge = Knowledge(path)
    except (OSError, sqlite3.Error) as error:
        if path is None:
            raise
        remedy = "it is made anew in memory at each start: free disk space, or open the folder to the engine's user"
        in_memory, faults = _open_knowledge(None, now)
        return in_memory, [*faults, Fault("knowledge", f"cannot keep {path}: {error}", remedy, now)]
    if knowledge.backend in ("sqlite-vec", "numpy"):
        return knowledge, []
    return knowledge, [Fault("knowledge", knowledge.backend, "reinstall: search goes by words only until then", now)]
