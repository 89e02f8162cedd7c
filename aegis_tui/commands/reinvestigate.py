"""``replay INCIDENT --reinvestigate``: a stored incident before a fresh analyst, and what that changes."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.live import headless
from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.recorded import plan_of_incident
from aegis_tui.commands.replay import load_incident, start
from aegis_tui.commands.settings import effective
from aegis_tui.commands.terminal import say
from engine import paths
from engine.config import Settings
from engine.plan import Plan
from engine.stored import Stored
from engine.types import Event, Fault, Proposal, TraceStep, Verdict

if TYPE_CHECKING:
    from engine.agent.difference import Difference

PLAYBOOK = "playbook"


def run(arguments: argparse.Namespace) -> int:
    """Judge the stored inputs again, with what the host answered then and an analyst of now."""
    analyst = _analyst(arguments)
    settings = analyst_settings(effective(arguments).settings, analyst)
    stored = load_incident(arguments)
    confine_to_home(arguments)
    paced = not (arguments.headless or arguments.diff)
    plan = _fresh(plan_of_incident(settings, stored, paced=paced, speed=arguments.speed), stored)
    return _compare(arguments, plan, stored) if arguments.diff else start(arguments, plan)


def _analyst(arguments: argparse.Namespace) -> str:
    """Return who is to investigate; a ``--model`` that is no file is a chat model's name."""
    if arguments.model and not Path(arguments.model).exists() and not arguments.analyst:
        arguments.analyst, arguments.model = arguments.model, None
    return str(arguments.analyst or "")


def analyst_settings(settings: Settings, analyst: str) -> Settings:
    """Return settings with another analyst; an empty name leaves the configured one.

    Raises:
        LookupError: a chat model is named and no endpoint is configured.
    """
    if analyst == PLAYBOOK:
        return replace(
            settings, openai_base_url="", openai_api_key="", classifier_model_name="", classifier_base_url=""
        )
    if analyst and not (settings.openai_base_url or settings.openai_api_key):
        msg = f"no endpoint is configured for {analyst}: set OPENAI_BASE_URL, or name the analyst {PLAYBOOK}"
        raise LookupError(msg)
    return replace(settings, model_name=analyst or settings.model_name)


def _fresh(plan: Plan, stored: Stored) -> Plan:
    """Return a plan in which the host answers as it did, and nobody else is remembered."""
    from engine.agent.recorded import RecordedHost  # noqa: PLC0415 - light, but not needed to refuse a name

    answers = {question: answer for one in stored.recordings for question, answer in one.host.items()}
    return replace(plan, recordings={}, host=RecordedHost(answers))


class _Listener:
    """Keeps what an investigation comes to."""

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self.steps: list[TraceStep] = []
        self.proposed: list[str] = []
        self.faults: list[str] = []

    def __call__(self, event: Event) -> None:
        """Note an event."""
        match event:
            case Verdict():
                self.verdict = event
            case TraceStep():
                self.steps.append(event)
            case Proposal():
                self.proposed.append(event.terms.prefix)
            case Fault() if not event.cleared:
                self.faults.append(f"{event.ability}: {event.message}")
            case _:
                pass


def _compare(arguments: argparse.Namespace, plan: Plan, stored: Stored) -> int:
    from engine.agent.difference import difference, judged  # noqa: PLC0415 - after the input is known to be right
    from engine.core import Engine  # noqa: PLC0415

    log_to(paths.user_state(), plan.settings.log_level)
    heard, view = _Listener(), stored.view
    asyncio.run(headless(Engine(plan, on_event=heard), None))
    before = judged(view.verdict, view.steps, (one.terms.prefix for one in view.proposals))
    after = judged(heard.verdict, heard.steps, heard.proposed)
    found = difference(before, after)
    if arguments.json:
        say(json.dumps({"type": "reinvestigation", "incident_id": stored.id, **_told(found, heard)}), as_json=True)
        return 0
    say(f"{stored.id}  {stored.title}")
    say(f"stored by {before.analyst or 'nobody'}, now by {after.analyst or 'nobody'}")
    for line in _lines(found, heard):
        say(line)
    return 0


def _told(found: Difference, heard: _Listener) -> dict[str, object]:
    return {
        "changed": {name: {"before": old, "after": new} for name, old, new in found.single},
        "added": [{"field": name, "text": text} for name, text in found.added],
        "removed": [{"field": name, "text": text} for name, text in found.removed],
        "faults": heard.faults,
    }


def _lines(found: Difference, heard: _Listener) -> list[str]:
    lines = [f"~ {name:12} {old or '-'} -> {new or '-'}" for name, old, new in found.single]
    lines += [f"+ {name:12} {text}" for name, text in found.added]
    lines += [f"- {name:12} {text}" for name, text in found.removed]
    lines += [f"! {fault}" for fault in heard.faults]
    return lines if found else [*lines, "nothing changed"]
