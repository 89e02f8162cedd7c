"""The table of bidirectional flows: frames in, flow updates out, all on the packet clock."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from heapq import merge
from itertools import islice, takewhile
from typing import NamedTuple

from engine.conversation import Conversation, Key, Side
from engine.packet import ACK, FIN, RST, SYN, TCP, Packet, Unparsed, parse
from engine.reassembly import Fragments, Stream
from engine.types import (
    WINDOW_BYTES,
    Capture,
    Direction,
    Flow,
    FlowState,
    FlowUpdate,
    Frame,
    UpdateReason,
)

SCAN_BYTES = (1 << 20, 256 * 1024)
"""Payload bytes to the server and to the client after which no further chunks are handed out."""
HELD_BYTES = 64 << 20
"""Out-of-order payload that all flows together hold; beyond it a flow skips its holes at once."""
CLOSED_FLOWS = 4096
"""Flows remembered after their end, so that stragglers do not open them anew; the oldest is forgotten."""
PAUSED_FLOWS = 16384
"""TCP flows remembered after they were idle, so that they go on as they began; the oldest is forgotten."""

# Reading an enumeration's member costs a Python call on 3.11, and these are read for each packet.
_DIRECTIONS = (Direction.TO_SERVER, Direction.TO_CLIENT)
_NEW, _ESTABLISHED, _CLOSED, _RESET = FlowState.NEW, FlowState.ESTABLISHED, FlowState.CLOSED, FlowState.RESET
_SAYS_NEW, _SAYS_PAYLOAD, _SAYS_WINDOW = UpdateReason.NEW, UpdateReason.PAYLOAD, UpdateReason.WINDOW
_FILTERED = Unparsed.FILTERED
_MASK = 0xFFFFFFFF


class _Paused(NamedTuple):
    """What is known of an idle TCP connection, should it go on."""

    forward: bool
    handshake: bool


class FlowTable:
    """Follows every flow of one capture and says when there is something to judge.

    One-packet flows are kept apart from the others: when the table is full they go first, oldest
    first, so a flood of spoofed sources cannot push out a real conversation.
    """

    def __init__(
        self,
        capture: Capture,
        *,
        max_flows: int = 65536,
        idle_s: float = 60.0,
        quiet_s: float = 1.0,
        max_held_bytes: int = HELD_BYTES,
    ) -> None:
        self._iface, self._linktype = capture
        self._max_flows = max_flows
        self._idle_s = idle_s
        self._quiet_s = quiet_s
        self._singles: OrderedDict[Key, Conversation] = OrderedDict()
        self._active: OrderedDict[Key, Conversation] = OrderedDict()
        self._unjudged: OrderedDict[Key, Conversation] = OrderedDict()
        self._closed: OrderedDict[Key, Conversation] = OrderedDict()
        self._paused: OrderedDict[Key, _Paused] = OrderedDict()
        self._fragments = Fragments()
        self._clock = self._told_at = float("-inf")
        self._skew = 0.0
        self._due = float("inf")
        self._held_bytes = 0
        self._max_held_bytes = max_held_bytes
        self._updates: list[FlowUpdate] = []
        self.parsed = self.filtered = self.malformed = 0
        self.evicted = self.flows_total = 0
        self.gaps = 0
        """Holes in TCP payload that were skipped, of flows that have left the table."""

    def __len__(self) -> int:
        return len(self._singles) + len(self._active)

    @property
    def emergency(self) -> bool:
        """Whether flows are, or are about to be, evicted."""
        return len(self) > 0.9 * self._max_flows

    def add(self, frame: Frame) -> list[FlowUpdate]:
        """Take one frame; return what came due before it and what it brought, in that order."""
        now = self._tick(frame.ts)
        packet = parse(frame.data, self._linktype)
        if isinstance(packet, Packet):
            self.parsed += 1
            if packet.fragment is None:
                self._track(packet, frame, now)
            else:
                self._piece(packet, frame, now)
        elif packet is _FILTERED:
            self.filtered += 1
        else:
            self.malformed += 1
        return self._emitted() if self._updates else []

    def advance(self, now: float) -> list[FlowUpdate]:
        """Return what came due by ``now``; a live caller says so when no frames come."""
        self._tick(now)
        return self._emitted()

    def flush(self) -> list[FlowUpdate]:
        """Take every flow out of the table."""
        for entry in (*self._singles.values(), *self._active.values()):
            self._leave(entry, UpdateReason.FLUSH, entry.last_seen)
        self._singles.clear()
        self._active.clear()
        return self._emitted()

    @property
    def clock(self) -> float:
        """The table's clock, which never runs backwards."""
        return self._clock

    def recent(self, limit: int, since: float = -math.inf) -> list[Flow]:
        """Return the most recently active flows, newest first: those with packets since then on the table's clock."""
        newest: Iterator[Conversation] = merge(
            reversed(self._active.values()), reversed(self._singles.values()), key=lambda entry: -entry.active_at
        )
        active = takewhile(lambda entry: entry.active_at >= since, newest)
        return [entry.snapshot(self._iface) for entry in islice(active, limit)]

    def went_on(self) -> list[Flow]:
        """Return the flows of several packets that were active since this was last asked, newest first."""
        since, self._told_at = self._told_at, self._clock
        active = takewhile(lambda entry: entry.active_at >= since, reversed(self._active.values()))
        return [entry.snapshot(self._iface) for entry in active]

    def _emitted(self) -> list[FlowUpdate]:
        updates, self._updates = self._updates, []
        return updates

    def _emit(
        self,
        entry: Conversation,
        reason: UpdateReason,
        at: float,
        index: int | None = None,
        chunk: bytes = b"",
        offset: int = 0,
    ) -> None:
        direction = None if index is None else _DIRECTIONS[index]
        self._updates.append(FlowUpdate(entry.snapshot(self._iface), reason, at, direction, chunk, offset))

    # --- time ---

    def _tick(self, ts: float) -> float:
        """Bring the clock to ``ts`` and let pass what is due; return the clock.

        A step back by more than the idle time is taken for a clock that was set, not for disorder.
        """
        now = ts + self._skew
        if now <= self._clock:
            if now < self._clock - self._idle_s:
                self._skew += self._clock - now
            return self._clock
        self._clock = now
        if now >= self._due:
            self._expire(now)
        return now

    def _expire(self, now: float) -> None:
        unjudged = self._unjudged
        due = float("inf")
        while unjudged:
            entry = next(iter(unjudged.values()))
            due = entry.payload_at + self._quiet_s
            if due > now:
                break
            del unjudged[entry.key]
            self._emit(entry, UpdateReason.QUIET, due - self._skew)
            due = float("inf")
        for table in (self._singles, self._active):
            while table:
                entry = next(iter(table.values()))
                ends_at = entry.active_at + self._idle_s
                if ends_at > now:
                    due = min(due, ends_at)
                    break
                del table[entry.key]
                self._leave(entry, UpdateReason.IDLE, ends_at - self._skew)
                if entry.sides[0].begun and entry.sides[1].begun:
                    self._paused[entry.key] = _Paused(entry.forward, entry.handshake)
                    if len(self._paused) > PAUSED_FLOWS:
                        self._paused.popitem(last=False)
        self._due = due

    # --- packets ---

    def _piece(self, packet: Packet, frame: Frame, now: float) -> None:
        """Take an IP fragment; the flow sees the datagram when its last piece has come."""
        whole = self._fragments.add(packet, now)
        if isinstance(whole, Packet):
            self._track(whole, frame, now)

    def _track(self, packet: Packet, frame: Frame, now: float) -> None:
        # One unpacking costs as much as three reads of a named field.
        proto, src, sport, dst, dport, payload, _, _, _, _, one_way, _ = packet
        ts = frame.ts
        forward = src < dst or one_way or (src == dst and sport <= dport)
        key = (src, dst, sport, dport, proto) if forward else (dst, src, dport, sport, proto)
        entry = self._active.get(key)
        if entry is not None:
            self._active.move_to_end(key)
        else:
            entry = self._singles.pop(key, None)
            if entry is not None:
                self._active[key] = entry
            elif key in self._closed and self._straggles(key, packet, forward, now):
                return
            else:
                entry = self._open(key, packet, forward, ts, now)
        entry.active_at = now
        if entry.last_seen < ts:  # noqa: PLR1730 -- a call of max() for each packet
            entry.last_seen = ts
        index = 0 if forward is entry.forward else 1
        sides = entry.sides
        side = sides[index]
        side.packets += 1
        side.bytes += frame.wire_bytes
        if entry.fresh:
            entry.fresh = False
            self._emit(entry, _SAYS_NEW, ts)
        if proto == TCP:
            self._tcp(entry, index, packet, ts)
        else:
            if entry.state is _NEW and sides[0].packets and sides[1].packets:
                entry.state = _ESTABLISHED
            if payload:
                self._deliver(entry, index, payload, ts)

    def _open(self, key: Key, packet: Packet, forward: bool, ts: float, now: float) -> Conversation:
        if len(self) >= self._max_flows:
            _, oldest = (self._singles or self._active).popitem(last=False)
            self.evicted += 1
            self._leave(oldest, UpdateReason.EVICTED, ts)
        paused = None if packet.flags & SYN else self._paused.pop(key, None)
        reverse = _from_responder(packet) if paused is None else paused.forward is not forward
        entry = self._singles[key] = Conversation(key, packet, forward, ts, reverse)
        if paused is not None:
            entry.handshake = paused.handshake
        self.flows_total += 1
        self._due = min(self._due, now + self._idle_s)
        return entry

    def _straggles(self, key: Key, packet: Packet, forward: bool, now: float) -> bool:
        """Whether the packet still belongs to a flow that has ended; if not, the flow is forgotten."""
        closed = self._closed[key]
        index = 0 if forward is closed.forward else 1
        length = len(packet.payload)
        if (
            packet.flags & (SYN | ACK) != SYN
            and now - closed.active_at < self._idle_s
            and (
                not length
                or (closed.state is _RESET and closed.reset_by != index)
                or closed.sides[index].has(packet.seq, length)
            )
        ):
            return True
        del self._closed[key]
        return False

    def _tcp(self, entry: Conversation, index: int, packet: Packet, ts: float) -> None:
        sides = entry.sides
        side, peer = sides[index], sides[1 - index]
        _, _, _, _, _, payload, missing, flags, seq, _, _, _ = packet
        plain = entry.handshake and not flags & (FIN | SYN | RST) and not missing
        plain = plain and side.next_seq >= 0 and peer.fin < 0 and not peer.held_bytes and not side.held_bytes
        if plain:
            if payload:
                chunk = side.add(seq, payload)
                if side.held_bytes:
                    chunk += self._budget(side, 0)
                if chunk:
                    self._deliver(entry, index, chunk, ts)
            return
        self._segment(entry, index, packet, ts)
        if flags & ACK and (peer.held_bytes or peer.fin >= 0):
            held = peer.held_bytes
            chunk = peer.acknowledged(packet.ack)
            self._held_bytes += peer.held_bytes - held
            if chunk:
                self._deliver(entry, 1 - index, chunk, ts)
        if flags & RST:
            entry.state = _RESET
            entry.reset_by = index
            self._end(entry, ts)
        elif peer.fin >= 0 and side.finished and peer.finished:
            entry.state = _CLOSED
            self._end(entry, ts)

    def _segment(self, entry: Conversation, index: int, packet: Packet, ts: float) -> None:
        """Take one TCP segment into its direction's stream."""
        side, flags, seq = entry.sides[index], packet.flags, packet.seq
        if flags & SYN:
            self._syn(entry, index, packet)
            seq = (seq + 1) & _MASK
        if not side.begun:
            side.start(seq)
        if not (index or entry.handshake or flags & SYN) and flags & ACK:
            entry.handshake = _confirms(side, entry.sides[1], packet.ack)
        held = side.held_bytes
        chunk = side.add(seq, packet.payload)
        if packet.missing and side.has(seq, len(packet.payload)):
            side.skip(packet.missing)
        if flags & FIN:
            side.finish((seq + len(packet.payload) + packet.missing) & _MASK)
        if side.held_bytes != held:
            chunk += self._budget(side, held)
        if entry.state is _NEW and (entry.handshake or (chunk and not flags & SYN)):
            entry.state = _ESTABLISHED
        if chunk:
            self._deliver(entry, index, chunk, ts)

    def _syn(self, entry: Conversation, index: int, packet: Packet) -> None:
        """Take the initial sequence number, unless the connection already runs on another."""
        side, peer = entry.sides[index], entry.sides[1 - index]
        if side.payload_bytes or entry.handshake or packet.seq == side.isn:
            return
        if packet.flags & ACK and peer.isn >= 0 and packet.ack != (peer.isn + 1) & _MASK:
            return
        side.isn = packet.seq
        self._held_bytes -= side.held_bytes
        side.start(packet.seq + 1)

    def _budget(self, stream: Stream, before: int) -> bytes:
        """Account for what the stream holds; return what it must give up."""
        self._held_bytes += stream.held_bytes - before
        if self._held_bytes <= self._max_held_bytes:
            return b""
        self._held_bytes -= stream.held_bytes
        return stream.drain()

    # --- payload ---

    def _deliver(self, entry: Conversation, index: int, chunk: bytes, ts: float) -> None:
        side = entry.sides[index]
        offset = side.payload_bytes
        side.payload_bytes += len(chunk)
        grew = offset < WINDOW_BYTES
        if grew:
            side.head += chunk[: WINDOW_BYTES - offset]
            entry.payload_at = self._clock
            self._unjudged[entry.key] = entry
            self._unjudged.move_to_end(entry.key)
            self._due = min(self._due, self._clock + self._quiet_s)
        if not entry.name and (grew or entry.hello):
            entry.identify(index, chunk)
        if offset < SCAN_BYTES[index]:
            self._emit(entry, _SAYS_PAYLOAD, ts, index, chunk, offset)
        if grew and side.payload_bytes >= WINDOW_BYTES:
            self._unjudged.pop(entry.key, None)
            self._emit(entry, _SAYS_WINDOW, ts, index)

    def _end(self, entry: Conversation, ts: float) -> None:
        if self._active.pop(entry.key, None) is None:
            del self._singles[entry.key]
        self._leave(entry, UpdateReason.END, ts)
        self._closed[entry.key] = entry
        if len(self._closed) > CLOSED_FLOWS:
            self._closed.popitem(last=False)

    def _leave(self, entry: Conversation, reason: UpdateReason, at: float) -> None:
        """Hand out what was held back and say farewell; the caller took the entry out of its table."""
        for index, side in enumerate(entry.sides):
            if side.held_bytes:
                self._held_bytes -= side.held_bytes
                self._deliver(entry, index, side.drain(), at)
            self.gaps += side.gaps
        self._unjudged.pop(entry.key, None)
        self._emit(entry, reason, at)


def _confirms(initiator: Side, responder: Side, ack: int) -> bool:
    """Whether an acknowledgement proves that the initiator has read the responder's SYN."""
    if initiator.isn < 0 or responder.isn < 0:
        return False
    return (ack - responder.isn - 1) & _MASK <= responder.position + 1


def _from_responder(packet: Packet) -> bool:
    """Whether the first packet seen of a flow was sent by the end that was called."""
    if packet.proto == TCP:
        if packet.flags & SYN:
            return bool(packet.flags & ACK)
        return packet.sport < packet.dport
    return not packet.one_way and packet.proto not in (1, 58) and packet.sport < 1024 <= packet.dport
