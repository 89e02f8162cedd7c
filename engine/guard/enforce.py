"""Keeps the kernel's map and the approved orders the same, and tells what the kernel does now."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from engine.guard.blocker import Blocker, Entry
from engine.guard.clock import Clock
from engine.guard.ledger import Ledger, Order
from engine.types import Block, BlockState

SAME_DEADLINE_NS = 10**9
"""Deadlines closer than this are the same."""
HALTED = "blocking is halted by panic-unblock until a person resumes it"


class Enforcer:
    """Writes approved orders and nothing else; the ledger says what should be, the map what is."""

    def __init__(
        self, ledger: Ledger, clock: Clock, open_blocker: Callable[[], Blocker], ifaces: Sequence[str]
    ) -> None:
        self._ledger, self._clock, self._open = ledger, clock, open_blocker
        self.ifaces = tuple(ifaces)
        """Interfaces the kernel program should be attached to."""
        self._blocker: Blocker | None = None
        self._attached: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._unattached: dict[str, str] = {}
        self._failed: dict[int, str] = {}
        self._was_halted = False
        self.drifted: tuple[str, ...] = ()
        """Live prefixes in the kernel that no order stands for."""

    # --- the data plane

    @property
    def halted(self) -> bool:
        """Whether panic-unblock stopped all blocking."""
        return self._blocker is not None and self._blocker.halted

    @property
    def attached(self) -> dict[str, str]:
        """Interface to mode, those left attached by an earlier guard included: the map holds for all of them."""
        return dict(self._attached)

    def trouble(self) -> str:
        """Return why an approval would not be enforced, or empty; a halt is told by ``halted``."""
        if self._troubles:
            return "; ".join(self._troubles.values())
        if not self._attached:
            why = "; ".join(self._unattached.values())
            return why or "monitor only: the guard was started for no interface"
        return ""

    def dataplane(self) -> str:
        """Return ``XDP native``, ``XDP generic``, or why there is none."""
        modes = ", ".join(sorted(set(self._attached.values())))
        troubles = [*self._troubles.values(), *self._unattached.values()]
        return "; ".join([*([f"XDP {modes}"] if modes else []), *troubles]) or self.trouble()

    def attach(self, ifaces: Sequence[str]) -> None:
        """Attach to more interfaces, and to those that were lost."""
        self.ifaces = tuple(dict.fromkeys((*self.ifaces, *ifaces)))
        blocker = self._ready()
        if blocker is None:
            return
        before = blocker.attached()
        self._unattached.clear()
        for iface in self.ifaces:
            if iface not in before:
                self._attach_one(blocker, iface)
        self._attached = dict(blocker.attached())

    def _attach_one(self, blocker: Blocker, iface: str) -> None:
        try:
            mode = blocker.attach(iface)
        except OSError as error:
            self._unattached[iface] = _words(f"cannot attach XDP to {iface}", error)
            return
        self._ledger.note(self._clock.wall(), "attach", iface=iface, mode=mode)

    def _ready(self) -> Blocker | None:
        """Open the kernel's maps, again and again until it works."""
        self._troubles.pop("open", None)
        if self._blocker is None:
            try:
                self._blocker = self._open()
            except OSError as error:
                self._troubles["open"] = _words("cannot open the kernel's maps", error)
        return self._blocker

    def set_allow(self, prefixes: Sequence[str]) -> None:
        """Refresh the kernel's allow map."""
        self._troubles.pop("allow", None)
        blocker = self._ready()
        if blocker is not None:
            try:
                blocker.set_allow(prefixes)
            except OSError as error:
                self._troubles["allow"] = _words("cannot refresh the kernel's allow map", error)

    def resume(self) -> None:
        """Clear the halt and restore what is still within its term; raises ``OSError``."""
        if self._blocker is not None:
            self._blocker.resume()
        self.reconcile()

    # --- orders

    def enforce(self, order: Order) -> Block:
        """Write an order and return the block as read back."""
        self._write(order, "write")
        return next(block for block in self.blocks() if block.prefix == order.prefix)

    def remove(self, prefix: str, who: str) -> bool:
        """Take a block out of the kernel and its order back; raises ``OSError``."""
        known = any(order.prefix == prefix for order in self._ledger.orders())
        removed = self._blocker.remove(prefix) if self._blocker is not None else False
        if known or removed:
            self._ledger.end(prefix, self._clock.wall(), "remove", by=who, in_kernel=removed)
        return known or removed

    def reconcile(self) -> None:
        """Restore orders within their term, end those past it, and look for strangers."""
        self.attach(())
        self._troubles.pop("read", None)
        try:
            entries = {entry.prefix: entry for entry in self._blocker.entries()} if self._blocker else {}
            self._note_halt()
            for order in self._ledger.orders():
                self._reconcile_one(self._current(order), entries.get(order.prefix))
            self._find_strangers(entries)
            self._ledger.note_remaining((self._clock.boot_id, self._clock.boot_ns()))
        except OSError as error:
            self._troubles["read"] = _words("cannot reconcile the kernel's map", error)

    def _reconcile_one(self, order: Order, entry: Entry | None) -> None:
        if self._over(order):
            if entry is not None and self._blocker is not None:
                self._blocker.remove(order.prefix)
            self._failed.pop(order.entry_id, None)
            self._ledger.end(order.prefix, self._clock.wall(), "expired", proposal=order.proposal_id)
        elif self._blocker is not None and not self.halted and self._differs(order, entry):
            self._write(order, "restore")

    def _differs(self, order: Order, entry: Entry | None) -> bool:
        """Whether the kernel holds something else than it should; another network's guard sees to its own."""
        if not self._is_ours(order):
            return False
        here = self._here(order)
        return not _matches(order, here, entry) and (entry is not None or bool(here))

    def _here(self, order: Order) -> tuple[str, ...]:
        """The interfaces the order was approved for that the program is attached to."""
        return tuple(sorted(set(order.ifaces) & set(self._attached))) if self._is_ours(order) else ()

    def _is_ours(self, order: Order) -> bool:
        return order.network == self._ledger.network

    def _unmet(self, order: Order) -> str:
        """Say where an order is not enforced although it should be, or nothing."""
        if not self._is_ours(order):
            return "approved in another network namespace: only a guard there enforces it"
        missing = [iface for iface in order.ifaces if iface not in self._attached]
        if not missing and order.ifaces:
            return ""
        return f"not enforced on {', '.join(missing) or 'any interface'}: the guard is not attached there"

    def _write(self, order: Order, kind: str) -> None:
        if self._blocker is None:
            self._failed[order.entry_id] = self.trouble()
            return
        try:
            self._blocker.add(order.prefix, order.deadline_ns, order.entry_id, self._here(order))
        except OSError as error:
            failure = _words(f"cannot block {order.prefix}", error)
            if self._failed.get(order.entry_id) != failure:
                self._ledger.note(self._clock.wall(), f"{kind}_failed", prefix=order.prefix, why=failure)
            self._failed[order.entry_id] = failure
            return
        self._failed.pop(order.entry_id, None)
        self._ledger.note(self._clock.wall(), kind, prefix=order.prefix, entry_id=order.entry_id)

    def _current(self, order: Order) -> Order:
        """Carry the remaining time over a reboot or a wall clock that was set."""
        if not order.ttl_s:
            return order
        wall, boot_ns = self._clock.wall(), self._clock.boot_ns()
        if order.boot_id != self._clock.boot_id:
            remaining = min(order.expires_at - wall, order.remaining_s)
            deadline_ns = max(boot_ns + int(remaining * 1e9), 1)
            return self._ledger.rebase(order, wall + remaining, self._clock.boot_id, deadline_ns)
        expires_at = wall + (order.deadline_ns - boot_ns) / 1e9
        if abs(expires_at - order.expires_at) > 1:
            return self._ledger.rebase(order, expires_at, order.boot_id, order.deadline_ns)
        return order

    def _over(self, order: Order) -> bool:
        return 0 < order.deadline_ns <= self._clock.boot_ns()

    def _find_strangers(self, entries: dict[str, Entry]) -> None:
        """Expired strangers are inert and go; live ones are told, and stay until a person decides."""
        known = {order.prefix for order in self._ledger.orders()}
        now = self._clock.boot_ns()
        strangers = [entry for prefix, entry in entries.items() if prefix not in known]
        for entry in strangers:
            if 0 < entry.deadline_ns <= now and self._blocker is not None:
                self._blocker.remove(entry.prefix)
        drifted = tuple(sorted(entry.prefix for entry in strangers if not 0 < entry.deadline_ns <= now))
        if drifted != self.drifted:
            self._ledger.note(self._clock.wall(), "drift", count=len(drifted), prefixes=drifted[:64])
        self.drifted = drifted

    def _note_halt(self) -> None:
        if self.halted != self._was_halted:
            self._was_halted = self.halted
            self._ledger.note(self._clock.wall(), "halted" if self.halted else "resumed")

    # --- what is

    def blocks(self) -> list[Block]:
        """Return every order and every stranger with its state in the kernel; raises ``OSError``."""
        entries = {entry.prefix: entry for entry in self._blocker.entries()} if self._blocker else {}
        orders = [self._current(order) for order in self._ledger.orders()]
        found = [self._block(order, entries.pop(order.prefix, None)) for order in orders]
        return found + [self._stranger(entry) for entry in entries.values()]

    def _block(self, order: Order, entry: Entry | None) -> Block:
        return Block(
            prefix=order.prefix,
            state=self._state(order, entry),
            ifaces=(entry.ifaces if entry else ()) or order.ifaces,
            remaining_s=self._remaining_s(order.deadline_ns),
            packets=entry.packets if entry else 0,
            bytes=entry.bytes if entry else 0,
            last_hit_at=self._last_hit_at(entry),
            proposal_id=order.proposal_id,
            incident_id=order.incident_id,
            approver=order.approver,
            reason=self._failed.get(order.entry_id) or self._unmet(order) or order.reason,
            added_at=order.added_at,
        )

    def _state(self, order: Order, entry: Entry | None) -> BlockState:
        if self.halted:
            return BlockState.HALTED
        if self._over(order):
            return BlockState.EXPIRED
        if order.entry_id in self._failed or not self._here(order):
            return BlockState.FAILED
        if entry is None:
            return BlockState.PENDING
        return BlockState.LIVE if _matches(order, self._here(order), entry) else BlockState.DRIFTED

    def _stranger(self, entry: Entry) -> Block:
        over = 0 < entry.deadline_ns <= self._clock.boot_ns()
        return Block(
            prefix=entry.prefix,
            state=BlockState.EXPIRED if over else BlockState.DRIFTED,
            ifaces=entry.ifaces,
            remaining_s=self._remaining_s(entry.deadline_ns),
            packets=entry.packets,
            bytes=entry.bytes,
            last_hit_at=self._last_hit_at(entry),
            reason="in the kernel without an approval in the guard's ledger",
        )

    def _remaining_s(self, deadline_ns: int) -> float:
        return max(deadline_ns - self._clock.boot_ns(), 0) / 1e9 if deadline_ns else math.inf

    def _last_hit_at(self, entry: Entry | None) -> float:
        if entry is None or not entry.last_hit_ns:
            return 0.0
        return self._clock.wall() - (self._clock.boot_ns() - entry.last_hit_ns) / 1e9


def _matches(order: Order, ifaces: tuple[str, ...], entry: Entry | None) -> bool:
    if entry is None or entry.entry_id != order.entry_id or entry.count_only or entry.ifaces != ifaces:
        return False
    if not entry.deadline_ns or not order.deadline_ns:
        return entry.deadline_ns == order.deadline_ns
    return abs(entry.deadline_ns - order.deadline_ns) < SAME_DEADLINE_NS


def _words(doing: str, error: OSError) -> str:
    """Say what was being done, unless the error says so itself."""
    told = error.strerror or str(error)
    return told if told.startswith((doing, "cannot", "monitor only")) else f"{doing}: {told}"
