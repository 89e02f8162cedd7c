"""What an answer about an incident may cite: evidence where there is some, else the record itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.agent.evidence import ranked
from engine.agent.report.indicators import facts_of
from engine.text import escape
from engine.types import Alert, Claim, Evidence, IncidentView

CLAIM_CHARACTERS = 400
_IDS = 6


class Sources:
    """The records of one incident by their ids."""

    def __init__(self, view: IncidentView) -> None:
        self.view = view
        self.alerts = ranked(view.alerts)
        self.facts = {one.id: facts_of(one) for one in view.evidence}
        self._recorded = {str(self.facts[one.id].get("alert")): one.id for one in view.evidence if one.kind == "alert"}
        self.ids = frozenset(
            [
                view.incident.id,
                *(one.id for one in view.evidence),
                *(one.id for one in view.alerts),
                *(one.id for one in view.proposals),
            ]
        )

    def of_alerts(self, alerts: Iterable[Alert]) -> tuple[str, ...]:
        """Return what records some alerts: their evidence, or the alerts where there is none."""
        found = dict.fromkeys(self._recorded.get(alert.id, alert.id) for alert in alerts)
        return tuple(found)[:_IDS] or (self.view.incident.id,)

    def of_kind(self, *kinds: str) -> list[Evidence]:
        """Return the evidence of some kinds, the latest of each kind and subject last told first."""
        return [one for one in reversed(self.view.evidence) if one.kind in kinds]

    def holding(self, text: str) -> tuple[str, ...]:
        """Return the evidence whose content holds a text, else what records the alerts."""
        found = tuple(one.id for one in self.view.evidence if text and text in one.content)
        return found[:_IDS] or self.of_alerts(self.alerts[:1])

    def claim(self, text: str, ids: Iterable[str] = (), knowledge_ids: Iterable[str] = ()) -> Claim:
        """Return a claim on records of this incident; without ids it rests on the incident."""
        kept, known = tuple(ids)[:_IDS], tuple(knowledge_ids)[:_IDS]
        if not (kept or known):
            kept = (self.view.incident.id,)
        supported = all(one in self.ids for one in kept)
        return Claim(escape(text, limit=CLAIM_CHARACTERS), kept, known, supported)


def fact(facts: dict[str, Any], name: str) -> str:
    """Return a field of some evidence as text, escaped."""
    return escape(str(facts.get(name) or ""), limit=120)
