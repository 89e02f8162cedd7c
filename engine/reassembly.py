"""Puts payload back in order: one direction of a TCP connection, and IP fragments."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from itertools import islice

from engine.packet import Packet, Unparsed, parse_datagram

HELD_BYTES = 256 * 1024
HELD_SEGMENTS = 256
"""What one direction holds at most while it waits for a hole to fill; then the hole is skipped."""
STALE_BYTES = 1 << 20
"""A segment further behind than this is no retransmission: the stream is read anew from there."""

_MASK = 0xFFFFFFFF
_HALF = 1 << 31


class Stream:
    """The in-order payload of one direction of a TCP connection; of overlapping data the first wins."""

    __slots__ = ("_held", "fin", "gaps", "held_bytes", "next_seq", "position")

    def __init__(self) -> None:
        self.next_seq = -1
        """The sequence number expected next, or -1 before the first."""
        self._held: list[tuple[int, bytes]] | None = None
        self.position = 0
        """Sequence numbers passed since the start, skipped holes included."""
        self.fin = -1
        """The position at which the stream ends, or -1 while that is not known."""
        self.gaps = 0
        """Holes that were skipped."""
        self.held_bytes = 0
        """Payload that waits behind a hole."""

    @property
    def begun(self) -> bool:
        """Whether a sequence number is known."""
        return self.next_seq >= 0

    @property
    def finished(self) -> bool:
        """Whether everything up to the FIN was delivered."""
        return 0 <= self.fin <= self.position

    def start(self, seq: int) -> None:
        """Expect ``seq`` next, and forget what was held."""
        self.next_seq = seq & _MASK
        self._held = None
        self.held_bytes = 0

    def add(self, seq: int, payload: bytes) -> bytes:
        """Take a segment; return the payload that is now in order, usually this segment's."""
        if seq == self.next_seq and not self.held_bytes:
            self.next_seq = (seq + len(payload)) & _MASK
            self.position += len(payload)
            return payload
        return self._place(seq, payload) if payload else b""

    def finish(self, seq: int) -> None:
        """Note that the stream ends before ``seq``."""
        if self.fin < 0:
            self.fin = self.position + self._ahead(seq)

    def skip(self, count: int) -> None:
        """Step over bytes that were on the wire and not captured."""
        self._advance(self.position + count)
        self.gaps += 1

    def acknowledged(self, ack: int) -> bytes:
        """Return what lies behind holes that the receiver says it has: the capture missed those."""
        ready = []
        while self.held_bytes and self._ahead(ack) > 0:
            ready.append(self._skip_hole())
        if self.position < self.fin <= self.position + self._ahead(ack):
            self.skip(self.fin - self.position)
        return b"".join(ready)

    def drain(self) -> bytes:
        """Return all that is held, skipping every hole."""
        ready = []
        while self.held_bytes:
            ready.append(self._skip_hole())
        return b"".join(ready)

    def has(self, seq: int, length: int) -> bool:
        """Whether all of a segment was delivered before: a retransmission."""
        return self.begun and -STALE_BYTES <= self._ahead(seq) <= -length

    def _ahead(self, seq: int) -> int:
        return ((seq - self.next_seq + _HALF) & _MASK) - _HALF

    def _advance(self, position: int) -> None:
        self.next_seq = (self.next_seq + position - self.position) & _MASK
        self.position = position

    def _place(self, seq: int, payload: bytes) -> bytes:
        ahead = self._ahead(seq)
        if ahead < -STALE_BYTES:
            self.start(seq)
            self.gaps += 1
            ahead = 0
        if ahead < 0:
            payload = payload[-ahead:]
            ahead = 0
        self._hold(self.position + ahead, payload)
        ready = self._take()
        while self.held_bytes > HELD_BYTES or len(self._held or ()) > HELD_SEGMENTS:
            ready += self._skip_hole()
        return ready

    def _hold(self, start: int, payload: bytes) -> None:
        """Keep those parts of the payload that are not held already."""
        if self._held is None:
            self._held = []
        end = start + len(payload)
        cursor = start
        fresh = []
        first = max(bisect_right(self._held, start, key=_start) - 1, 0)
        for at, piece in islice(self._held, first, None):
            if at >= end:
                break
            if at > cursor:
                fresh.append((cursor, payload[cursor - start : at - start]))
            cursor = max(cursor, at + len(piece))
        if cursor < end:
            fresh.append((cursor, payload[cursor - start :]))
        for part in fresh:
            insort(self._held, part)
            self.held_bytes += len(part[1])

    def _take(self) -> bytes:
        """Remove and return what is in order at the front."""
        held = self._held or []
        ready = []
        position = self.position
        for at, piece in held:
            if at != position:
                break
            ready.append(piece)
            position += len(piece)
        del held[: len(ready)]
        self.held_bytes -= position - self.position
        self._advance(position)
        return b"".join(ready)

    def _skip_hole(self) -> bytes:
        if self._held:
            self._advance(self._held[0][0])
            self.gaps += 1
        return self._take()


def _start(part: tuple[int, bytes]) -> int:
    return part[0]


class Fragments:
    """A bounded table of IP datagrams whose fragments are still arriving."""

    def __init__(self, max_datagrams: int = 128, max_age_s: float = 30.0) -> None:
        self._max_datagrams = max_datagrams
        self._max_age_s = max_age_s
        self._datagrams: OrderedDict[tuple[bytes, bytes, int, int], _Datagram] = OrderedDict()
        self.lost = 0
        """Datagrams that never became complete."""

    def add(self, packet: Packet, now: float) -> Packet | Unparsed | None:
        """Return the datagram's packet once its last piece has come, else ``None``."""
        place = packet.fragment
        if place is None:
            return packet
        self._forget(now - self._max_age_s)
        key = (packet.src, packet.dst, packet.proto, place.ident)
        datagram = self._datagrams.get(key)
        if datagram is None:
            if len(self._datagrams) >= self._max_datagrams:
                self._datagrams.popitem(last=False)
                self.lost += 1
            datagram = self._datagrams[key] = _Datagram(now)
        payload = datagram.add(place.offset, packet.payload, place.more)
        if payload is None:
            return None
        del self._datagrams[key]
        return parse_datagram(packet._replace(fragment=None), payload)

    def _forget(self, before: float) -> None:
        while self._datagrams and next(iter(self._datagrams.values())).since < before:
            self._datagrams.popitem(last=False)
            self.lost += 1


class _Datagram:
    """The fragments of one datagram, put in order as a stream that starts at 0."""

    __slots__ = ("_parts", "_stream", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self._parts: list[bytes] = []
        self._stream = Stream()
        self._stream.start(0)

    def add(self, offset: int, payload: bytes, more: bool) -> bytes | None:
        self._parts.append(self._stream.add(offset, payload))
        if not more:
            self._stream.finish(offset + len(payload))
        if not self._stream.finished or self._stream.gaps:
            return None
        return b"".join(self._parts)
