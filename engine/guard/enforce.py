"""Keeps the kernel's map and the approved orders the same, and tells what the kernel does now."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from engine.guard import listing, policy, terms
from engine.guard.attachments import Attachments, words
from engine.guard.blocker import Entry, ReadsOne, TakesMany
from engine.guard.book import summed
from engine.guard.clock import Clock
from engine.guard.ledger import Ledger
from engine.guard.listing import Look, Row, Rows, Watching
from engine.guard.orders import Order, ended
from engine.guard.watches import Watches
from engine.guard.writing import Writer
from engine.types import Block, BlockState, Terms

HALTED = "blocking is halted by panic-unblock until a person resumes it"
FEW = 4
"""Entries up to which each is read by itself where the back end can, instead of all."""
FORGED = "the stored block is not what was approved: it is not enforced"
MANY = 5000
"""Entries from which on one look at the kernel serves for ``LOOK_NS``: reading them all takes a while."""
LOOK_NS = 2 * 10**9
WAITING = "waiting for the addresses of this host, which a block must not cut off"
UNKNOWN = "what the kernel holds is not known"
REMOVERS = 10_000


class Enforcer:
    """Writes approved orders and nothing else; the ledger says what should be, the map what is."""

    def __init__(self, ledger: Ledger, clock: Clock, plane: Attachments) -> None:
        self._ledger, self._orders, self._clock, self._plane = ledger, ledger.orders, clock, plane
        self.watches = Watches(clock)
        self._writer = Writer(ledger.book, clock, plane, self._here)
        self._look = Look({}, -LOOK_NS)
        self._rows: Rows | None = None
        self._was_halted = False
        self.halt_changed_by = ""
        """Who halted or resumed last; empty where that is not known."""
        self.removers: dict[str, str] = {}
        """Who took the block of a prefix back last, in words, since this guard started; at most ``REMOVERS``."""
        self._spared: tuple[str, ...] | None = None
        """What the kernel's allow map holds; None while that is not known, and then no drop is written."""
        self._passing = policy.Spared({})
        self.drifted: tuple[str, ...] = ()
        """Live prefixes in the kernel that no order stands for."""

    @property
    def halted(self) -> bool:
        """Whether panic-unblock stopped all blocking."""
        return self._plane.blocker is not None and self._plane.blocker.halted

    def due_ns(self) -> int | None:
        """Return the boot clock at which a block on trial reverts, a count-only entry ends, or writing goes on."""
        if self._writer.unfinished:
            return 0
        trials = [order.trial_ns for order in self._orders.trials()]
        return min([*trials, *self.watches.deadlines()], default=None)

    # --- the kernel

    def set_allow(self, spared: Mapping[str, str], ssh_ports: Sequence[int]) -> None:
        """Refresh the kernel's allow map, beat its heart, and name the ports that a stale heart spares.

        ``spared`` says of each prefix what it is. Until this worked once no order is written, nor after it failed.
        """
        self._plane.troubles.pop("allow", None)
        self._spared = None
        blocker = self._plane.ready()
        if blocker is not None:
            try:
                if ssh_ports:
                    blocker.set_ssh_ports(ssh_ports)
                blocker.set_allow(tuple(spared))
            except OSError as error:
                self._plane.troubles["allow"] = words("cannot refresh the kernel's allow map", error)
                return
            self._spared = tuple(spared)
            self._passing = policy.Spared(spared)

    def spare(self, spared: Mapping[str, str], ssh_ports: Sequence[int]) -> None:
        """Refresh the kernel's allow map where it should hold something else than what was written last."""
        if self._spared != tuple(spared):
            self.set_allow(spared, ssh_ports)

    def look(self, fresh: bool = False) -> Look:
        """Return what the kernel holds, as read now or, where that is much, a moment ago; raises ``OSError``."""
        now = self._clock.boot_ns()
        lately = now - self._look.at_ns < LOOK_NS and len(self._look.entries) >= MANY
        if fresh or not lately:
            blocker = self._plane.blocker
            entries = {entry.prefix: entry for entry in blocker.entries()} if blocker else {}
            self._look = Look(entries, now)
        return self._look

    def counted(self, prefixes: Sequence[str]) -> Mapping[str, Entry]:
        """Return the entries of these prefixes at least, one by one where they are few; raises ``OSError``."""
        blocker = self._plane.blocker
        if blocker is not None and len(prefixes) <= FEW and isinstance(blocker, ReadsOne):
            found = {prefix: blocker.entry(prefix) for prefix in prefixes}
            return {prefix: entry for prefix, entry in found.items() if entry is not None}
        return self.look().entries if prefixes else {}

    def resume(self, who: str) -> None:
        """Clear the halt and restore what is still within its term; raises ``OSError``."""
        if self._plane.blocker is not None:
            self._plane.blocker.resume()
        self.reconcile()
        self.halt_changed_by = who

    def note_halt(self, who: str) -> bool:
        """Note who halted, which the kernel cannot tell; false where that is noted already."""
        if self._was_halted and self.halt_changed_by:
            return False
        self._ledger.book.note(self._clock.wall(), "halted", by=who)
        self._was_halted, self.halt_changed_by = True, who
        return True

    # --- orders

    def enforce(self, orders: Sequence[Order]) -> None:
        """Write orders just approved; each write is read back."""
        prefixes = {order.prefix for order in orders}
        self.watches.forget(prefixes)
        for prefix in prefixes:
            self.removers.pop(prefix, None)
        if self._plane.blocker is not None:
            # What cannot be taken out now is a count-only entry of nobody, and goes when they are reconciled.
            with suppress(OSError):
                self.watches.drop_within(self._plane.blocker, prefixes)
        self._write(orders, "write")

    def remove(self, prefix: str, who: str) -> bool:
        """Take an order back, then its entry, or an entry that no order stands for; raises ``OSError``."""
        order = self._orders.by_prefix().get(prefix) or self._orders.forged.get(prefix)
        if order is not None:
            self._take_back([order], who)
            return True
        self.watches.forget([prefix])
        if not self._take_out([prefix]):
            return False
        self._ledger.book.note(self._clock.wall(), "removed", prefix=prefix, by=who, order=False)
        return True

    def remove_of(self, proposal_id: str, who: str) -> int:
        """Take back every order of a proposal, and return how many there were; raises ``OSError``."""
        orders = [order for order in self._orders.newest() if order.proposal_id == proposal_id]
        if orders:
            self._take_back(orders, who)
        return len(orders)

    def _take_back(self, orders: Sequence[Order], who: str) -> None:
        """End orders of one proposal in the ledger, then take their entries out."""
        prefixes = [order.prefix for order in orders]
        entries, now, wall = self.counted(prefixes), self._clock.boot_ns(), self._clock.wall()
        gone = [ended(order, "removed", wall, entries.get(order.prefix), now) for order in orders]
        self._orders.end(gone, "removed", by=who, proposal=orders[0].proposal_id)
        for order in orders:
            self._writer.forget(order)
        self.removers |= dict.fromkeys(prefixes, who)
        for prefix in list(self.removers)[:-REMOVERS]:
            del self.removers[prefix]
        self.watches.forget(prefixes)
        self._take_out(prefixes)

    def _take_out(self, prefixes: Sequence[str]) -> int:
        """Take entries out of the kernel and of the last look at it, and return how many there were."""
        blocker = self._plane.blocker
        if blocker is None:
            return 0
        try:
            if isinstance(blocker, TakesMany):
                return blocker.remove_many(prefixes)
            return sum([blocker.remove(prefix) for prefix in prefixes])
        finally:
            self._forget(prefixes)

    def keep(self, prefix: str, who: str) -> bool:
        """Let a block on trial stay for its approved term; false when it is not on trial."""
        order = self._orders.by_prefix().get(prefix)
        if order is None or not order.trial_ns or order.over(self._clock.boot_id, self._clock.boot_ns()):
            return False
        self._write([self._orders.keep(prefix, self._clock.wall(), who)], "write")
        return True

    def watch(self, watching: Watching) -> Block:
        """Write a count-only entry where no block is, and return it as read back; raises ``OSError``."""
        blocker = self._plane.blocker
        if blocker is None:
            raise OSError(self._plane.trouble())
        self.watches.add(blocker, watching, self._orders.by_prefix())
        self._changed()
        return listing.watched(watching, self.look(fresh=True).entries.get(watching.prefix), self._clock)

    def lift(self, who: str) -> int:
        """Take every order of this network namespace back after a halt: each block needs a new approval."""
        now, wall = self._clock.boot_ns(), self._clock.wall()
        gone = [ended(order, "lifted", wall, None, now) for order in self._orders.newest() if self._is_ours(order)]
        if gone:
            self._orders.end(gone, "lifted", by=who)
        return len(gone)

    def reconcile(self) -> None:
        """Restore orders within their term, end those past it, and look for strangers."""
        self._plane.revert_due()
        self._plane.attach()
        self._plane.troubles.pop("read", None)
        self._writer.unfinished = False
        boot = (self._clock.boot_id, self._clock.boot_ns())
        try:
            entries = self.look(fresh=True).entries
            self._note_halt()
            self._orders.carry_over(*boot, self._clock.wall())
            self._end_over(entries)
            if self._plane.blocker is not None and not self.halted:
                standing = self._orders.by_prefix()
                differing = [order for order in standing.values() if self._differs(order, entries.get(order.prefix))]
                self._write(differing, "restore")
                self.watches.renew(self._plane.blocker, entries, standing)
            elif self.halted:
                self.watches.forget([watching.prefix for watching in self.watches.all()])
            self._clear_strangers(entries)
            self._orders.note_seen(*boot)
        except OSError as error:
            self._plane.troubles["read"] = words("cannot reconcile the kernel's map", error)

    def _end_over(self, entries: Mapping[str, Entry]) -> None:
        """End what nobody kept, and what is past its term; the ledger first, then the kernel."""
        boot_id, now, wall = self._clock.boot_id, self._clock.boot_ns(), self._clock.wall()
        over = [order for order in self._orders.newest() if order.over(boot_id, now)]
        for why, those in (
            ("reverted", [order for order in over if order.trial_ns]),
            ("expired", [order for order in over if not order.trial_ns]),
        ):
            if those:
                gone = [ended(order, why, wall, entries.get(order.prefix), now) for order in those]
                self._orders.end(gone, why)
            for order in those:
                self._writer.forget(order)
            held = [order.prefix for order in those if order.prefix in entries]
            if held:
                self._take_out(held)

    def _differs(self, order: Order, entry: Entry | None) -> bool:
        """Whether the kernel holds something else than it should; another network's guard sees to its own."""
        if not self._is_ours(order):
            return False
        here = self._here(order)
        return not listing.matches(order, here, entry) and (entry is not None or bool(here))

    def _here(self, order: Order) -> tuple[str, ...]:
        """The interfaces the order was approved for that the program is attached to."""
        attached = self._plane.attached
        return tuple(sorted({iface for iface in order.ifaces if iface in attached})) if self._is_ours(order) else ()

    def _is_ours(self, order: Order) -> bool:
        return order.network == self._ledger.network

    def _write(self, orders: Sequence[Order], kind: str) -> None:
        if orders and self._spared is not None:
            self._writer.write(orders, kind)
            self._changed()

    def _changed(self) -> None:
        """Let the next look read the kernel again."""
        self._look = self._look._replace(at_ns=-LOOK_NS)

    def _forget(self, prefixes: Iterable[str]) -> None:
        """Leave what was taken out of the last look, which else would have to be read again for each."""
        for prefix in prefixes:
            self._look.entries.pop(prefix, None)
        self._rows = None

    def _clear_strangers(self, entries: Mapping[str, Entry]) -> None:
        """What nobody ordered goes when it only counts, is over, or is left of an order that ended; else it is told."""
        known, now = self._orders.by_prefix(), self._clock.boot_ns()
        strangers = [entry for prefix, entry in entries.items() if prefix not in known and prefix not in self.watches]
        drifted, cleared = [], []
        for entry in strangers:
            over = 0 < entry.deadline_ns <= now
            if not over and not entry.count_only and not self._orders.was_ours(entry):
                drifted.append(entry.prefix)
            elif self._plane.blocker is not None and self._plane.blocker.remove(entry.prefix) and not over:
                cleared.append(entry.prefix)
        if cleared:
            self._ledger.book.note(self._clock.wall(), "cleared", **summed(cleared))
        told = tuple(sorted(drifted))
        if told != self.drifted:
            self._ledger.book.note(self._clock.wall(), "drift", **summed(told))
        self.drifted = told

    def _note_halt(self) -> None:
        if self.halted != self._was_halted:
            self._was_halted, self.halt_changed_by = self.halted, ""
            self._ledger.book.note(self._clock.wall(), "halted" if self.halted else "resumed")

    # --- what is

    def rows(self) -> Rows:
        """Return every block of one look: what nobody ordered, then the orders, newest first; raises ``OSError``."""
        look = self.look()
        if self._rows is None or self._rows.look is not look or self._rows.changes != self._orders.changes:
            entries = dict(look.entries)
            rows = [Row(order, entries.pop(order.prefix, None)) for order in self._orders.newest()]
            dropped = sum(
                [entry.packets + entry.out_packets for entry in look.entries.values() if not entry.count_only]
            )
            forged = [Row(order, entries.pop(order.prefix, None)) for order in self._orders.forged.values()]
            strange = [Row(None, entry) for entry in entries.values()]
            self._rows = Rows(look, self._orders.changes, [*strange, *forged, *rows], dropped)
        return self._rows

    def block(self, row: Row) -> Block:
        """Return a row of a listing in words."""
        order, entry = row
        if order is not None and order.prefix in self._orders.forged:
            state = BlockState.FAILED if entry is None else BlockState.DRIFTED
            return listing.ordered(order, entry, state, FORGED, self._clock)
        if order is not None:
            return listing.ordered(order, entry, *self._told(order, entry), self._clock)
        assert entry is not None  # noqa: S101 - a row has one of the two
        watching = self.watches.get(entry.prefix)
        if watching is not None:
            return listing.watched(watching, entry, self._clock)
        return listing.stranger(entry, self._clock)

    def written(self, order: Order) -> Block:
        """Return the block of an order that was just written and read back, with what its entry counted before."""
        entry = self._entry(order.prefix)
        state, reason = self._told(order, entry)
        if state is BlockState.PENDING and self._spared is not None:
            state = BlockState.LIVE
        block = listing.ordered(order, entry, state, reason, self._clock)
        return replace(block, ifaces=self._here(order) or order.ifaces)

    def _entry(self, prefix: str) -> Entry | None:
        """Read one entry again; the counters are not worth an error, nor a look at many."""
        try:
            return self.counted([prefix]).get(prefix)
        except OSError:
            return None

    def covering(self, asked: Terms) -> str:
        """Say which block in force drops all that is asked for, for no shorter term, and how long still; or nothing."""
        now = self._clock.boot_ns()
        for order in () if self.halted else self._orders.holding(asked.prefix):
            in_force = self._is_ours(order) and not order.trial_ns and not order.over(self._clock.boot_id, now)
            enough = set(asked.ifaces) <= set(order.ifaces) and (not order.ttl_s or 0 < asked.ttl_s <= order.ttl_s)
            if in_force and enough and not self._writer.failure(order):
                by = f" by {order.prefix}" if order.prefix != asked.prefix else ""
                left_s = (order.deadline_ns - now) / 1e9 if order.deadline_ns else math.inf
                return f"{asked.prefix} is blocked already{by}, {terms.left(left_s)}"
        return ""

    def failed(self, orders: Iterable[Order]) -> int:
        """Return how many of these the kernel did not take."""
        return sum([bool(self._writer.failure(order)) for order in orders])

    def _told(self, order: Order, entry: Entry | None) -> tuple[BlockState, str]:
        """Return what the kernel does about an order, and why it does not drop as approved, or what it spares."""
        sparing = self._passing.of(order.prefix)
        reason = self._writer.failure(order) or self._unmet(order, entry)
        if not reason and sparing.whole:
            reason = f"passes: {sparing.whole}"
        elif not reason and sparing.within:
            reason = "; ".join(filter(None, (f"spares {sparing.within}", order.reason)))
        return self._state(order, entry, passes=bool(sparing.whole)), reason

    def _state(self, order: Order, entry: Entry | None, passes: bool) -> BlockState:
        """Return what the kernel does about an order.

        One whose packets all pass because the never-block set holds its prefix is ``failed``, like one on an
        interface without attachment: it is approved and drops nothing, and a person has to change that. The
        kernel has seen it and holds it as approved, so it is neither ``pending`` nor ``drifted``.
        """
        if self.halted:
            return BlockState.HALTED
        if order.over(self._clock.boot_id, self._clock.boot_ns()):
            return BlockState.EXPIRED
        if bool(self._writer.failure(order)) or not self._here(order) or passes:
            return BlockState.FAILED
        if entry is None:
            return BlockState.PENDING
        return BlockState.LIVE if listing.matches(order, self._here(order), entry) else BlockState.DRIFTED

    def _unmet(self, order: Order, entry: Entry | None) -> str:
        """Say where an order is not enforced although it should be, or nothing."""
        if not self._is_ours(order):
            return "approved in another network namespace: only a guard there enforces it"
        if self._plane.blocker is None:
            return f"{self._plane.trouble()}; {UNKNOWN}"
        missing = [iface for iface in order.ifaces if iface not in self._plane.attached]
        if missing or not order.ifaces:
            return f"not enforced on {', '.join(missing) or 'any interface'}: the guard is not attached there"
        if self._spared is None and not self.halted and not listing.matches(order, self._here(order), entry):
            return "; ".join([WAITING, *filter(None, [self._plane.troubles.get("allow")])])
        return ""
