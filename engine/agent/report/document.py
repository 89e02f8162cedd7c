"""The report as JSON. ``docs/json.md`` describes it: field names are a promise."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from engine.agent.evidence import plain
from engine.agent.report.attack import attack_chain
from engine.agent.report.indicators import indicators
from engine.agent.report.lines import LINES, PLAYBOOK
from engine.agent.report.trace import chain_of, plan_of
from engine.agent.tongue import Tongue
from engine.types import Alert, IncidentView, StepKind, TraceStep, Verdict

SCHEMA: Final = "aegis-report-1"
"""Changes when a field is renamed, goes, or means something else."""

_TEXT_LIMIT = 4_000
_ITEMS_LIMIT = LINES
_CHAIN = {0: "whole", -1: "none"}


def as_json(view: IncidentView, tongue: Tongue) -> str:
    """Return one JSON object in ASCII, without a character that HTML could take as markup."""
    verdict = view.verdict
    body = {
        "schema": SCHEMA,
        "lang": tongue.lang,
        "incident": view.incident,
        "event": next((_event(alert) for alert in view.alerts if alert.detection.event), None),
        "verdict": verdict and _verdict(verdict, tongue),
        "timeline": [
            {"at": a.first_at, "last_at": a.last_at, "count": a.count, "alert": a.id, "detection": a.detection}
            for a in sorted(view.alerts, key=lambda one: (one.first_at, one.id))
        ],
        "attack_chain": [
            {"technique": one.technique, "name": one.name, "tactic": one.tactic, "first_at": one.first_at or None}
            for one in attack_chain(view)
        ],
        "indicators": [{"kind": kind, "value": value} for kind, value in indicators(view)],
        "evidence": view.evidence,
        "proposals": view.proposals,
        "decisions": view.decisions,
        "notes": [{"at": note.at, "by": note.by, "text": note.text} for note in sorted(view.notes, key=lambda n: n.at)],
        "plan": next((_plan(step) for step in reversed(view.steps) if step.kind is StepKind.PLAN), None),
        "trace": _trace(view),
        "left_out": {
            "timeline": max(len(view.alerts) - _ITEMS_LIMIT, 0),
            "evidence": max(len(view.evidence) - _ITEMS_LIMIT, 0),
            "decisions": max(len(view.decisions) - _ITEMS_LIMIT, 0),
            "notes": max(len(view.notes) - _ITEMS_LIMIT, 0),
        },
        "model_text": verdict.summary if verdict and verdict.analyst != PLAYBOOK else None,
    }
    told = _finite(plain(body, _TEXT_LIMIT, _ITEMS_LIMIT))
    text = json.dumps(told, ensure_ascii=True, indent=2, sort_keys=True, allow_nan=False)
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&\x7f"}) + "\n"


def _finite(value: Any) -> Any:
    """Return a value with null for the numbers that JSON cannot hold."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _event(alert: Alert) -> dict[str, Any]:
    detection = alert.detection
    return {"event": detection.event, "class": detection.event_class, "confidence": detection.score}


def _verdict(verdict: Verdict, tongue: Tongue) -> dict[str, Any]:
    own = verdict.analyst == PLAYBOOK
    body: dict[str, Any] = plain(verdict, None, None)
    if not own:
        return body | {"summary": ""}
    claims = [one | {"text": tongue.retold(one["text"])} for one in body["claims"]]
    told = {name: [tongue.retold(text) for text in body[name]] for name in ("not_done", "actions")}
    return body | told | {"claims": claims, "summary": tongue.retold(body["summary"])}


def _plan(step: TraceStep) -> dict[str, Any]:
    return {"by": step.name, "steps": [{"tool": tool, "why": why} for tool, why in plan_of(step)]}


def _trace(view: IncidentView) -> dict[str, Any]:
    broken = chain_of(view.steps)
    return {"steps": len(view.steps), "chain": _CHAIN.get(broken, "broken"), "broken_at": max(broken, 0)}
