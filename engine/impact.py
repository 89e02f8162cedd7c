"""What passed lately, flow by flow: it tells what a block would have dropped.

The record is a row of slices of at most a minute, each with the counts its flows had reached when
they were last heard of. What a flow did within the record is the difference between its newest
counts and those from before the record: a flow that began earlier counts only what it did since.
"""

from __future__ import annotations

import math
import socket
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.intake import Batch
from engine.types import LEAVING, FiveTuple, Impact, UpdateReason

RECORD_S = 600.0
"""How far back the record goes at most, on the packet clock."""

RECORD_FLOWS = 50_000
"""Counts kept; beyond it the oldest slice goes, and the record reaches less far back."""

SLICE_S = 60.0
SLICE_FLOWS = 5_000
"""Counts in one slice; at the bound the next one begins, however short this one was."""

SHOWN = 8
"""Sources and services that are named."""

_Key = tuple[str, int, str, int, str, str, float]
"""A flow: its ends, its interface, and its beginning, since the ends may be used again. In plain tuples: those
of atoms are none of the garbage collector's work, named ones are."""

_Counts = tuple[int, int, int, int, bool]
"""Packets to the server and to the client, bytes likewise, and whether a handshake was seen."""

_NOTHING: _Counts = (0, 0, 0, 0, False)
_NEW = UpdateReason.NEW
_MAPPED = bytes(10) + b"\xff\xff"


@dataclass(slots=True)
class _Slice:
    began: float
    flows: dict[_Key, _Counts] = field(default_factory=dict)


class _Passed(NamedTuple):
    """What one flow did within the record, seen from the prefixes that were asked for."""

    five_tuple: FiveTuple
    began: float
    handshake: bool
    outbound: bool
    """Whether the flow was begun at the other end and led to a prefix."""
    seen: tuple[str, ...]
    """Its ends within the prefixes."""
    into: tuple[int, int]
    """Packets and bytes from the prefixes."""
    out: tuple[int, int]
    """Packets and bytes to the prefixes that did not come from them as well."""


class Traffic:
    """The record of recent flows; used by one thread at a time."""

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque()
        self._before = _Slice(-math.inf)
        """The slice that was dropped last: where the flows stood when the record began."""
        self._since = math.inf
        """What passed after this is recorded."""
        self._now = -math.inf
        self._turn_at = -math.inf

    def add(self, batch: Batch) -> None:
        """Take note of where the flows of a batch stand."""
        flows: dict[_Key, _Counts] = {}
        turn_at = -math.inf
        for update in batch.updates:
            reason = update.reason
            if reason is not _NEW and reason not in LEAVING:
                continue
            flow = update.flow
            up, down = flow.packets
            if reason is not _NEW and up + down == 1:
                continue  # it is on record since its only packet
            if update.at >= turn_at or len(flows) >= SLICE_FLOWS:
                flows, turn_at = self._slice(update.at), self._turn_at
            up_bytes, down_bytes = flow.bytes
            src_ip, src_port, dst_ip, dst_port, proto = flow.five_tuple
            key = (src_ip, src_port, dst_ip, dst_port, proto, flow.iface, flow.first_seen)
            flows[key] = (up, down, up_bytes, down_bytes, flow.handshake)
        if batch.now:
            self._slice(batch.now)
        for flow in batch.active:
            key = (*flow.five_tuple, flow.iface, flow.first_seen)
            self._slice(batch.now)[key] = (*flow.packets, *flow.bytes, flow.handshake)

    def impact(self, prefixes: Sequence[str], owner: Callable[[FiveTuple], str] = lambda _: "") -> Impact:
        """Return what a block of these addresses and prefixes would have dropped.

        ``owner`` names the process at this host's end of a flow, as far as it is known already.

        Raises:
            ValueError: one of them is neither an address nor a prefix.
        """
        ranges = Ranges(prefixes)
        sources: Counter[str] = Counter()
        services: Counter[str] = Counter()
        owners: dict[str, str] = {}
        flows, handshake_at = 0, 0.0
        sums = [0, 0, 0, 0]
        for passed in self._passed(ranges):
            flows += 1
            packets = passed.into[0] + passed.out[0]
            sums = [total + count for total, count in zip(sums, (*passed.into, *passed.out), strict=True)]
            for address in passed.seen:
                sources[address] += packets
            if passed.handshake:
                handshake_at = max(handshake_at, passed.began)
            service = _service(passed)
            services[service] += packets
            if not owners.get(service):
                owners[service] = owner(passed.five_tuple)
        named = [f"{service} {owners[service]}".rstrip() for service, _ in services.most_common(SHOWN)]
        busiest = tuple(address for address, _ in sources.most_common(SHOWN))
        packets_in, bytes_in, packets_out, bytes_out = sums
        return Impact(
            self._span_s(), flows, packets_in, bytes_in, packets_out, bytes_out,
            busiest, len(sources), tuple(named), handshake_at,
        )  # fmt: skip

    def _passed(self, ranges: Ranges) -> Iterator[_Passed]:
        """Yield what each flow with an end in the ranges did within the record."""
        first: dict[_Key, _Counts] = {}
        last: dict[_Key, _Counts] = {}
        for part in self._slices:
            for key, counts in part.flows.items():
                if ranges[key[0]] or ranges[key[2]]:
                    first.setdefault(key, counts)
                    last[key] = counts
        for key, counts in last.items():
            began = key[6]
            stood = self._before.flows.get(key) or (_NOTHING if began >= self._before.began else first[key])
            up = (counts[0] - stood[0], counts[2] - stood[2])
            down = (counts[1] - stood[1], counts[3] - stood[3])
            if up[0] or down[0]:
                yield _seen_from(ranges, FiveTuple(*key[:5]), began, counts[4], up, down)

    def _span_s(self) -> float:
        return max(0.0, min(RECORD_S, self._now - self._since)) if self._slices else 0.0

    def _slice(self, now: float) -> dict[_Key, _Counts]:
        """Return the counts of the present slice, after those that are too old or too many are dropped."""
        if now < self._now - RECORD_S:
            self._forget()
        self._now = max(self._now, now)
        if self._now < self._turn_at and len(self._slices[-1].flows) < SLICE_FLOWS:
            return self._slices[-1].flows
        self._since = min(self._since, self._now)
        self._slices.append(_Slice(self._now))
        self._turn_at = self._now + SLICE_S
        while self._slices[0].began < self._now - RECORD_S:
            self._drop()
        while sum(len(part.flows) for part in self._slices) > RECORD_FLOWS - SLICE_FLOWS:
            self._drop()
        return self._slices[-1].flows

    def _drop(self) -> None:
        dropped = self._before = self._slices.popleft()
        # Nothing passed between the end of a slice and the first flow of the next.
        self._since = max(self._since, min(self._slices[0].began, dropped.began + SLICE_S))

    def _forget(self) -> None:
        """Begin anew: the clock was set back, or an older capture follows."""
        self._slices.clear()
        self._before = _Slice(-math.inf)
        self._since, self._now, self._turn_at = math.inf, -math.inf, -math.inf


class Ranges(dict[str, bool]):
    """Addresses by text to whether one of the prefixes holds them, each worked out once."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        super().__init__()
        self._starts: dict[int, list[bytes]] = {4: [], 16: []}
        self._ends: dict[int, list[bytes]] = {4: [], 16: []}
        for start, end in sorted(map(_range, prefixes)):
            ends = self._ends[len(start)]
            if not ends or start > ends[-1]:
                self._starts[len(start)].append(start)
                ends.append(end)
            else:
                ends[-1] = max(ends[-1], end)

    def __missing__(self, address: str) -> bool:
        packed = _packed(address)
        place = bisect_right(self._starts[len(packed)], packed) - 1
        held = self[address] = place >= 0 and packed <= self._ends[len(packed)][place]
        return held


def _range(prefix: str) -> tuple[bytes, bytes]:
    """Return the first and the last address of a prefix."""
    text, slash, length = prefix.partition("/")
    try:
        start = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
        bits = 8 * len(start)
        free = bits - int(length) if slash else 0
        if not 0 <= free <= bits:
            raise ValueError
    except (OSError, ValueError):
        msg = f"{prefix!r} is neither an address nor a prefix"
        raise ValueError(msg) from None
    if free:
        first = int.from_bytes(start) >> free << free
        start, end = first.to_bytes(bits // 8), (first | (1 << free) - 1).to_bytes(bits // 8)
    else:
        end = start
    mapped = free <= 32 and start.startswith(_MAPPED)
    return (start[12:], end[12:]) if mapped else (start, end)


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _seen_from(
    ranges: Ranges, ends: FiveTuple, began: float, handshake: bool, up: tuple[int, int], down: tuple[int, int]
) -> _Passed:
    """Return a flow's two directions as a block would meet them: a packet is dropped coming in, or else going out."""
    from_here, to_there = ranges[ends.src_ip], ranges[ends.dst_ip]
    if from_here and to_there:
        both = (up[0] + down[0], up[1] + down[1])
        return _Passed(ends, began, handshake, False, (ends.src_ip, ends.dst_ip), both, (0, 0))
    if from_here:
        return _Passed(ends, began, handshake, False, (ends.src_ip,), up, down)
    return _Passed(ends, began, handshake, True, (ends.dst_ip,), down, up)


def _service(passed: _Passed) -> str:
    ends = passed.five_tuple
    service = f"{ends.proto}/{ends.dst_port}" if ends.proto in ("tcp", "udp") else ends.proto
    return f"outbound {service}" if passed.outbound else service
