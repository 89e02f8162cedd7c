"""Writes approved orders into the kernel: many at once, each read back, and what failed is remembered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple

from engine.guard.attachments import Attachments, words
from engine.guard.blocker import TakesMany, Wanted
from engine.guard.book import Book, summed
from engine.guard.clock import Clock
from engine.guard.orders import Order

CHUNK = 1000
"""Orders that are written at once."""
WRITE_S = 2.0
"""Most seconds of writing before other requests get their turn; one call of the blocker is not cut short."""
AGAIN_NS, LONGEST_NS = 60 * 10**9, 300 * 10**9
"""How long an order waits that failed twice: then twice as long each time, up to the longest."""
FAILURES = 8
"""Most reasons of failed writes that are noted at once."""


class Failure(NamedTuple):
    """Why the kernel did not take an order."""

    why: str
    wait_ns: int
    again_ns: int
    """Boot clock from which on it is tried again."""


class Writer:
    """The only place where a drop is written."""

    def __init__(self, book: Book, clock: Clock, plane: Attachments, here: Callable[[Order], tuple[str, ...]]) -> None:
        """Take ``here``, which tells on which attached interfaces an order drops."""
        self._book, self._clock, self._plane, self._here = book, clock, plane, here
        self._failed: dict[int, Failure] = {}
        self.unfinished = False
        """Whether orders wait to be written, because there were too many for one time."""

    def failure(self, order: Order) -> str:
        """Return why the kernel did not take an order, or empty."""
        failed = self._failed.get(order.entry_id)
        return failed.why if failed else ""

    def forget(self, order: Order) -> None:
        """An order is no more."""
        self._failed.pop(order.entry_id, None)

    def write(self, orders: Sequence[Order], kind: str) -> None:
        """Write orders over what their prefixes have; what takes too long at once is left for the next time.

        What failed before comes last, and not before its time unless a person asks for it (``kind`` is ``write``).
        """
        until, now = monotonic() + WRITE_S, self._clock.boot_ns()
        failed = [order for order in orders if order.entry_id in self._failed]
        due = [order for order in failed if kind == "write" or self._failed[order.entry_id].again_ns <= now]
        fresh = [order for order in orders if order.entry_id not in self._failed]
        written, left = self._put_until(until, fresh + due, kind)
        # Where the kernel takes none of them, the next tick is soon enough.
        self.unfinished = bool(written) and any(order.entry_id not in self._failed for order in left)
        self._tell(written, kind)

    def _put_until(self, until: float, orders: Sequence[Order], kind: str) -> tuple[list[Order], list[Order]]:
        """Write chunks, and the halves of one that fails, to the end of the time; return those taken and those left.

        At least one order is decided upon, so that however little time there is, the last one's turn comes.
        """
        size = CHUNK if isinstance(self._plane.blocker, TakesMany) else 1
        waiting = deque(orders[at : at + size] for at in range(0, len(orders), size))
        written: list[Order] = []
        refused: list[tuple[Order, str]] = []
        while waiting and (not (written or refused) or monotonic() < until):
            part = waiting.popleft()
            why = self._put(part)
            if not why:
                written += part
            elif len(part) == 1:
                refused.append((part[0], why))
            else:
                waiting.extendleft((part[len(part) // 2 :], part[: len(part) // 2]))
        self._remember(refused, kind)
        for order in written:
            self.forget(order)
        return written, [order for part in waiting for order in part]

    def _remember(self, refused: Sequence[tuple[Order, str]], kind: str) -> None:
        """Keep why orders failed and when to try again, and note each reason once."""
        told: dict[str, list[str]] = {}
        for order, why in refused:
            if why != self.failure(order):
                told.setdefault(why.replace(order.prefix, "it"), []).append(order.prefix)
            before = self._failed.get(order.entry_id)
            wait_ns = min(max(before.wait_ns * 2, AGAIN_NS), LONGEST_NS) if before else 0
            self._failed[order.entry_id] = Failure(why, wait_ns, self._clock.boot_ns() + wait_ns)
        for why, prefixes in list(told.items())[:FAILURES]:
            self._book.note(self._clock.wall(), f"{kind}_failed", why=why, **summed(prefixes))

    def _put(self, orders: Sequence[Order]) -> str:
        """Write orders at once, and return why the kernel did not take all of them, or empty."""
        blocker = self._plane.blocker
        if blocker is None:
            return self._plane.trouble() or "there is no data plane"
        wanted = [Wanted(order.prefix, order.until_ns, order.entry_id, self._here(order)) for order in orders]
        first = wanted[0]
        try:
            if len(wanted) > 1 and isinstance(blocker, TakesMany):
                blocker.add_many(wanted)
            else:
                blocker.add(first.prefix, first.deadline_ns, first.entry_id, first.ifaces)
        except OSError as error:
            return words(f"cannot block {first.prefix}", error)
        return ""

    def _tell(self, written: Sequence[Order], kind: str) -> None:
        """Note what was written and read back."""
        if len(written) == 1:
            one = written[0]
            entry = {"entry_id": one.entry_id, "until_ns": one.until_ns, "ifaces": self._here(one)}
            self._book.note(self._clock.wall(), kind, prefix=one.prefix, read_back=True, **entry)
        elif written:
            self._book.note(self._clock.wall(), kind, read_back=True, **summed(order.prefix for order in written))
