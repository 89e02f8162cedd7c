"""The layout of the pinned BPF maps: what bpf/aegis.h says, as bytes and back."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

from engine.guard.blocker import SSH_PORTS, Wanted

LAYOUT = 3
"""``AEGIS_LAYOUT`` of bpf/aegis.h; the constants below mirror that file too."""
MIGRATED_LAYOUTS = {1, 2}
"""Layouts whose attachments and blocks are taken down, to be made again from the guard's ledger."""
IFACES = 64
"""Most interfaces at once: an entry has one bit for each."""
MAX_LENGTHS = 16
"""Most different lengths among the prefixes of a family: IPv4 has no more from /16, the widest the guard lets by."""
SLOT_LAYOUT, SLOT_HALTED = 0, 1
"""Slots of ``aegis_state``."""

BLOCK_MAPS = ("aegis_block4", "aegis_block6", "aegis_net4", "aegis_net6")
NET_MAPS = {4: "aegis_net4", 6: "aegis_net6"}
NET_VERSIONS = {name: version for version, name in NET_MAPS.items()}
CELL_MAPS = {4: "aegis_cells4", 6: "aegis_cells6"}
ALLOW_MAPS = {4: "aegis_allow4", 6: "aegis_allow6"}
MAPS = (
    "aegis_state",
    "aegis_pulse",
    "aegis_counts",
    "aegis_lengths",
    *BLOCK_MAPS,
    *CELL_MAPS.values(),
    *ALLOW_MAPS.values(),
)
LENGTHS_AT = {4: 0, 6: 1}
"""Slots of ``aegis_lengths``."""

U32 = struct.Struct("=I")
U64 = struct.Struct("=Q")
COUNTS = struct.Struct("=QQ16x")
LENGTHS = struct.Struct("=QQ64s")
PULSE = struct.Struct(f"=Q{SSH_PORTS}H")
_ENTRY = struct.Struct("=QQQQQQQIHH")
_COUNTERS_AT, _IFACES_AT = 8, 48
_COUNT_ONLY = 1
_WHOLE_OF = {4: 32, 16: 128}
"""By the size of a key that has no prefix length in it."""
_DE_BRUIJN = 0x03F7_9D71_B4CB_0A89
_CELL_BITS = {4: 16, 6: 48}
"""How many leading bits of an address choose its cell."""


class Counters(NamedTuple):
    """What the kernel counted against an entry."""

    packets: int = 0
    bytes: int = 0
    out_packets: int = 0
    out_bytes: int = 0
    last_hit_ns: int = 0


class Entry(NamedTuple):
    """One entry of the kernel's block maps; times are nanoseconds on CLOCK_BOOTTIME."""

    prefix: str
    deadline_ns: int
    """0 when permanent. The kernel lets packets pass from then on; the entry stays until it is removed."""
    packets: int
    """From the prefix."""
    bytes: int
    out_packets: int
    """To the prefix; the segments of one offloaded send are one packet."""
    out_bytes: int
    last_hit_ns: int
    """0 when never hit, either way."""
    entry_id: int
    ifaces: tuple[str, ...]
    """Sorted; the others drop nothing. A bit that is no interface of this network namespace reads ``slot N``."""
    count_only: bool

    @property
    def counters(self) -> Counters:
        return Counters(*self[2:7])

    @property
    def order(self) -> tuple[str, int, int, tuple[str, ...], bool]:
        """What was written, without what the kernel counted."""
        return self.prefix, self.deadline_ns, self.entry_id, self.ifaces, self.count_only


def place(prefix: str) -> tuple[str, bytes]:
    """Return the map and the key of a prefix: single addresses have maps of their own.

    Raises ``ValueError`` for what is no prefix, and for every address at once.
    """
    network = ip_network(prefix)
    if network.prefixlen == network.max_prefixlen:
        return f"aegis_block{network.version}", network.network_address.packed
    if not network.prefixlen:
        raise ValueError(f"{prefix} is every address")
    return NET_MAPS[network.version], net_key(network)


def net_key(network: IPv4Network | IPv6Network) -> bytes:
    """Return the key of a prefix in a net map or an allow map."""
    return U32.pack(network.prefixlen) + network.network_address.packed


def net_length(key: bytes) -> int:
    """Return the prefix length in a key of a net map."""
    length: int = U32.unpack_from(key)[0]
    return length


class IfaceMasks(dict[tuple[str, ...], int]):
    """The mask of each choice of interfaces, made once for each that occurs."""

    def __init__(self, bits: Mapping[str, int]) -> None:
        super().__init__()
        self._bits = bits

    def __missing__(self, ifaces: tuple[str, ...]) -> int:
        self[ifaces] = sum([self._bits[iface] for iface in set(ifaces)])
        return self[ifaces]


def pack_entry(key: bytes, wanted: Wanted, masks: IfaceMasks, before: bytes | None = None) -> bytes:
    """Return the value of an entry, with the counters of the value ``before`` if that is the same entry's."""
    counters, flags = Counters(), _COUNT_ONLY if wanted.count_only else 0
    if before:
        _, *counted, _, entry_id, _, _ = _ENTRY.unpack(before)
        counters = Counters(*counted) if entry_id == wanted.entry_id else counters
    length = _WHOLE_OF.get(len(key)) or net_length(key)
    return _ENTRY.pack(wanted.deadline_ns, *counters, masks[wanted.ifaces], wanted.entry_id, flags, length)


def order_of(value: bytes) -> tuple[bytes, bytes]:
    """Return what was written into a value, without what the kernel counted."""
    return value[:_COUNTERS_AT], value[_IFACES_AT:]


def unpack_entry(name: str, key: bytes, value: bytes, ifaces: Mapping[int, tuple[str, ...]]) -> Entry:
    """Return an entry of the map ``name``; ``ifaces`` names the interfaces of a mask."""
    deadline, packets, size, out_packets, out_size, last_hit, mask, entry_id, flags, length = _ENTRY.unpack(value)
    text = socket.inet_ntoa(key[-4:]) if name.endswith("4") else _text6(key[-16:])
    counters = Counters(packets, size, out_packets, out_size, last_hit)
    return Entry(f"{text}/{length}", deadline, *counters, entry_id, ifaces[mask], bool(flags & _COUNT_ONLY))


def _text6(address: bytes) -> str:
    """Return the canonical text; the C library alone writes some addresses with an IPv4 address at their end."""
    text = socket.inet_ntop(socket.AF_INET6, address)
    return str(IPv6Address(address)) if "." in text else text


class IfaceNames(dict[int, tuple[str, ...]]):
    """The interfaces of each mask, made once for each mask that occurs."""

    def __init__(self, bits: Mapping[str, int]) -> None:
        super().__init__()
        self._known = {bit: iface for iface, bit in bits.items()}

    def __missing__(self, mask: int) -> tuple[str, ...]:
        chosen = (slot for slot in range(IFACES) if mask & 1 << slot)
        self[mask] = tuple(sorted(self._known.get(1 << slot, f"slot {slot}") for slot in chosen))
        return self[mask]


def without_iface(value: bytes, bit: int) -> bytes | None:
    """Return an entry's value without an interface; None where it is not in it."""
    mask = U64.unpack_from(value, _IFACES_AT)[0]
    if not mask & bit:
        return None
    return value[:_IFACES_AT] + U64.pack(mask & ~bit) + value[_IFACES_AT + 8 :]


def pack_lengths(lengths: Iterable[int]) -> bytes:
    """Return the sets of the prefix lengths in use, and the table that the kernel reads a length from its bit with."""
    longer = shorter = 0
    for length in lengths:
        longer |= length_bit(length) if length >= 64 else 0
        shorter |= length_bit(length) if length < 64 else 0
    return LENGTHS.pack(longer, shorter, _LENGTH_AT)


def unpack_lengths(value: bytes) -> set[int]:
    """Return the prefix lengths in such sets."""
    longer, shorter, _ = LENGTHS.unpack(value)
    return {length for length in range(128) if (longer if length >= 64 else shorter) & length_bit(length)}


def length_bit(length: int) -> int:
    """Return the bit of a prefix length: the longer, the lower."""
    return 1 << 63 - length % 64


_LENGTH_AT = bytes(
    length
    for _, length in sorted(((length_bit(length) * _DE_BRUIJN) % (1 << 64) >> 58, length) for length in range(64))
)


def cells(version: int, keys: Iterable[bytes]) -> tuple[dict[int, int], int]:
    """Return the bits that the kernel must find for prefixes to be looked for: by cell, and in every cell."""
    found: dict[int, int] = {}
    everywhere = 0
    for key in keys:
        bit = length_bit(net_length(key))
        if net_length(key) < _CELL_BITS[version]:
            everywhere |= bit
            continue
        at = _cell_of(version, key)
        found[at] = found.get(at, 0) | bit
    return found, everywhere


def _cell_of(version: int, key: bytes) -> int:
    if version == 4:
        return int.from_bytes(key[4:6], "big")
    first, second, third = struct.unpack_from("!3H", key, U32.size)
    return int(first ^ second ^ third)


def pack_pulse(beat_ns: int, ports: Sequence[int]) -> bytes:
    """Return the heartbeat and the SSH ports; raises ``ValueError`` for too many, or for what is no port."""
    if len(ports) > SSH_PORTS or not all(0 < port < 1 << 16 for port in ports):
        raise ValueError(f"cannot spare the SSH ports {list(ports)}: {SSH_PORTS} ports from 1 to 65535 at most")
    return PULSE.pack(beat_ns, *ports, *[0] * (SSH_PORTS - len(ports)))


def unpack_pulse(value: bytes) -> tuple[int, tuple[int, ...]]:
    """Return the last heartbeat on the boot clock (0: none) and the SSH ports."""
    beat_ns, *ports = PULSE.unpack(value)
    return beat_ns, tuple(port for port in ports if port)
