"""What the guard needs from a kernel back end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

HEARTBEAT_S = 60
"""Seconds without a refresh of the allow set after which nobody looks after the blocks."""
NFTABLES = "nftables"
SSH_PORTS = 8
"""Most SSH ports that are spared then."""


class Attached(NamedTuple):
    """How blocks are enforced on one interface."""

    mode: str
    """``native``, ``generic`` or ``nftables``."""
    egress: str = ""
    """``tcx``, ``clsact`` or ``nftables``; empty when outbound packets still leave."""
    on_trial: bool = False
    """Whether it ends with this process unless it is kept."""
    fallen_back: tuple[str, ...] = ()
    """What was tried first and why it was refused, in words."""


class Wanted(NamedTuple):
    """One entry to write."""

    prefix: str
    deadline_ns: int
    """Boot clock; 0 means never."""
    entry_id: int
    ifaces: tuple[str, ...]
    count_only: bool = False


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
    def out_packets(self) -> int:
        """Packets to the prefix dropped on their way out, or only counted."""
        ...

    @property
    def out_bytes(self) -> int:
        """Bytes of those."""
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

    def attach(self, iface: str, on_trial: bool = False) -> str:
        """Attach to an interface and return the mode; on trial the kernel takes it off when this process ends."""
        ...

    def keep(self, iface: str) -> None:
        """Let an attachment on trial outlive this process."""
        ...

    def detach(self, iface: str) -> bool:
        """Detach from an interface; False when nothing of ours was attached."""
        ...

    def attached(self) -> Mapping[str, Attached]:
        """Return how each interface is attached."""
        ...

    def set_allow(self, prefixes: Sequence[str]) -> None:
        """Make these the prefixes whose packets always pass, and beat the heart.

        When the heart has not beaten for ``HEARTBEAT_S``, blocks of more than one address spare the SSH ports.
        """
        ...

    def set_ssh_ports(self, ports: Sequence[int]) -> None:
        """Set the ports of this host that a stale heart spares, at most ``SSH_PORTS``."""
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
        """Return every entry, the expired ones included where the kernel still has them."""
        ...

    def resume(self) -> None:
        """Clear the halt."""
        ...


@runtime_checkable
class TakesMany(Protocol):
    """A blocker that writes and removes many entries faster than one after another."""

    def add_many(self, wanted: Sequence[Wanted]) -> None:
        """Write entries as ``add`` does; which of them are written when it raises ``OSError`` is not told."""
        ...

    def remove_many(self, prefixes: Sequence[str]) -> int:
        """Take entries out and return how many there were."""
        ...


@runtime_checkable
class ReadsOne(Protocol):
    """A blocker that reads one entry without reading them all."""

    def entry(self, prefix: str) -> Entry | None:
        """Return the entry of exactly this prefix, or None where there is none."""
        ...
