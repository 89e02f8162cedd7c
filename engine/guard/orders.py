"""What should be in the kernel, and what was: the orders a person approved, and those that ended."""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import NamedTuple

from engine.guard.blocker import Entry
from engine.guard.book import Book, summed
from engine.guard.capacity import length_of
from engine.guard.schema import SIGNED, span

ENDED_KEPT = 10_000
"""Ended blocks that are remembered, the newest; the story of older ones stays in the audit chain."""
PRIOR_S = 30 * 86400.0
"""How long an ended block makes its addresses repeat offenders."""
PRIOR_LINES = 8


@dataclass(frozen=True, slots=True)
class Order:
    """A block that a person approved and that should be in the kernel."""

    entry_id: int
    prefix: str
    ttl_s: float
    expires_at: float
    """Wall clock; 0 means never. Counts after a reboot only."""
    boot_id: str
    deadline_ns: int
    """Boot clock of ``boot_id``; 0 means never."""
    proposal_id: str
    incident_id: str
    reason: str
    approver: str
    added_at: float
    ifaces: tuple[str, ...]
    """The only interfaces it may be enforced on."""
    network: str
    """The network namespace that those are names in."""
    remaining_s: float
    """Of the boot clock, as last noted: the most that is left after a reboot."""
    trial_ns: int = 0
    """Boot clock until which it drops unless a person keeps it; 0 when it is kept, or was never on trial."""

    @property
    def until_ns(self) -> int:
        """The deadline the kernel gets; 0 means never."""
        return self.trial_ns or self.deadline_ns

    def over(self, boot_id: str, boot_ns: int) -> bool:
        """Whether it drops no more; a trial does not outlast its boot."""
        if self.boot_id != boot_id:
            return self.trial_ns > 0
        return 0 < self.until_ns <= boot_ns


class Ended(NamedTuple):
    """A block that is no more."""

    entry_id: int
    prefix: str
    ttl_s: float
    proposal_id: str
    incident_id: str
    reason: str
    approver: str
    added_at: float
    ifaces: tuple[str, ...]
    at: float
    why: str
    """``expired``, ``removed``, ``reverted``, ``replaced`` or ``lifted``."""
    packets: int = 0
    bytes: int = 0
    out_packets: int = 0
    out_bytes: int = 0
    last_hit_at: float = 0.0


DROP_BLOCK = "DELETE FROM blocks WHERE prefix = ?"
INSERT_BLOCK = (
    "INSERT INTO blocks (entry_id, prefix, ttl_s, expires_at, boot_id, deadline_ns, proposal_id, incident_id, reason,"
    " approver, added_at, ifaces, network, remaining_s, trial_ns, first, last, mac)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SELECT_BLOCKS = f"SELECT {SIGNED}, mac FROM blocks ORDER BY added_at, entry_id"  # noqa: S608 - fixed columns
LAST_ENTRY_ID = "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'blocks'"
REBASE_BLOCK = (
    "UPDATE blocks SET expires_at = ?, boot_id = ?, deadline_ns = ?, remaining_s = ?, mac = ? WHERE entry_id = ?"
)
KEEP_BLOCK = "UPDATE blocks SET trial_ns = 0, mac = ? WHERE prefix = ?"
INSERT_ENDED = (
    "INSERT INTO ended (entry_id, prefix, ttl_s, proposal_id, incident_id, reason, approver, added_at, ifaces,"
    " ended_at, why, packets, bytes, out_packets, out_bytes, last_hit_at, first, last)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
FORGET_ENDED = "DELETE FROM ended WHERE id <= (SELECT MAX(id) FROM ended) - ?"
SELECT_ENDED = (
    "SELECT entry_id, prefix, ttl_s, proposal_id, incident_id, reason, approver, added_at, ifaces, ended_at, why,"
    " packets, bytes, out_packets, out_bytes, last_hit_at FROM ended ORDER BY id DESC LIMIT ? OFFSET ?"
)
SUM_ENDED = "SELECT COUNT(*), COALESCE(SUM(packets + out_packets), 0) FROM ended"
WAS_OURS = "SELECT 1 FROM ended WHERE entry_id = ? AND prefix = ? LIMIT 1"
PRIOR = (
    "SELECT prefix, added_at, ttl_s, why FROM ended WHERE first <= ?2 AND last >= ?1 AND ended_at >= ?3"
    " AND why != 'replaced' UNION ALL SELECT prefix, added_at, ttl_s, 'in force' FROM blocks"
    " WHERE first <= ?2 AND last >= ?1 AND added_at >= ?3 ORDER BY added_at DESC"
)
SEEN = "INSERT INTO seen VALUES (?, ?) ON CONFLICT (boot_id) DO UPDATE SET boot_ns = MAX(boot_ns, ?2)"
SELECT_SEEN = "SELECT boot_id, boot_ns FROM seen"

BlockRow = tuple[int, str, float, float, str, int, str, str, str, str, float, str, str, float, int]


class Prior(NamedTuple):
    """An earlier block of addresses that are asked for again."""

    prefix: str
    added_at: float
    ttl_s: float
    why: str


class Orders:
    """The orders, read once and then kept in memory beside the table, which only this process writes."""

    def __init__(self, book: Book) -> None:
        self._book, self._db = book, book.db
        self._by_prefix: dict[str, Order] = {}
        self.forged: dict[str, Order] = {}
        """What stands in the table otherwise than it was approved, by prefix: never enforced."""
        for *columns, mac in self._db.execute(SELECT_BLOCKS):
            genuine = hmac.compare_digest(mac.encode(), self._book.signed(*columns).encode())
            order = _order(tuple(columns))
            (self._by_prefix if genuine else self.forged)[order.prefix] = order
        self.changes = 0
        """Grows with every change."""
        self._trials = {order.prefix for order in self._by_prefix.values() if order.trial_ns}
        self.lengths = Counter(length_of(prefix) for prefix in self._by_prefix)
        """How many orders there are of each family and length."""

    def by_prefix(self) -> Mapping[str, Order]:
        """Return what should be in the kernel, oldest first."""
        return self._by_prefix

    def newest(self) -> list[Order]:
        """Return what should be in the kernel, newest first."""
        return list(reversed(self._by_prefix.values()))

    def holding(self, prefix: str) -> list[Order]:
        """Return the orders whose prefix holds all of this one, widest first."""
        network = ip_network(prefix)
        holders = (str(network.supernet(new_prefix=length)) for length in range(network.prefixlen + 1))
        return [self._by_prefix[holder] for holder in holders if holder in self._by_prefix]

    def trials(self) -> list[Order]:
        """Return the orders that revert unless a person keeps them."""
        return [self._by_prefix[prefix] for prefix in self._trials]

    def number(self, orders: Sequence[Order]) -> list[Order]:
        """Give each order its entry id: its own, or that of the order which it only gives another term."""
        last = int(self._db.execute(LAST_ENTRY_ID).fetchone()[0])
        numbered = []
        for order in orders:
            standing = self._by_prefix.get(order.prefix)
            if standing is not None and same_block(standing, order):
                numbered.append(replace(order, entry_id=standing.entry_id))
            else:
                last += 1
                numbered.append(replace(order, entry_id=last))
        return numbered

    def write(self, orders: Sequence[Order], entries: Mapping[str, Entry], wall: float, boot_ns: int) -> None:
        """Write numbered orders within the open transaction, each in the place of what its prefix had."""
        replaced = [
            ended(standing, "replaced", wall, entries.get(order.prefix), boot_ns)
            for order in orders
            if (standing := self._by_prefix.get(order.prefix)) is not None and not same_block(standing, order)
        ]
        self._remember(replaced)
        self._db.executemany(DROP_BLOCK, [(order.prefix,) for order in orders])
        self._db.executemany(INSERT_BLOCK, [(*_row(one), *span(one.prefix), self._mac(one)) for one in orders])

    def written(self, orders: Iterable[Order]) -> None:
        """Take over what ``write`` wrote, once it is committed."""
        self.changes += 1
        for order in orders:
            self.forged.pop(order.prefix, None)
            if self._by_prefix.pop(order.prefix, None) is None:
                self.lengths[length_of(order.prefix)] += 1
            self._by_prefix[order.prefix] = order
            self._trials.discard(order.prefix)
            if order.trial_ns:
                self._trials.add(order.prefix)

    def end(self, gone: Sequence[Ended], why: str, **told: object) -> None:
        """Take orders back in one transaction with one audit entry."""
        with self._book.step(gone[0].at, why) as step:
            self._db.executemany(DROP_BLOCK, [(one.prefix,) for one in gone])
            self._remember(gone)
            step |= {**summed(one.prefix for one in gone), **told}
        self.changes += 1
        for one in gone:
            self.forged.pop(one.prefix, None)
            if self._by_prefix.pop(one.prefix, None) is not None:
                self.lengths[length_of(one.prefix)] -= 1
            self._trials.discard(one.prefix)

    def keep(self, prefix: str, at: float, who: str) -> Order:
        """Note that a person keeps a block on trial, and return the order as it stands now."""
        kept = replace(self._by_prefix[prefix], trial_ns=0)
        with self._book.step(at, "kept") as step:
            self._db.execute(KEEP_BLOCK, (self._mac(kept), prefix))
            step |= {"prefix": prefix, "by": who}
        self._by_prefix[prefix] = kept
        self._trials.discard(prefix)
        self.changes += 1
        return self._by_prefix[prefix]

    def note_seen(self, boot_id: str, boot_ns: int) -> None:
        """Note how far this boot's clock came, for a boot whose wall clock is behind."""
        self._db.execute(SEEN, (boot_id, boot_ns))

    def carry_over(self, boot_id: str, boot_ns: int, wall: float) -> None:
        """Carry the remaining times over a reboot, or to a wall clock that was set."""
        seen = dict(self._db.execute(SELECT_SEEN).fetchall())
        moved = [
            after
            for order in self._by_prefix.values()
            if (after := _carried(order, boot_id, boot_ns, wall, seen)) is not order
        ]
        if not moved:
            return
        with self._book.quiet_step():
            rows = [
                (one.expires_at, one.boot_id, one.deadline_ns, one.remaining_s, self._mac(one), one.entry_id)
                for one in moved
            ]
            self._db.executemany(REBASE_BLOCK, rows)
        self.changes += 1
        for order in moved:
            self._by_prefix[order.prefix] = order

    def _mac(self, order: Order) -> str:
        return self._book.signed(*_row(order))

    # --- what ended

    def ended(self, limit: int, offset: int) -> list[Ended]:
        """Return the blocks that ended, newest first."""
        rows = self._db.execute(SELECT_ENDED, (limit, offset))
        return [Ended(*row)._replace(ifaces=tuple(json.loads(row[8]))) for row in rows]

    def ended_sums(self) -> tuple[int, int]:
        """Return how many ended blocks are remembered, and how many packets they dropped."""
        count, packets = self._db.execute(SUM_ENDED).fetchone()
        return count, packets

    def was_ours(self, entry: Entry) -> bool:
        """Whether an entry is left of an order that ended."""
        return self._db.execute(WAS_OURS, (entry.entry_id, entry.prefix)).fetchone() is not None

    def prior(self, prefix: str, wall: float) -> list[Prior]:
        """Return the blocks of addresses of a prefix in the last 30 days, newest first, those in force included."""
        return [Prior(*row) for row in self._db.execute(PRIOR, (*span(prefix), wall - PRIOR_S))]

    def _remember(self, gone: Sequence[Ended]) -> None:
        rows = [(*one[:8], json.dumps(one.ifaces), *one[9:], *span(one.prefix)) for one in gone[-ENDED_KEPT:]]
        self._db.executemany(INSERT_ENDED, rows)
        self._db.execute(FORGET_ENDED, (ENDED_KEPT,))


def same_block(standing: Order, order: Order) -> bool:
    """Whether an order only gives a standing one another term: it keeps the entry and its counters."""
    return (standing.ifaces, standing.incident_id, standing.network) == (order.ifaces, order.incident_id, order.network)


def ended(order: Order, why: str, wall: float, entry: Entry | None, boot_ns: int) -> Ended:
    """Return the record of an order that ends, with what its entry counted."""
    counted = entry if entry is not None and entry.entry_id == order.entry_id else None
    told = (order.entry_id, order.prefix, order.ttl_s, order.proposal_id, order.incident_id, order.reason)
    story = (*told, order.approver, order.added_at, order.ifaces, wall, why)
    if counted is None:
        return Ended(*story)
    sums = (counted.packets, counted.bytes, counted.out_packets, counted.out_bytes)
    return Ended(*story, *sums, wall_of(counted.last_hit_ns, boot_ns, wall))


def wall_of(at_ns: int, boot_ns: int, wall: float) -> float:
    """Return the wall clock of a moment of the boot clock; 0 for none."""
    return wall - (boot_ns - at_ns) / 1e9 if at_ns else 0.0


def _carried(order: Order, boot_id: str, boot_ns: int, wall: float, seen: Mapping[str, int]) -> Order:
    if not order.ttl_s or order.trial_ns:
        return order
    if order.boot_id == boot_id:
        expires_at = wall + (order.deadline_ns - boot_ns) / 1e9
        return order if abs(expires_at - order.expires_at) <= 1 else replace(order, expires_at=expires_at)
    left = min(order.expires_at - wall, order.remaining_s)
    if order.boot_id in seen:
        left = min(left, (order.deadline_ns - seen[order.boot_id]) / 1e9)
    deadline_ns = max(boot_ns + int(left * 1e9), 1)
    return replace(order, expires_at=wall + left, boot_id=boot_id, deadline_ns=deadline_ns, remaining_s=left)


def _order(row: BlockRow) -> Order:
    """Return the order of a row; one that somebody edited may name no interfaces that can be read."""
    try:
        ifaces = tuple(str(iface) for iface in json.loads(row[11]))
    except (ValueError, TypeError):
        ifaces = ()
    return Order(*row[:11], ifaces, *row[12:])


def _row(order: Order) -> tuple[object, ...]:
    """Return what is signed, as the table gives it back."""
    times = (float(order.ttl_s), float(order.expires_at), order.boot_id, order.deadline_ns)
    about = (order.proposal_id, order.incident_id, order.reason, order.approver, float(order.added_at))
    where = (json.dumps(order.ifaces), order.network, float(order.remaining_s), order.trial_ns)
    return (order.entry_id, order.prefix, *times, *about, *where)
