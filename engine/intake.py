"""The first room: frames of one source become flow updates, in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.flow import FlowTable
from engine.framering import FrameRing, pcap
from engine.types import LEAVING, Broken, Capture, Counters, FiveTuple, Flow, FlowUpdate, Frame

PACED_FRAMES = 8
"""Frames in a batch when a replay keeps the capture's pace: few, so that the pace is even."""


VIEW_S = 0.2
"""How often the list of recent flows is made anew, on the packet clock."""

INTERIM_S = 10.0
"""How often flows in the table are told as they stand, on the packet clock."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read of a source brought."""

    updates: list[FlowUpdate]
    now: float
    """Packet clock after the batch; 0 before the first frame."""
    last: bool = False
    """The source has ended."""
    broken: tuple[Broken, ...] = ()
    """Frames that the flow table broke on."""
    active: Sequence[Flow] = ()
    """Every ``INTERIM_S``, the flows of several packets that went on since the last time, as they stand."""


class Source(Protocol):
    """Where frames come from."""

    capture: Capture

    def batches(self) -> Iterator[list[Frame]]: ...

    def stop(self) -> None: ...

    def stats(self) -> tuple[int, int]: ...


class Reader(Protocol):
    """What the engine reads batches from: a source of frames, or a stored incident."""

    name: str
    live: bool
    view: tuple[Flow, ...]
    """The flows active last, newest first, as the reading thread left them."""

    def read(self, wall: float | None = None) -> Batch: ...

    def flush(self) -> Batch: ...

    def stop(self) -> None: ...

    def counters(self) -> Counters: ...

    def packets(self, flows: list[FiveTuple]) -> bytes: ...


class Intake:
    """Reads one source of frames. Used by one thread at a time."""

    def __init__(
        self, source: Source, *, max_flows: int, live: bool = False, paced: bool = False, view_flows: int = 0
    ) -> None:
        """Take ``view_flows``: how many recent flows to hold ready for the console, 0 for none."""
        self.name = source.capture.name
        self.live = live
        self._source = source
        self._paced = paced
        self._table = FlowTable(source.capture, max_flows=max_flows)
        self._ring = FrameRing(source.capture.linktype)
        self._batches = self._portions()
        self._delivered = 0
        self._bytes = 0
        self._now = 0.0
        self._view_flows = view_flows
        self._viewed_at = 0.0
        self._told_at = 0.0
        self._ended: deque[Flow] = deque(maxlen=view_flows)
        self.view: tuple[Flow, ...] = ()

    def read(self, wall: float | None = None) -> Batch:
        """Return the next batch; a live source gives one at least every tenth of a second.

        Raises:
            CaptureError: the source cannot be read any further; what was read stays.
        """
        frames = next(self._batches, None)
        if frames is None:
            return self.flush()
        updates: list[FlowUpdate] = []
        broken: list[Broken] = []
        for frame in frames:
            try:
                updates += self._table.add(frame)
            except Exception as error:  # the stage's boundary: one frame must not end the engine
                broken.append(Broken("flow", f"{type(error).__name__}: {error}", frame))
            self._ring.add(frame)
            self._bytes += frame.wire_bytes
        self._delivered += len(frames)
        if self.live and wall is not None:
            self._now = wall
            updates += self._table.advance(wall)
        elif frames:
            self._now = max(self._now, frames[-1].ts)
        self._refresh_view(updates)
        return Batch(updates, self._now, broken=tuple(broken), active=self._interim())

    def stop(self) -> None:
        """Make a read in another thread return soon, and the source end."""
        self._source.stop()

    def flush(self) -> Batch:
        """Return what is still in the table after the source broke off."""
        updates = self._table.flush()
        self._viewed_at = -VIEW_S
        self._refresh_view(updates)
        return Batch(updates, self._now, last=True)

    def counters(self) -> Counters:
        """Return this source's share of the counters as they stand; for a file the kernel's share is what was read."""
        seen, dropped = self._source.stats()
        table = self._table
        return Counters(
            kernel_seen=seen,
            kernel_dropped=dropped,
            delivered=self._delivered,
            parsed=table.parsed,
            filtered=table.filtered,
            malformed=table.malformed,
            bytes=self._bytes,
            flows_now=len(table),
            flows_total=table.flows_total,
            flows_evicted=table.evicted,
            emergency=table.emergency,
        )

    def packets(self, flows: list[FiveTuple]) -> bytes:
        """Return the remembered packets of some flows as a capture file, empty when there are none."""
        frames = self._ring.cut(flows)
        return pcap(frames, self._ring.linktype) if frames else b""

    def _interim(self) -> Sequence[Flow]:
        if 0 <= self._now - self._told_at < INTERIM_S:
            return ()
        self._told_at = self._now
        return self._table.went_on()

    def _refresh_view(self, updates: list[FlowUpdate]) -> None:
        if not self._view_flows:
            return
        self._ended.extend(update.flow for update in updates if update.reason in LEAVING)
        if 0 <= self._now - self._viewed_at < VIEW_S:
            return
        self._viewed_at = self._now
        flows = sorted([*self._table.recent(self._view_flows), *self._ended], key=lambda flow: -flow.last_seen)
        self.view = tuple(flows[: self._view_flows])

    def _portions(self) -> Iterator[list[Frame]]:
        for frames in self._source.batches():
            if not self._paced:
                yield frames
                continue
            for start in range(0, len(frames), PACED_FRAMES):
                yield frames[start : start + PACED_FRAMES]
