"""The most recent frames of a source, so that an incident keeps the packets that led to it."""

from __future__ import annotations

import ipaddress
import struct
from collections import deque
from collections.abc import Iterable

from engine.packet import Unparsed, parse
from engine.types import FiveTuple, Frame

RING_BYTES = 16 * 1024 * 1024
"""Bytes of frames remembered for each source; the oldest go first."""

SLICE_BYTES = 1024 * 1024
"""Bytes of frames kept for one incident."""

_HEADER = struct.Struct("<IHHiIII")
_RECORD = struct.Struct("<IIII")
_LATEST_MICROS = (1 << 32) * 1_000_000 - 1


class FrameRing:
    """A bounded queue of frames that can be searched by flow."""

    def __init__(self, linktype: int, limit_bytes: int = RING_BYTES) -> None:
        self.linktype = linktype
        self._limit_bytes = limit_bytes
        self._frames: deque[Frame] = deque()
        self._held_bytes = 0

    def add(self, frame: Frame) -> None:
        """Remember a frame, forgetting the oldest ones where there is no room."""
        self._frames.append(frame)
        self._held_bytes += len(frame.data)
        while self._held_bytes > self._limit_bytes:
            self._held_bytes -= len(self._frames.popleft().data)

    def cut(self, flows: Iterable[FiveTuple]) -> list[Frame]:
        """Return the remembered frames of the given flows, oldest first, up to ``SLICE_BYTES``."""
        wanted = {frozenset(_ends(item)) for item in flows}
        kept: list[Frame] = []
        room = SLICE_BYTES
        for frame in tuple(self._frames):
            packet = parse(frame.data, self.linktype)
            if isinstance(packet, Unparsed) or room < len(frame.data):
                continue
            if frozenset(((packet.src, packet.sport), (packet.dst, packet.dport))) in wanted:
                kept.append(frame)
                room -= len(frame.data)
        return kept


def _ends(flow: FiveTuple) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    source, destination = ipaddress.ip_address(flow.src_ip), ipaddress.ip_address(flow.dst_ip)
    return (source.packed, flow.src_port), (destination.packed, flow.dst_port)


def pcap(frames: Iterable[Frame], linktype: int) -> bytes:
    """Return frames as a capture file in the classic format with microseconds, which Wireshark opens."""
    parts = [_HEADER.pack(0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype)]
    for frame in frames:
        micros = min(max(round(frame.ts * 1e6), 0), _LATEST_MICROS)
        parts.append(_RECORD.pack(micros // 1_000_000, micros % 1_000_000, len(frame.data), frame.wire_bytes))
        parts.append(frame.data)
    return b"".join(parts)
