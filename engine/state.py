"""What the console is shown: the engine's recent events, kept within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from engine.types import (
    Alert,
    Block,
    Counters,
    Event,
    Fault,
    Flow,
    Incident,
    LibraryEntry,
    Origin,
    Processes,
    Proposal,
    Recovery,
    Snapshot,
    Status,
)

KEPT = 2000
"""Alerts, incidents and proposals shown, some 3 kB each; all of them are in the database."""

KEPT_REPORTED = KEPT // 2
"""Of them, those about what other products only reported: more of these displace each other, nothing that was seen."""

SCORES_S = 1.0
"""How old the scores of the same flows may be: who asks often pays once."""

_T = TypeVar("_T")


class _Latest(Generic[_T]):
    """The latest values by id, the one changed last at the end."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, _T] = OrderedDict()
        self._reported: OrderedDict[str, None] = OrderedDict()
        self._newest: tuple[_T, ...] | None = ()

    def put(self, key: str, value: _T, *, reported: bool = False) -> None:
        self._newest = None
        self._values[key] = value
        self._values.move_to_end(key)
        self._reported.pop(key, None)
        if reported:
            self._reported[key] = None
        if len(self._reported) > KEPT_REPORTED:
            self._values.pop(self._reported.popitem(last=False)[0])
        elif len(self._values) > KEPT:
            self._reported.pop(self._values.popitem(last=False)[0], None)

    def drop(self, key: str) -> None:
        if self._values.pop(key, None) is not None:
            self._newest = None
        self._reported.pop(key, None)

    def get(self, key: str) -> _T | None:
        return self._values.get(key)

    def newest(self) -> tuple[_T, ...]:
        """Return the same tuple until there is something new: who draws it need not look again."""
        if self._newest is None:
            self._newest = tuple(reversed(self._values.values()))
        return self._newest


class State:
    """The latest of everything, from which snapshots are drawn."""

    def __init__(self) -> None:
        self.alerts: _Latest[Alert] = _Latest()
        self.incidents: _Latest[Incident] = _Latest()
        self.proposals: _Latest[Proposal] = _Latest()
        self.blocks: tuple[Block, ...] = ()
        """The first of the blocks, as last read from the kernel."""
        self.blocks_total = self.dropped_packets = 0
        """Of all blocks."""
        self.recovery: Recovery | None = None
        self._processes: dict[str, Processes] = {}
        self._reported: _Latest[bool] = _Latest()
        """Whether an incident was only reported, as its latest alert has it."""
        self._faults: dict[str, Fault] = {}
        self._merged: tuple[tuple[tuple[Flow, ...], ...], tuple[Flow, ...]] = ((), ())
        self._known: tuple[tuple[Flow, ...], float, Mapping[str, float]] = ((), 0.0, {})

    def apply(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case Alert():
                reported = event.detection.detector == "event"
                self._reported.put(event.incident_id, reported)
                self.alerts.put(event.id, event, reported=reported)
            case Incident():
                self.incidents.put(event.id, event, reported=bool(self._reported.get(event.id)))
            case Proposal():
                about = event.terms.incident_id
                self.proposals.put(event.id, event, reported=bool(self._reported.get(about)))
            case Fault():
                self._note_fault(event)
            case Recovery():
                self.recovery = event
            case _:
                pass

    def take_up(self, entries: Iterable[LibraryEntry]) -> None:
        """Show stored incidents again, without their alerts; the last is displaced last, and what is shown stays."""
        named = {}
        for entry in entries:
            incident = entry.incident
            if self.incidents.get(incident.id) is not None:
                continue
            self._reported.put(incident.id, entry.origin is Origin.EVENT)
            self.apply(incident)
            if entry.processes != Processes():
                named[incident.id] = entry.processes
        self._processes = {**self._processes, **named}

    def name_processes(self, incident_id: str, processes: Processes) -> None:
        """Take note of what the host named behind an incident: the mapping that is shown is never changed."""
        if processes != Processes():
            held = list(self._processes.items())[-KEPT:]
            self._processes = {**dict(held), incident_id: processes}

    def forget(self, incident_id: str) -> None:
        """Show an incident and its alerts no more: they are removed from the database."""
        self.incidents.drop(incident_id)
        self._reported.drop(incident_id)
        for alert in self.alerts.newest():
            if alert.incident_id == incident_id:
                self.alerts.drop(alert.id)
        self._processes = {known: found for known, found in self._processes.items() if known != incident_id}

    def faults(self) -> tuple[Fault, ...]:
        """Return the faults that stand, newest first."""
        return tuple(sorted(self._faults.values(), key=lambda fault: -fault.at))

    def flows(self, views: Sequence[tuple[Flow, ...]]) -> tuple[Flow, ...]:
        """Return the flows of several sources, newest first; the same tuple while the sources have nothing new."""
        if len(views) == 1:
            return views[0]
        held, flows = self._merged
        if len(held) != len(views) or any(one is not other for one, other in zip(held, views, strict=True)):
            flows = tuple(sorted((flow for view in views for flow in view), key=lambda flow: -flow.last_seen))
            self._merged = (tuple(views), flows)
        return flows

    def _scores(self, flows: tuple[Flow, ...], scores: Mapping[str, float], now: float) -> Mapping[str, float]:
        """Return the scores of flows, looked up again when the flows are others, or a second later."""
        held, at, known = self._known
        if held is not flows or not at <= now < at + SCORES_S:
            known = {flow.id: scores[flow.id] for flow in flows if flow.id in scores}
            self._known = (flows, now, known)
        return known

    def snapshot(
        self,
        status: Status,
        counters: Counters,
        now: float,
        flows: tuple[Flow, ...],
        scores: Mapping[str, float],
        finished: bool,
    ) -> Snapshot:
        """Return everything as it stands."""
        known = self._scores(flows, scores, now)
        incidents = tuple(sorted(self.incidents.newest(), key=_by_last_alert))
        return Snapshot(
            status, counters, now, flows, known, incidents,
            self.alerts.newest(), self.proposals.newest(), self.blocks, self.faults(), finished,
            self.blocks_total, self.dropped_packets, recovery=self.recovery, processes=self._processes,
        )  # fmt: skip

    def _note_fault(self, fault: Fault) -> None:
        self._faults.pop(fault.ability, None)
        if not fault.cleared:
            self._faults[fault.ability] = fault


def _by_last_alert(incident: Incident) -> tuple[float, float]:
    """Order by the minute of the last alert, newest first: by the second, rows would not stand still."""
    return -(incident.updated_at // 60), -incident.opened_at
