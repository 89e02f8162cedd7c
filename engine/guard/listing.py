"""Blocks as they are told: what was ordered, beside what the kernel holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from engine.guard.blocker import Entry
from engine.guard.clock import Clock
from engine.guard.orders import Ended, Order, wall_of
from engine.types import Block, BlockState

SAME_DEADLINE_NS = 10**9
"""Deadlines closer than this are the same."""
STRANGE = "in the kernel without an approval in the guard's ledger"
COUNTING = "only counts: every packet passes"


class Look(NamedTuple):
    """One look at the kernel."""

    entries: dict[str, Entry]
    """By prefix; what is taken out of the kernel is taken out here."""
    at_ns: int
    """Boot clock."""


class Row(NamedTuple):
    """One block of a listing: an order, an entry, or both."""

    order: Order | None
    entry: Entry | None


class Rows(NamedTuple):
    """The blocks of one look at the kernel."""

    look: Look
    changes: int
    """``Orders.changes`` then."""
    rows: Sequence[Row]
    packets: int
    """Packets that all of them dropped, both directions."""


class Watching(NamedTuple):
    """A count-only entry that this guard wrote."""

    prefix: str
    deadline_ns: int
    """Boot clock."""
    ifaces: tuple[str, ...]
    proposal_id: str
    incident_id: str


def matches(order: Order, ifaces: tuple[str, ...], entry: Entry | None) -> bool:
    """Whether the kernel holds an order as it was approved, for these interfaces."""
    if entry is None or entry.entry_id != order.entry_id or entry.count_only or entry.ifaces != ifaces:
        return False
    if not entry.deadline_ns or not order.until_ns:
        return entry.deadline_ns == order.until_ns
    return abs(entry.deadline_ns - order.until_ns) < SAME_DEADLINE_NS


def ordered(order: Order, entry: Entry | None, state: BlockState, reason: str, clock: Clock) -> Block:
    """Return the block of an order; ``reason`` is why it is not enforced as ordered, or empty."""
    ifaces = (entry.ifaces if entry else ()) or order.ifaces
    return replace(
        _seen(order.prefix, state, ifaces, order.deadline_ns, entry, clock),
        proposal_id=order.proposal_id,
        incident_id=order.incident_id,
        approver=order.approver,
        reason=reason or order.reason,
        added_at=order.added_at,
        ttl_s=order.ttl_s,
        keep_within_s=_left_s(order.trial_ns, clock) if order.trial_ns else 0.0,
    )


def watched(watching: Watching, entry: Entry | None, clock: Clock) -> Block:
    """Return the block of a count-only entry of our own."""
    live = entry is not None and entry.count_only and watching.deadline_ns > clock.boot_ns()
    state = BlockState.LIVE if live else BlockState.PENDING
    block = _seen(watching.prefix, state, watching.ifaces, watching.deadline_ns, entry, clock)
    block = replace(block, proposal_id=watching.proposal_id, incident_id=watching.incident_id)
    return replace(block, reason=COUNTING, watch=True)


def stranger(entry: Entry, clock: Clock) -> Block:
    """Return the block of an entry that no order stands for."""
    over = 0 < entry.deadline_ns <= clock.boot_ns()
    state = BlockState.EXPIRED if over else BlockState.DRIFTED
    block = _seen(entry.prefix, state, entry.ifaces, entry.deadline_ns, entry, clock)
    return replace(block, reason=STRANGE, watch=entry.count_only)


def past(gone: Ended) -> Block:
    """Return a block that ended."""
    counts = (gone.packets, gone.bytes, gone.last_hit_at)
    return replace(
        Block(gone.prefix, BlockState.EXPIRED, gone.ifaces, 0.0, *counts),
        proposal_id=gone.proposal_id,
        incident_id=gone.incident_id,
        approver=gone.approver,
        reason=gone.reason,
        added_at=gone.added_at,
        out_packets=gone.out_packets,
        out_bytes=gone.out_bytes,
        ttl_s=gone.ttl_s,
        ended_at=gone.at,
        ended_why=gone.why,
    )


def _seen(
    prefix: str, state: BlockState, ifaces: tuple[str, ...], deadline_ns: int, entry: Entry | None, clock: Clock
) -> Block:
    left_s = _left_s(deadline_ns, clock)
    if entry is None:
        return Block(prefix, state, ifaces, left_s, 0, 0, 0.0)
    hit_at = wall_of(entry.last_hit_ns, clock.boot_ns(), clock.wall())
    block = Block(prefix, state, ifaces, left_s, entry.packets, entry.bytes, hit_at)
    return replace(block, out_packets=entry.out_packets, out_bytes=entry.out_bytes)


def _left_s(deadline_ns: int, clock: Clock) -> float:
    return max(deadline_ns - clock.boot_ns(), 0) / 1e9 if deadline_ns else math.inf
