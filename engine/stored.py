"""A stored incident as a source: the recorded flow inputs go to the judges once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from engine.intake import PACED_S, Batch
from engine.plan import Context, Recording
from engine.types import Counters, FiveTuple, Flow, FlowUpdate, IncidentView

if TYPE_CHECKING:
    from engine.store.database import Store

BATCH_UPDATES = 8
VIEW_FLOWS = 300


@dataclass(frozen=True, slots=True)
class Stored:
    """All that is stored about an incident: what it is shown, exported and judged again from."""

    view: IncidentView
    inputs: tuple[FlowUpdate, ...] = ()
    packets: bytes = b""
    """A pcap file, empty when none are stored."""
    recordings: tuple[Recording, ...] = ()
    context: Context = field(default_factory=Context)
    source: str = ""
    """``live``, or the name of the capture it was found in."""

    @property
    def id(self) -> str:
        """The incident's whole id."""
        return self.view.incident.id

    @property
    def title(self) -> str:
        """The incident's title."""
        return self.view.incident.title


async def stored_of(store: Store, view: IncidentView) -> Stored:
    """Return all that a database holds about an incident, whose view was read already."""
    incident_id = view.incident.id
    return Stored(
        view,
        tuple(await store.inputs(incident_id)),
        await store.packets(incident_id),
        await store.recordings(incident_id),
        await store.context_of(incident_id),
        await store.source_of(incident_id),
    )


class StoredInputs:
    """Reads the flow inputs of one incident."""

    live = False

    def __init__(self, name: str, updates: Sequence[FlowUpdate], pcap: bytes = b"") -> None:
        self.name = name
        self._updates = list(updates)
        self._pcap = pcap
        self._at = 0
        self._stopped = False
        self._flows: dict[str, Flow] = {}

    @property
    def view(self) -> tuple[Flow, ...]:
        """The flows active last, newest first."""
        flows = tuple(self._flows.values())  # another thread reads on
        return tuple(sorted(flows, key=lambda flow: -flow.last_seen)[:VIEW_FLOWS])

    def peek(self) -> float | None:
        """Return the packet clock after the next read, or None where nothing is left."""
        portion = self._portion()
        return portion[-1].at if portion else None

    def read(self, wall: float | None = None) -> Batch:
        """Return the next few updates, of a moment at most."""
        portion = self._portion()
        self._at += len(portion)
        now = portion[-1].at if portion else self._now()
        self._flows |= {update.flow.id: update.flow for update in portion}
        return Batch(portion, now, last=self._stopped or self._at >= len(self._updates))

    def stop(self) -> None:
        """End at the next read."""
        self._stopped = True

    def flush(self) -> Batch:
        """Return an empty last batch: inputs were recorded with their end."""
        return Batch([], self._now(), last=True)

    def counters(self) -> Counters:
        """Return the flow inputs read; packets were not replayed."""
        return Counters(flows_now=len(self._flows))

    def packets(self, flows: list[FiveTuple]) -> bytes:
        """Return the packets stored with the incident."""
        return self._pcap

    def _portion(self) -> list[FlowUpdate]:
        near = self._updates[self._at : self._at + BATCH_UPDATES]
        return list(takewhile(lambda update: update.at <= near[0].at + PACED_S, near))

    def _now(self) -> float:
        return self._updates[-1].at if self._updates else 0.0
