"""What the guard needs from a kernel back end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Entry(Protocol):
    """One entry of the kernel's block map."""

    @property
    def prefix(self) -> str:
        """CIDR in canonical form."""
        ...

    @property
    def deadline_ns(self) -> int:
        """Boot clock; 0 means never."""
        ...

    @property
    def packets(self) -> int:
        """Packets dropped, or only counted."""
        ...

    @property
    def bytes(self) -> int:
        """Bytes dropped, or only counted."""
        ...

    @property
    def last_hit_ns(self) -> int:
        """Boot clock of the last packet, 0 when none."""
        ...

    @property
    def entry_id(self) -> int:
        """The guard's number of the order that wrote it."""
        ...

    @property
    def ifaces(self) -> tuple[str, ...]:
        """Interfaces on which it drops, sorted; what is none of this network namespace reads ``slot N``."""
        ...

    @property
    def count_only(self) -> bool:
        """Whether packets pass all the same."""
        ...


class Blocker(Protocol):
    """Holds the block and allow maps; every write is read back, and raises ``OSError`` when it did not take."""

    @property
    def halted(self) -> bool:
        """Whether panic-unblock emptied the maps and nobody resumed since."""
        ...

    def attach(self, iface: str) -> str:
        """Attach to an interface and return ``native`` or ``generic``."""
        ...

    def attached(self) -> Mapping[str, str]:
        """Return interface to mode."""
        ...

    def set_allow(self, prefixes: Sequence[str]) -> None:
        """Make these the prefixes whose packets always pass."""
        ...

    def add(
        self, prefix: str, deadline_boot_ns: int, entry_id: int, ifaces: Sequence[str], count_only: bool = False
    ) -> None:
        """Write an entry, for attached interfaces only, over what was there."""
        ...

    def remove(self, prefix: str) -> bool:
        """Take an entry out; False when there was none."""
        ...

    def entries(self) -> Sequence[Entry]:
        """Return every entry, the expired ones included."""
        ...

    def resume(self) -> None:
        """Clear the halt."""
        ...
