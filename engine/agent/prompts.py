"""The words a model is given: prompt files, and the brief of a case with everything untrusted fenced."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from engine import paths
from engine.agent.case import Case
from engine.agent.evidence import (
    alert_evidence,
    canonical,
    ends,
    event_evidence,
    flow_evidence,
    known_flows,
    ranked,
)
from engine.agent.steps import steps_of
from engine.ownership import read_own
from engine.text import escape, fence
from engine.types import Alert

_ALERTS = 6
_FLOWS = 4
_EXCERPTS = 3
_EXCERPT_CHARACTERS = 240
_EVENT_CHARACTERS = 2400
_PLAYBOOK_CHARACTERS = 1600

_PROCESS_SECRET = os.urandom(16)


def nonce_for(case: Case) -> str:
    """Return the fence nonce of a case.

    Live it is made with a secret of this process, so that nobody outside can know it. A replay has
    to repeat itself and uses a public key: there the fence holds because it breaks up every marker
    and nonce in the text, which it does in both cases.
    """
    key = b"replay" if case.replay else _PROCESS_SECRET
    return hmac.new(key, case.incident.id.encode(), hashlib.sha256).hexdigest()[:12]


class Prompts:
    """Reads prompt files from a user's folder first, then from the program's own."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read what there is in ``folder``; raises ``OSError`` where others may have written it."""
        self._own: dict[str, str] = {}
        for file in [folder / shipped.name for shipped in paths.PROMPTS.glob("*.md")] if folder else ():
            if file.exists() or file.is_symlink():
                self._own[file.stem] = read_own(file).decode("utf-8")

    def text(self, name: str, **values: str) -> str:
        """Return the prompt with ``$name`` placeholders filled in."""
        own = self._own.get(name)
        text = own if own is not None else (paths.PROMPTS / f"{name}.md").read_text(encoding="utf-8")
        return Template(text).safe_substitute(values).strip()

    def json_tools(self, tools: Sequence[dict[str, Any]]) -> str:
        """Return how to call tools on a server without native tool calls."""
        lines = [json.dumps(tool["function"], sort_keys=True) for tool in tools]
        return self.text("json_tools", tools="\n".join(lines))


def brief(case: Case, nonce: str) -> str:
    """Return the case for a model: the program's words, then untrusted excerpts in fences."""
    incident = case.incident
    alerts = ranked(case.alerts)[:_ALERTS]
    lines = [
        f"Incident {incident.id}: {escape(incident.title, limit=200)}",
        f"Target {incident.target_ip}, severity {incident.severity}, "
        f"{'a TCP handshake was completed' if incident.handshake else 'no TCP handshake was completed'}.",
        f"Alerts ({len(alerts)} of {len(case.alerts)} shown):",
        *(_alert_line(case, alert) for alert in alerts),
        "Flows:",
        *_flow_lines(case),
        _playbook_text(case),
        *([event_text(case, nonce)] if case.event is not None else []),
    ]
    for alert in [one for one in alerts if one.detection.excerpt][:_EXCERPTS]:
        evidence_id = alert_evidence(case, alert).id
        lines.append(f"Captured bytes of alert {evidence_id}:")
        lines.append(fence(alert.detection.excerpt, nonce, evidence_id, limit=_EXCERPT_CHARACTERS))
    return "\n".join(lines)


def event_text(case: Case, nonce: str) -> str:
    """Return what another product reported: ends and time in the program's words, the rest in a fence."""
    event = case.event
    if event is None:
        return ""
    evidence_id = event_evidence(case, event).id
    body = canonical({"name": event.name, "content": escape(event.content, limit=_EVENT_CHARACTERS)})
    seen = "No sensor of this host saw anything of it." if case.reported_only else ""
    return (
        f"Reported by another product ({event.origin}) as evidence {evidence_id}: {event.src_ip} port {event.src_port} "
        f"to {event.dst_ip} port {event.dst_port}, {_moment(event.at)}. {seen}\n"
        f"{fence(body, nonce, evidence_id)}"
    )


def _moment(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "at an unreadable time"


def _alert_line(case: Case, alert: Alert) -> str:
    detection = alert.detection
    return (
        f"- {alert_evidence(case, alert).id}: {detection.detector} {detection.label}, {detection.severity}, "
        f"score {detection.score:.2f}, {alert.count}x, flow {alert.flow.id}: {escape(detection.reason, limit=200)}"
        f" {' '.join(detection.attack_ids)}"
    )


def _flow_lines(case: Case) -> list[str]:
    flows = known_flows(case)
    carriers = list(dict.fromkeys(alert.flow.id for alert in ranked(case.alerts)[:_ALERTS]))[:_FLOWS]
    return [
        f"- {flow_evidence(case, flows[one]).id}: flow {one}, {ends(flows[one])}, {flows[one].state}, "
        f"payload {flows[one].payload_bytes[0]} to server, {flows[one].payload_bytes[1]} to client"
        for one in carriers
    ]


def _playbook_text(case: Case) -> str:
    if case.playbook is None:
        return "There is no playbook for this class of event."
    steps = [f"{number}. {tool} {text}" for number, (tool, text) in enumerate(steps_of(case), 1)]
    text = (
        f"Playbook {case.playbook.id}:\n" + "\n".join(steps) + f"\nVerdict criteria: {' '.join(case.playbook.criteria)}"
    )
    return text[:_PLAYBOOK_CHARACTERS]
