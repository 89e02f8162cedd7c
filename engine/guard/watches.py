"""Count-only entries: for a while they count what a proposal would drop, and every packet passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from engine.guard.blocker import Blocker, Entry
from engine.guard.clock import Clock
from engine.guard.listing import Watching

WATCHES = 64
"""Most count-only entries at once."""
WATCH_S = 600.0
NO_ORDER = 0
"""The entry id of what no order stands for."""


class Watches:
    """The count-only entries of this guard, in memory only: what another one left is cleared."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_prefix: dict[str, Watching] = {}

    def __contains__(self, prefix: object) -> bool:
        return prefix in self._by_prefix

    def get(self, prefix: str) -> Watching | None:
        """Return the one of a prefix."""
        return self._by_prefix.get(prefix)

    def all(self) -> tuple[Watching, ...]:
        """Return each of them, oldest first."""
        return tuple(self._by_prefix.values())

    def deadlines(self) -> list[int]:
        """Return when each ends, on the boot clock."""
        return [watching.deadline_ns for watching in self._by_prefix.values()]

    def add(self, blocker: Blocker, watching: Watching, standing: Iterable[str]) -> None:
        """Write one; raises ``PermissionError`` where it would be in the way of a block, else ``OSError``."""
        holder = _holder(watching.prefix, standing)
        if holder:
            raise PermissionError(f"{watching.prefix} is not watched: it is blocked already, by {holder}")
        if len(self._by_prefix) >= WATCHES and watching.prefix not in self._by_prefix:
            raise PermissionError(f"{WATCHES} prefixes are watched already")
        _write(blocker, watching)
        self._by_prefix[watching.prefix] = watching

    def forget(self, prefixes: Iterable[str]) -> None:
        """Leave these to whatever is written over them."""
        for prefix in prefixes:
            self._by_prefix.pop(prefix, None)

    def drop(self, blocker: Blocker, prefix: str) -> None:
        """End one before its time; raises ``OSError``."""
        if self._by_prefix.pop(prefix, None) is not None:
            blocker.remove(prefix)

    def drop_within(self, blocker: Blocker, prefixes: Iterable[str]) -> None:
        """End those inside of prefixes that are blocked now: the longer prefix would let its packets pass."""
        for watching in self.all() if self._by_prefix else ():
            if _holder(watching.prefix, prefixes):
                self.drop(blocker, watching.prefix)

    def renew(self, blocker: Blocker, entries: Mapping[str, Entry], standing: Mapping[str, object]) -> None:
        """End those whose time is over, and write again what a foreign hand took out; raises ``OSError``."""
        for watching in self.all():
            if watching.prefix in standing:
                self.forget([watching.prefix])
            elif watching.deadline_ns <= self._clock.boot_ns():
                self.drop(blocker, watching.prefix)
            elif watching.prefix not in entries:
                _write(blocker, watching)


def _write(blocker: Blocker, watching: Watching) -> None:
    blocker.add(watching.prefix, watching.deadline_ns, NO_ORDER, watching.ifaces, count_only=True)


def _holder(prefix: str, others: Iterable[str]) -> str:
    """Return the first of the others that holds the prefix, or empty."""
    network = ip_network(prefix)
    lengths = range(network.prefixlen + 1)
    holders = {str(network.supernet(new_prefix=length)) for length in lengths}
    return next((other for other in others if other in holders), "")
