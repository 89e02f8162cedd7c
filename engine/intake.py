"""The first room: frames of one source become flow updates, in batches."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.flow import FlowTable
from engine.framering import FrameRing, pcap
from engine.types import LEAVING, Broken, Capture, Counters, FiveTuple, Flow, FlowUpdate, Frame

PACED_FRAMES = 8
"""Frames in a batch when a replay keeps the capture's pace: few, so that the pace is even."""

PACED_S = 0.25
"""Longest time from the first to the last of them: a step of a replay is a moment."""

VIEW_S = 0.2
"""How often the list of recent flows is made anew, on the packet clock."""

VIEWED_AT_ONCE = 2_000
"""Flows that are taken into the list at a time: in a flood the others are not shown before they end or go on."""

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

    @property
    def view(self) -> tuple[Flow, ...]:
        """The flows active last, newest first, as the reading thread left them."""
        ...

    def peek(self) -> float | None: ...

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
        self._peeked: list[Frame] | None = None
        self._delivered = 0
        self._bytes = 0
        self._now = 0.0
        self._view_flows = view_flows
        self._viewed_at = 0.0
        self._view_clock = -math.inf
        """The flow table's clock when the view was made last."""
        self._outdated = False
        self._told_at = 0.0
        self._recent: OrderedDict[str, Flow] = OrderedDict()
        """The flows of the view by id, the one active last at the end."""
        self.view: tuple[Flow, ...] = ()

    def peek(self) -> float | None:
        """Return the packet clock after the next read of a file, or None where it has no more frames.

        Raises:
            CaptureError: the source cannot be read any further.
        """
        if self._peeked is None:
            self._peeked = next(self._batches, None)
        return max(self._now, self._peeked[-1].ts) if self._peeked else None

    def read(self, wall: float | None = None) -> Batch:
        """Return the next batch; a live source gives one at least every tenth of a second.

        Raises:
            CaptureError: the source cannot be read any further; what was read stays.
        """
        frames = self._peeked or next(self._batches, None)
        self._peeked = None
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
        left = [update.flow for update in updates if update.reason in LEAVING]
        # One that leaves keeps its place: it was active last when it was put there.
        self._recent.update((flow.id, flow) for flow in left)
        self._outdated = self._outdated or bool(left)
        if 0 <= self._now - self._viewed_at < VIEW_S:
            return
        self._viewed_at = self._now
        self._view_again()

    def _view_again(self) -> None:
        """Take up what went on since the last time, and nothing else: a view can hold a hundred thousand flows."""
        recent, active = self._recent, self._table.recent(VIEWED_AT_ONCE, self._view_clock)
        for flow in reversed(active):
            recent[flow.id] = flow
            recent.move_to_end(flow.id)
        while len(recent) > self._view_flows:
            recent.popitem(last=False)
        self._view_clock = self._table.clock
        if active or self._outdated:
            self._outdated = False
            self.view = tuple(reversed(recent.values()))

    def _portions(self) -> Iterator[list[Frame]]:
        for frames in self._source.batches():
            if not self._paced:
                yield frames
                continue
            start = 0
            for end in range(1, len(frames) + 1):
                near = end < len(frames) and end - start < PACED_FRAMES and frames[end].ts <= frames[start].ts + PACED_S
                if not near:
                    yield frames[start:end]
                    start = end
