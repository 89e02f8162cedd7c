"""Groups alerts into incidents around one target, and says when an incident is ready for the analyst."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from engine.alerts import content_id
from engine.types import Alert, Incident, Severity

GAP_S = 1800.0
"""An incident takes no further alert after this much silence; the next one opens a new incident."""

SETTLE_S = 0.5
"""Time for the alerts of one attack to gather before the analyst looks."""

MAX_OPEN = 4096
"""Open incidents; the least recently updated one is closed first."""

MAX_ALERTS = 200
"""Alerts named in one incident; later ones still count in their own rows."""

MAX_INVESTIGATIONS = 6
"""How often one incident is investigated: at first, when it shows something new, and when it goes on."""

PAUSE_S = 10.0
"""An attack that goes on this long after the first look is looked at again, later ones after 6 times as long each:
the block may be over, or the proposal may have expired."""

CLASS_NAMES = {
    "sql_injection": "SQL injection",
    "xss": "cross-site scripting",
    "xxe": "XML external entity",
    "ssrf": "server-side request forgery",
    "dos": "denial of service",
    "dns_tunnel": "DNS tunnel",
    "c2_beacon": "command-and-control traffic",
    "mining": "cryptocurrency mining",
    "phishing_download": "malware download",
    "file_inclusion": "path traversal",
    "vulnerability_exploit": "exploit",
    "exfiltration": "data exfiltration",
}


NAMED = 3
"""Names in a title; of the others it gives the number."""

UNNAMED = "suspicious payload"
"""What the model alone can say; left out of a title that says more."""


def name_of(alert: Alert) -> str:
    """Return what an alert is about, in the program's own words."""
    detection = alert.detection
    if detection.label.startswith("log4shell"):
        return "Log4Shell"
    if not detection.event_class:
        return UNNAMED if detection.detector == "model" else detection.label
    return CLASS_NAMES.get(detection.event_class, detection.event_class.replace("_", " "))


@dataclass(slots=True)
class _Open:
    incident: Incident
    names: dict[str, int] = field(default_factory=dict)
    """What it is about, in the order it came, each with the rank of its gravest alert."""
    labels: set[tuple[str, str]] = field(default_factory=set)
    due_at: float | None = None
    looked_at: float = 0.0
    investigations: int = 0


class Correlator:
    """Keeps the open incidents, one for each target."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._next_due = math.inf

    def restore(self, incidents: Iterable[Incident], alerts: Iterable[Alert]) -> None:
        """Take up incidents stored before a restart, oldest first: they were investigated or are asked for anew."""
        by_id = {alert.id: alert for alert in alerts}
        for incident in incidents:
            known = [by_id[alert_id] for alert_id in incident.alert_ids if alert_id in by_id]
            labels = {(alert.detection.detector, alert.detection.label) for alert in known}
            entry = _Open(incident, {}, labels, None, incident.updated_at, investigations=1)
            for alert in known:
                _name(entry.names, alert)
            self._open[incident.target_ip] = entry

    def add(self, alert: Alert) -> Incident:
        """Return the incident that a new or repeated alert belongs to, brought up to date."""
        entry = self._open.get(alert.target_ip)
        if entry is None or alert.last_at - entry.incident.updated_at > GAP_S:
            entry = _Open(_opened(alert))
        self._open[alert.target_ip] = entry
        self._open.move_to_end(alert.target_ip)
        if len(self._open) > MAX_OPEN:
            self._open.popitem(last=False)
        self._update(entry, alert)
        return entry.incident

    def due(self, now: float) -> list[tuple[Incident, float]]:
        """Return the incidents that are ready for the analyst, each with the moment it became so."""
        if now < self._next_due:
            return []
        ready: list[tuple[Incident, float]] = []
        for entry in self._open.values():
            if entry.due_at is not None and entry.due_at <= now:
                ready.append((entry.incident, entry.due_at))
                entry.looked_at, entry.due_at = entry.due_at, None
                entry.investigations += 1
        self._next_due = min(
            (entry.due_at for entry in self._open.values() if entry.due_at is not None), default=math.inf
        )
        return sorted(ready, key=lambda pair: (pair[1], pair[0].id))

    def _update(self, entry: _Open, alert: Alert) -> None:
        incident = entry.incident
        label = (alert.detection.detector, alert.detection.label)
        _name(entry.names, alert)
        if label not in entry.labels:
            entry.labels.add(label)
            self._ask_for_analyst(entry, alert.last_at)
        elif alert.last_at - entry.looked_at >= PAUSE_S * 6 ** (entry.investigations - 1):
            self._ask_for_analyst(entry, alert.last_at)
        alert_ids = incident.alert_ids
        if alert.id not in alert_ids and len(alert_ids) < MAX_ALERTS:
            alert_ids = (*alert_ids, alert.id)
        severity = max(incident.severity, alert.detection.severity, key=lambda item: item.rank)
        entry.incident = replace(
            incident,
            updated_at=max(incident.updated_at, alert.last_at),
            severity=severity,
            title=_title(entry.names),
            alert_ids=alert_ids,
            attack_ids=tuple(dict.fromkeys((*incident.attack_ids, *alert.detection.attack_ids))),
            handshake=incident.handshake or _handshake(alert),
        )

    def _ask_for_analyst(self, entry: _Open, at: float) -> None:
        if entry.investigations < MAX_INVESTIGATIONS and entry.due_at is None:
            entry.due_at = at + SETTLE_S
            self._next_due = min(self._next_due, entry.due_at)


def _opened(alert: Alert) -> Incident:
    incident_id = content_id("INC-", 8, alert.target_ip, alert.id)
    return Incident(incident_id, alert.target_ip, alert.first_at, alert.first_at, Severity.INFO, "", (), (), False)


def _handshake(alert: Alert) -> bool:
    return alert.flow.handshake


def _name(names: dict[str, int], alert: Alert) -> None:
    name = name_of(alert)
    names[name] = max(names.get(name, 0), alert.detection.severity.rank)


def _title(names: dict[str, int]) -> str:
    """Return the gravest names in the order they came: of a Log4Shell after much else, "1 more" would say nothing."""
    told = [name for name in names if name != UNNAMED] or list(names)
    gravest = sorted(told, key=lambda name: -names[name])[:NAMED]
    title = ", then ".join(name for name in told if name in gravest)
    title += f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return title[:1].upper() + title[1:]
