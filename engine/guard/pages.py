"""Long answers in pages: each fits one packet, and the pages of one listing come from one look."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from engine.guard import codec, listing, messages
from engine.guard.clock import Clock
from engine.guard.enforce import Enforcer
from engine.guard.ledger import Ledger
from engine.guard.listing import Rows

PAGE = 256
PAGE_BYTES = codec.PACKET_BYTES - 4096
LISTINGS = 16
"""Listings that are read at once; the oldest gives way."""

Item = TypeVar("Item")
Source = TypeVar("Source")


class Pages:
    """Remembers for each reader where they are."""

    def __init__(self, ledger: Ledger, clock: Clock, enforcer: Enforcer) -> None:
        self._ledger, self._clock, self._enforcer = ledger, clock, enforcer
        self._listings: dict[Hashable, Rows] = {}
        self._audit_at: dict[Hashable, tuple[int, int]] = {}

    def proposals(self, offset: int) -> messages.ProposalList:
        """Return a page of proposals, newest first."""
        found, more = page(self._ledger.proposals(PAGE + 1, offset), lambda proposal: proposal)
        return messages.ProposalList(found, more)

    def blocks(self, reader: Hashable, offset: int) -> messages.BlockList:
        """Return a page of blocks; the first of a listing looks at the kernel. Raises ``OSError``."""
        kept = self._listings.get(reader) if offset > 0 else None
        found = kept or self._look(reader)
        rows = found.rows[max(offset, 0) :][: PAGE + 1]
        blocks, more = page(rows, self._enforcer.block)
        return messages.BlockList(blocks, more, self._enforcer.halted, len(found.rows), found.packets)

    def _look(self, reader: Hashable) -> Rows:
        self._listings.pop(reader, None)
        while len(self._listings) >= LISTINGS:
            del self._listings[next(iter(self._listings))]
        self._listings[reader] = self._enforcer.rows()
        return self._listings[reader]

    def ended(self, offset: int) -> messages.BlockList:
        """Return a page of the blocks that ended, newest first."""
        total, packets = self._ledger.orders.ended_sums()
        blocks, more = page(self._ledger.orders.ended(PAGE + 1, max(offset, 0)), listing.past)
        return messages.BlockList(blocks, more, self._enforcer.halted, total, packets)

    def allowed(self, offset: int) -> messages.AllowList:
        """Return a page of the allow-list."""
        rows = self._ledger.grants.allowed(self._clock.wall())[max(offset, 0) :]
        items, more = page(rows[: PAGE + 1], lambda row: messages.AllowedPrefix(*row))
        return messages.AllowList(items, more)

    def audit(self, reader: Hashable, offset: int) -> messages.AuditPage:
        """Return a page of the audit chain, oldest first; a page after another goes on where that one ended."""
        counted, seq = self._audit_at.get(reader, (0, 0))
        rows = self._ledger.book.chain.entries(PAGE + 1, *((0, seq) if counted == offset else (max(offset, 0), 0)))
        entries, more = page(rows, lambda row: messages.AuditEntry(*row))
        while len(self._audit_at) >= LISTINGS:
            del self._audit_at[next(iter(self._audit_at))]
        if entries:
            self._audit_at[reader] = (max(offset, 0) + len(entries), entries[-1].seq)
        return messages.AuditPage(entries, more)


def page(sources: Sequence[Source], made: Callable[[Source], Item]) -> tuple[tuple[Item, ...], bool]:
    """Return what fits into one reply, and whether there is more."""
    kept: list[Item] = []
    room = PAGE_BYTES
    for source in sources[:PAGE]:
        item = made(source)
        room -= codec.size(item)
        if room < 0:
            break
        kept.append(item)
    return tuple(kept), len(kept) < len(sources)
