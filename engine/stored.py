"""A stored incident as a source: the recorded flow inputs go to the judges once more."""

from __future__ import annotations

from collections.abc import Sequence

from engine.intake import Batch
from engine.types import Counters, FiveTuple, Flow, FlowUpdate

BATCH_UPDATES = 8
VIEW_FLOWS = 300


class StoredInputs:
    """Reads the flow inputs of one incident."""

    live = False

    def __init__(self, name: str, updates: Sequence[FlowUpdate], pcap: bytes = b"") -> None:
        self.name = name
        self._updates = list(updates)
        self._pcap = pcap
        self._at = 0
        self._stopped = False
        self.view: tuple[Flow, ...] = ()

    def read(self, wall: float | None = None) -> Batch:
        """Return the next few updates."""
        portion = self._updates[self._at : self._at + BATCH_UPDATES]
        self._at += len(portion)
        now = portion[-1].at if portion else self._now()
        flows = {update.flow.id: update.flow for update in self._updates[: self._at]}
        self.view = tuple(sorted(flows.values(), key=lambda flow: -flow.last_seen)[:VIEW_FLOWS])
        return Batch(portion, now, last=self._stopped or self._at >= len(self._updates))

    def stop(self) -> None:
        """End at the next read."""
        self._stopped = True

    def flush(self) -> Batch:
        """Return an empty last batch: inputs were recorded with their end."""
        return Batch([], self._now(), last=True)

    def counters(self) -> Counters:
        """Return the flow inputs read; packets were not replayed."""
        return Counters(flows_now=len({update.flow.id for update in self._updates[: self._at]}))

    def packets(self, flows: list[FiveTuple]) -> bytes:
        """Return the packets stored with the incident."""
        return self._pcap

    def _now(self) -> float:
        return self._updates[-1].at if self._updates else 0.0
