"""Keeps the flow inputs of incidents: what the judges saw, so that an incident can be judged again."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import NamedTuple

from engine.types import FlowUpdate

RECENT_BYTES = 16 * 1024 * 1024
"""Rough size of the inputs remembered before anything was found; the oldest go first."""

INCIDENT_INPUTS = 4000
"""Inputs kept for one incident; what comes later is not replayed."""

INCIDENT_BYTES = 4 * 1024 * 1024
"""Rough size of the inputs kept for one incident."""

MAX_FOLLOWED = 4096
"""Incidents collected for at a time; the one opened first is given up first."""

_OVERHEAD_BYTES = 600
"""Rough size of an update without its payload."""


class Recorded(NamedTuple):
    """One flow input of one incident."""

    incident_id: str
    seq: int
    update: FlowUpdate


@dataclass(slots=True)
class _Followed:
    incident_id: str
    inputs: int = 0
    held_bytes: int = 0


class Recorder:
    """Remembers recent flow inputs, and collects those of the targets of incidents."""

    def __init__(self, limit_bytes: int = RECENT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._recent: deque[FlowUpdate] = deque()
        self._held_bytes = 0
        self._followed: OrderedDict[str, _Followed] = OrderedDict()

    def see(self, update: FlowUpdate) -> list[Recorded]:
        """Remember an update, and return it once for each incident that it belongs to."""
        self._recent.append(update)
        self._held_bytes += _size(update)
        while self._held_bytes > self._limit_bytes:
            self._held_bytes -= _size(self._recent.popleft())
        if not self._followed:
            return []
        followed = [self._followed[ip] for ip in _ends(update) if ip in self._followed]
        return [recorded for entry in followed for recorded in _record(entry, update)]

    def follow(self, target_ip: str, incident_id: str) -> list[Recorded]:
        """Start to collect for an incident, and return what is remembered of its target."""
        entry = self._followed.get(target_ip)
        if entry is not None and entry.incident_id == incident_id:
            return []
        entry = self._followed[target_ip] = _Followed(incident_id)
        if len(self._followed) > MAX_FOLLOWED:
            self._followed.popitem(last=False)
        earlier = [update for update in self._recent if target_ip in _ends(update)]
        return [recorded for update in earlier for recorded in _record(entry, update)]


def _record(entry: _Followed, update: FlowUpdate) -> list[Recorded]:
    entry.held_bytes += _size(update)
    if entry.inputs >= INCIDENT_INPUTS or entry.held_bytes > INCIDENT_BYTES:
        return []
    entry.inputs += 1
    return [Recorded(entry.incident_id, entry.inputs - 1, update)]


def _ends(update: FlowUpdate) -> tuple[str, str]:
    return update.flow.five_tuple.src_ip, update.flow.five_tuple.dst_ip


def _size(update: FlowUpdate) -> int:
    return _OVERHEAD_BYTES + len(update.chunk)
