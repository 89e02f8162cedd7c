"""Writes approved orders into the kernel: many at once, each read back, and what failed is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from engine.guard.attachments import Attachments, words
from engine.guard.blocker import TakesMany, Wanted
from engine.guard.book import Book, summed
from engine.guard.clock import Clock
from engine.guard.orders import Order

CHUNK = 1000
"""Orders that are written at once."""
WRITE_S = 5.0
"""Most seconds of writing before other requests get their turn."""
FAILURES = 8
"""Most reasons of failed writes that are noted at once."""


class Writer:
    """The only place where a drop is written."""

    def __init__(self, book: Book, clock: Clock, plane: Attachments, here: Callable[[Order], tuple[str, ...]]) -> None:
        """Take ``here``, which tells on which attached interfaces an order drops."""
        self._book, self._clock, self._plane, self._here = book, clock, plane, here
        self._failed: dict[int, str] = {}
        self.unfinished = False
        """Whether orders wait to be written, because there were too many for one time."""

    def failure(self, order: Order) -> str:
        """Return why the kernel did not take an order, or empty."""
        return self._failed.get(order.entry_id, "")

    def forget(self, order: Order) -> None:
        """An order is no more."""
        self._failed.pop(order.entry_id, None)

    def write(self, orders: Sequence[Order], kind: str) -> None:
        """Write orders over what their prefixes have; what takes too long at once is left for the next time."""
        until = monotonic() + WRITE_S
        written: list[Order] = []
        at = 0
        while at < len(orders) and (at == 0 or monotonic() < until):
            written += self._put_all(orders[at : at + CHUNK], kind)
            at += CHUNK
        self.unfinished = at < len(orders)
        self._tell(written, kind)

    def _put_all(self, orders: Sequence[Order], kind: str) -> Sequence[Order]:
        """Write orders at once, or else one by one; return those that the kernel took."""
        wanted = [Wanted(order.prefix, order.until_ns, order.entry_id, self._here(order)) for order in orders]
        if len(wanted) > 1 and self._put_at_once(wanted):
            failures = [""] * len(wanted)
        else:
            failures = [self._put(one) for one in wanted]
        fresh: dict[str, list[str]] = {}
        for order, why in zip(orders, failures, strict=True):
            if why and why != self.failure(order):
                fresh.setdefault(why.replace(order.prefix, "it"), []).append(order.prefix)
            self.forget(order)
            if why:
                self._failed[order.entry_id] = why
        for why, prefixes in list(fresh.items())[:FAILURES]:
            self._book.note(self._clock.wall(), f"{kind}_failed", why=why, **summed(prefixes))
        return [order for order, why in zip(orders, failures, strict=True) if not why]

    def _put_at_once(self, wanted: Sequence[Wanted]) -> bool:
        """Whether the blocker takes many entries at once, and took all of these."""
        blocker = self._plane.blocker
        if blocker is None or not isinstance(blocker, TakesMany):
            return False
        try:
            blocker.add_many(wanted)
        except OSError:
            return False
        return True

    def _put(self, one: Wanted) -> str:
        """Write one entry and return why the kernel did not take it, or empty."""
        if self._plane.blocker is None:
            return self._plane.trouble() or "there is no data plane"
        try:
            self._plane.blocker.add(one.prefix, one.deadline_ns, one.entry_id, one.ifaces)
        except OSError as error:
            return words(f"cannot block {one.prefix}", error)
        return ""

    def _tell(self, written: Sequence[Order], kind: str) -> None:
        """Note what was written and read back."""
        if len(written) == 1:
            one = written[0]
            entry = {"entry_id": one.entry_id, "until_ns": one.until_ns, "ifaces": self._here(one)}
            self._book.note(self._clock.wall(), kind, prefix=one.prefix, read_back=True, **entry)
        elif written:
            self._book.note(self._clock.wall(), kind, read_back=True, **summed(order.prefix for order in written))
