"""Evidence: recorded facts with an id made from their content, safe to show anywhere."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from engine.agent.case import Case
from engine.text import escape
from engine.types import Alert, Direction, Evidence, Flow, ReportedEvent

ALERTS_SHOWN = 12
"""Alerts of an incident that become evidence, the most severe first."""

_TEXT_LIMIT = 1024
_ITEMS_LIMIT = 64


def plain(value: Any, limit: int | None = _TEXT_LIMIT, items: int | None = _ITEMS_LIMIT) -> Any:
    """Return a JSON form of ``value`` in which every text is escaped, and texts and lists are bounded."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name), limit, items) for f in dataclasses.fields(value)}
    if isinstance(value, str | bytes):
        return value.value if isinstance(value, StrEnum) else escape(value, limit=limit)
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, Mapping):
        return {escape(str(key)): plain(entry, limit, items) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [plain(entry, limit, items) for entry in value[:items]]
    return value


def canonical(value: Any) -> str:
    """Return ``plain(value)`` as JSON text with sorted keys."""
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def record(case: Case, kind: str, summary: str, value: Any) -> Evidence:
    """Return the evidence that holds ``value``."""
    content = canonical(value)
    digest = hashlib.sha256(f"{kind}\n{content}".encode()).hexdigest()
    return Evidence(f"E-{digest[:10]}", case.incident.id, kind, case.now, escape(summary, limit=200), content, digest)


def ends(flow: Flow) -> str:
    """Return a flow's five-tuple as one readable text."""
    ends_of = flow.five_tuple
    return f"{ends_of.proto} {ends_of.src_ip}:{ends_of.src_port} > {ends_of.dst_ip}:{ends_of.dst_port}"


def ranked(alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """Return the alerts, the one that matters most first."""
    return tuple(sorted(alerts, key=lambda alert: (-alert.detection.severity.rank, alert.first_at, alert.id)))


def known_flows(case: Case) -> dict[str, Flow]:
    """Return every flow of the case by its id."""
    return {alert.flow.id: alert.flow for alert in case.alerts} | {flow.id: flow for flow in case.flows}


def alert_evidence(case: Case, alert: Alert) -> Evidence:
    """Return the evidence that records an alert."""
    detection = alert.detection
    value = {
        "alert": alert.id,
        "target_ip": alert.target_ip,
        "local_ip": alert.local_ip,
        "first_at": alert.first_at,
        "last_at": alert.last_at,
        "count": alert.count,
        "flow_id": detection.flow_id,
        "detector": detection.detector,
        "version": detection.version,
        "label": detection.label,
        "score": round(detection.score, 4),
        "severity": detection.severity,
        "reason": detection.reason,
        "attacker": detection.attacker,
        "attack_ids": detection.attack_ids,
        "event_class": detection.event_class,
        "excerpt": detection.excerpt,
    }
    summary = f"{detection.detector} reported {detection.label} ({detection.severity}) on {ends(alert.flow)}"
    return record(case, "alert", summary, value)


def flow_evidence(case: Case, flow: Flow) -> Evidence:
    """Return the evidence that records a flow, without its payload."""
    return record(case, "flow", f"{ends(flow)}, {flow.state}", flow_facts(flow))


def flow_facts(flow: Flow) -> dict[str, Any]:
    """Return what is known of a flow beside its payload."""
    names = ("id", "first_seen", "last_seen", "packets", "bytes", "payload_bytes", "state", "handshake", "app", "name")
    return {"ends": ends(flow)} | {name: getattr(flow, name) for name in names}


def payload_evidence(case: Case, flow: Flow, direction: Direction) -> Evidence:
    """Return the evidence that records the first payload bytes of one direction."""
    head = flow.head[list(Direction).index(direction)]
    value = {
        "flow_id": flow.id,
        "direction": direction,
        "bytes": len(head),
        "sha256": hashlib.sha256(head).hexdigest(),
        "text": head,
    }
    return record(case, "payload", f"first {len(head)} payload bytes {direction} of {ends(flow)}", value)


def event_evidence(case: Case, event: ReportedEvent) -> Evidence:
    """Return the evidence that records what another product reported."""
    ends_of = f"{event.src_ip}:{event.src_port} > {event.dst_ip}:{event.dst_port}"
    return record(case, "event", f"report of another product ({event.origin}) on {ends_of}: {event.name}", event)


def first_evidence(case: Case) -> tuple[Evidence, ...]:
    """Return the evidence an investigation starts from: its alerts and their flows, and the report if it is one."""
    shown = ranked(case.alerts)[:ALERTS_SHOWN]
    flows = known_flows(case)
    carriers = dict.fromkeys(alert.flow.id for alert in shown)
    alerts = [alert_evidence(case, alert) for alert in shown]
    reports = [event_evidence(case, case.event)] if case.event is not None else []
    return tuple(dict.fromkeys(reports + alerts + [flow_evidence(case, flows[flow_id]) for flow_id in carriers]))
