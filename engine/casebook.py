"""From detections to cases: dedup, correlation, the record for replay, and what the analyst gets to see."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from engine.alerts import Deduplicator
from engine.incidents import Correlator
from engine.recorder import Recorded, Recorder
from engine.suppression import Suppressions
from engine.types import Alert, Detection, Flow, FlowUpdate, Incident

CASE_FLOWS = 200
"""Flows of the target that a case shows, the latest."""

MAX_TARGETS = 4096
"""Targets whose alerts and flows are held ready; the one seen least recently goes first."""


@dataclass(frozen=True, slots=True)
class Due:
    """An incident ready for the analyst, as it stood when it became so."""

    incident: Incident
    alerts: tuple[Alert, ...]
    flows: tuple[Flow, ...]
    at: float


@dataclass(slots=True)
class Entries:
    """What one update brought about."""

    detections: list[Detection] = field(default_factory=list)
    alerts: list[tuple[Alert, bool]] = field(default_factory=list)
    """Each with whether it is new."""
    incidents: list[Incident] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)


@dataclass(slots=True)
class _Target:
    alerts: dict[str, Alert] = field(default_factory=dict)
    flows: OrderedDict[str, Flow] = field(default_factory=OrderedDict)


class Casebook:
    """Keeps the books of one source."""

    def __init__(
        self, dedup_window_s: float, local_ips: Iterable[str] = (), suppressions: Suppressions | None = None
    ) -> None:
        self.dedup = Deduplicator(dedup_window_s, local_ips)
        self._correlator = Correlator()
        self._recorder = Recorder()
        self._targets: OrderedDict[str, _Target] = OrderedDict()
        self._suppressions = suppressions or Suppressions()

    def restore(self, incidents: Sequence[Incident], alerts: Sequence[Alert]) -> None:
        """Take up the incidents and alerts stored before a restart, oldest first."""
        self._correlator.restore(incidents, alerts)
        self.dedup.restore(alerts)
        for alert in alerts:
            self._target(alert.target_ip).alerts[alert.id] = alert

    def enter(self, update: FlowUpdate, detections: Sequence[Detection]) -> Entries:
        """Book an update and what the judges hold against it."""
        entries = Entries(detections=list(detections), due=self.due(update.at))
        entries.recorded.extend(self._recorder.see(update))
        for detection in detections:
            self._book(update, detection, entries)
        self._note_flow(update.flow)
        return entries

    def due(self, now: float) -> list[Due]:
        """Return the incidents that are ready for the analyst at ``now``."""
        return [self._case(incident, at) for incident, at in self._correlator.due(now)]

    def _book(self, update: FlowUpdate, detection: Detection, entries: Entries) -> None:
        target_ip, _ = self.dedup.ends(update.flow, detection)
        if self._suppressions.hides(target_ip, detection):
            return
        alert, is_new = self.dedup.add(update.flow, detection, detection.at)
        incident = self._correlator.add(alert)
        if alert.incident_id != incident.id:
            alert = replace(alert, incident_id=incident.id)
            self.dedup.assign(alert)
        self._target(alert.target_ip).alerts[alert.id] = alert
        entries.recorded.extend(self._recorder.follow(incident.target_ip, incident.id))
        entries.alerts.append((alert, is_new))
        entries.incidents.append(incident)

    def _note_flow(self, flow: Flow) -> None:
        for ip in (flow.five_tuple.src_ip, flow.five_tuple.dst_ip):
            target = self._targets.get(ip)
            if target is not None:
                target.flows[flow.id] = flow
                target.flows.move_to_end(flow.id)
                if len(target.flows) > CASE_FLOWS:
                    target.flows.popitem(last=False)

    def _case(self, incident: Incident, at: float) -> Due:
        target = self._target(incident.target_ip)
        alerts = tuple(target.alerts[alert_id] for alert_id in incident.alert_ids if alert_id in target.alerts)
        flows = {alert.flow.id: alert.flow for alert in alerts} | dict(target.flows)
        ordered = sorted(flows.values(), key=lambda flow: (flow.first_seen, flow.id))
        return Due(incident, alerts, tuple(ordered), at)

    def _target(self, target_ip: str) -> _Target:
        target = self._targets.setdefault(target_ip, _Target())
        self._targets.move_to_end(target_ip)
        if len(self._targets) > MAX_TARGETS:
            self._targets.popitem(last=False)
        return target
