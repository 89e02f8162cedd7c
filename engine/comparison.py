"""Two runs over the same record: what other judges find that the first did not, miss, or see otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from engine.config import Settings
from engine.plan import Plan
from engine.types import Alert, Change, Comparison, Event, Fault, Incident, Proposal, Verdict

SCORE_DIGITS = 4
"""Scores are the same when they differ by less: what a machine computes otherwise is no change."""


@dataclass(slots=True)
class Findings:
    """What one run came to; it listens to the run."""

    alerts: dict[tuple[str, ...], tuple[float, str]] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    proposals: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Note what was found."""
        match event:
            case Alert():
                found = event.detection
                key = (event.target_ip, found.detector, found.label, found.flow_id)
                told = f"{found.severity.value} {round(found.score, SCORE_DIGITS):g}"
                self.alerts.setdefault(key, (event.first_at, told))
            case Incident():
                self.incidents[event.id] = event
            case Verdict():
                self.verdicts[event.incident_id] = event.conclusion.value
            case Proposal():
                self.proposals.setdefault(event.terms.incident_id, []).append(event.terms.prefix)
            case Fault() if not event.cleared:
                self.faults.append(f"{event.ability}: {event.message}")
            case _:
                pass

    def in_words(self) -> dict[tuple[str, ...], tuple[float, str]]:
        """Return the incidents by target, told as they ended."""
        told: dict[tuple[str, ...], tuple[float, str]] = {}
        for incident in sorted(self.incidents.values(), key=lambda one: (one.opened_at, one.id)):
            verdict = self.verdicts.get(incident.id, "no verdict")
            block = ", ".join(dict.fromkeys(self.proposals.get(incident.id, []))) or "nothing"
            number = sum(key[0] == incident.target_ip for key in told) + 1
            words = f"{incident.severity.value}, {verdict}, proposes {block}: {incident.title}"
            told[incident.target_ip, *(() if number == 1 else (f"#{number}",))] = (incident.opened_at, words)
        return told


class Run(Protocol):
    """One run of the engine."""

    async def run(self, *, stay: bool = False) -> None: ...


Make = Callable[[Plan, Findings], Run]
"""Makes a run that tells what it finds."""


async def compare(title: str, before: tuple[str, Plan], after: tuple[str, Plan], make: Make) -> Comparison:
    """Run one plan after the other, each with its name, and return what changed."""
    found = []
    for _, plan in (before, after):
        findings = Findings()
        await make(plan, findings).run()
        found.append(findings)
    changes = [
        *_changes("incident", found[0].in_words(), found[1].in_words()),
        *_changes("alert", found[0].alerts, found[1].alerts),
    ]
    both = [len({*one.alerts} | {("incident", *key) for key in one.in_words()}) for one in found]
    unchanged = both[1] - sum(change.kind != "gone" for change in changes)
    return Comparison(
        title, before[0], after[0], tuple(changes), unchanged, tuple(dict.fromkeys(found[0].faults + found[1].faults))
    )


def for_comparison(plan: Plan, settings: Settings) -> Plan:
    """Return a plan that runs at once, keeps nothing, and is investigated by the playbook analyst: both runs alike."""
    alone = replace(settings, openai_base_url="", openai_api_key="", classifier_model_name="", classifier_base_url="")
    return replace(plan, settings=alone, database=None, paced=False, lockstep=True, only="", recordings={})


def differing(before: Settings, after: Settings) -> tuple[str, str]:
    """Return in words by what two runs judge that is not the same."""
    names = [name for name in ("model", "threshold", "rules") if getattr(before, name) != getattr(after, name)]
    told = [", ".join(f"{name} {getattr(one, name) or 'as shipped'}" for name in names) for one in (before, after)]
    return told[0] or "as configured", told[1] or "as configured"


_Rows = Mapping[tuple[str, ...], tuple[float, str]]


def _changes(what: str, before: _Rows, after: _Rows) -> Iterable[Change]:
    keys = sorted({*before, *after}, key=lambda key: ((before.get(key) or after[key])[0], key))
    for key in keys:
        at, _ = before.get(key) or after[key]
        old, new = before.get(key, (at, ""))[1], after.get(key, (at, ""))[1]
        if old != new:
            kind = "new" if not old else "gone" if not new else "changed"
            yield Change(kind, what, at, " ".join(key[:1] + key[2:3] if what == "alert" else key), old, new)
