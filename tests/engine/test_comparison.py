"""Two runs over the same record, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.comparison import Findings, compare, differing, for_comparison
from engine.config import Settings
from engine.core import Engine
from engine.plan import Plan
from engine.types import Alert, Change, Event, Fault, Severity
from tests.aegis_tui import scenario
from tests.engine.bench import attack, replay_plan, settings
from tests.factories import pcap_file


class _Scripted:
    """A run that finds what it is told."""

    def __init__(self, listen: Findings, events: Sequence[Event]) -> None:
        self._listen, self._events = listen, events

    async def run(self, *, stay: bool = False) -> None:
        for event in self._events:
            self._listen(event)


async def _changes(tmp_path: Path, before: Sequence[Event], after: Sequence[Event]) -> tuple[Change, ...]:
    scripts = iter((before, after))
    plan = replay_plan(tmp_path)
    found = await compare("a", ("b", plan), ("c", plan), lambda _, listen: _Scripted(listen, next(scripts)))
    return found.changes


def _scored(score: float, severity: Severity = Severity.HIGH) -> Alert:
    return scenario.alert(detection=replace(scenario.alert().detection, score=score, severity=severity))


async def test_an_alert_is_new_gone_or_changed(tmp_path: Path) -> None:
    one, other = _scored(0.5), scenario.fetch_alert()
    (gone, new) = sorted(await _changes(tmp_path, [one], [other]), key=lambda change: change.kind)
    assert (gone.kind, gone.after, new.kind, new.before) == ("gone", "", "new", "")
    (changed,) = await _changes(tmp_path, [one], [_scored(0.7)])
    assert (changed.kind, changed.before, changed.after) == ("changed", "high 0.5", "high 0.7")


async def test_what_a_machine_computes_otherwise_is_no_change(tmp_path: Path) -> None:
    assert await _changes(tmp_path, [_scored(0.5)], [_scored(0.50000001)]) == ()


async def test_an_incident_changes_with_its_verdict_and_its_proposal(tmp_path: Path) -> None:
    before: list[Event] = [scenario.incident(), scenario.verdict()]
    (change,) = await _changes(tmp_path, before, [*before, scenario.proposal()])
    assert (change.what, change.kind, change.key) == ("incident", "changed", scenario.ATTACKER)
    assert "proposes nothing" in change.before
    assert "proposes 203.0.113.9/32" in change.after


async def test_faults_are_told_and_what_is_the_same_is_counted(tmp_path: Path) -> None:
    plan, fault = replay_plan(tmp_path), Fault("model", "cannot read it", "", 0.0)
    runs: tuple[list[Event], list[Event]] = ([scenario.alert()], [scenario.alert(), fault])
    scripts = iter(runs)
    found = await compare("a", ("b", plan), ("c", plan), lambda _, listen: _Scripted(listen, next(scripts)))
    assert (found.changes, found.unchanged, found.faults) == ((), 1, ("model: cannot read it",))


async def test_a_real_run_by_another_threshold_loses_the_models_alert(tmp_path: Path) -> None:
    plan = replay_plan(tmp_path, pcap_file(tmp_path / "a.pcap", attack(at=1000)))

    def make(plan: Plan, listen: Findings) -> Engine:
        return Engine(plan, on_event=listen)

    runs = [("now", for_comparison(plan, settings())), ("strict", for_comparison(plan, settings(threshold=1.0)))]
    found = await compare("a", runs[0], runs[1], make)
    assert [(change.kind, change.key.split()[-1]) for change in found.changes if change.what == "alert"] == [
        ("gone", "model.malicious")
    ]
    assert found.unchanged >= 1


def test_a_comparison_asks_no_model_and_keeps_nothing(tmp_path: Path) -> None:
    chosen = settings(openai_base_url="http://127.0.0.1:1", openai_api_key="k")
    plan = for_comparison(replay_plan(tmp_path, database=tmp_path / "a.db", paced=True, only="INC-1"), chosen)
    assert (plan.database, plan.paced, plan.only, plan.settings.openai_base_url) == (None, False, "", "")


def test_the_runs_are_named_by_what_differs() -> None:
    assert differing(Settings(), Settings(threshold=0.8)) == ("threshold as shipped", "threshold 0.8")
    assert differing(Settings(), Settings()) == ("as configured", "as configured")
