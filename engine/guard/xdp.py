"""Blocks enforced by BPF programs: pinned maps and links that outlive this process."""

from __future__ import annotations

import os
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from types import TracebackType
from typing import Self

from engine import paths
from engine.guard import bpf, layout, links
from engine.guard.blocker import Attached, Wanted
from engine.guard.layout import U32, Entry
from engine.guard.pins import PIN_ROOT, check_private, prepare
from engine.reason import reason

_FIRST = U32.pack(0)
_SSH_PORT = 22


class XdpBlocker:
    """The block maps and the two programs, opened where they are pinned, or made and pinned."""

    def __init__(self, pin_root: Path = PIN_ROOT, object_path: Path = paths.BPF_OBJECT) -> None:
        prepare(pin_root)
        _migrate_layout(pin_root)
        self._pin_root, self._object_path = pin_root, object_path
        os.close(self._load(links.PROGRAM, 0))
        self._maps = {name: bpf.Map(pin_root / name) for name in layout.MAPS}
        self._links = links.Links(pin_root / "links", self._load)
        self._nets: dict[int, Counter[int]] = {}
        for version in layout.NET_MAPS:
            self._count_nets(version)
        if not self._pulse()[1]:
            self.set_ssh_ports([_SSH_PORT])
        self._set_state(layout.SLOT_LAYOUT, layout.LAYOUT)

    def _load(self, program: str, bit: int) -> int:
        return bpf.load_program(self._object_path, program, self._pin_root, layout.U64.pack(bit))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptors back; blocks and pinned attachments stay in force, those on trial end."""
        self._links.close()
        for opened in self._maps.values():
            opened.close()

    def attach(self, iface: str, on_trial: bool = False) -> str:
        """Attach to an interface of this network namespace and return ``native`` or ``generic``.

        What is attached already is put right (an earlier build's program, an egress program that is missing) and
        stays on trial or not. A program of somebody else at XDP is never evicted: ``FileExistsError`` names it. At
        egress a refusal is told by ``attached``, not raised.
        """
        return str(self._links.attach(iface, self._vacate, on_trial=on_trial))

    def _vacate(self, bit: int) -> None:
        """Take a bit out of every entry before another interface gets it."""
        for name in layout.BLOCK_MAPS:
            for key, value in list(self._maps[name].items()):
                left = layout.without_iface(value, bit)
                if left:
                    self._maps[name].put(key, left)

    def keep(self, iface: str) -> None:
        """Let an attachment on trial outlive this process; at clsact the egress program is put there only now."""
        self._links.keep(iface)

    def detach(self, iface: str) -> bool:
        """Detach from an interface; false when this blocker was not attached to it."""
        return self._links.detach(iface)

    def attached(self) -> dict[str, Attached]:
        """Return how each interface of this network namespace is attached."""
        return self._links.attached()

    def set_allow(self, prefixes: Iterable[str]) -> None:
        """Make the allow maps hold exactly these prefixes, none that stays absent in between, and beat the heart.

        What is first goes in first: ``OSError`` names the first prefix that a full map has no place for.
        """
        networks = [ip_network(prefix) for prefix in prefixes]
        for version, name in layout.ALLOW_MAPS.items():
            self._allow(name, {layout.net_key(network): network for network in networks if network.version == version})
        for version, name in layout.NET_MAPS.items():
            # A foreign hand may have made the kernel look past prefixes that are there.
            self._announce(version, [key for key, _ in self._maps[name].items()], "cannot look for the prefixes")
        beat_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._maps["aegis_pulse"].put(_FIRST, layout.pack_pulse(beat_ns, self._pulse()[1]))

    def _allow(self, name: str, wanted: Mapping[bytes, IPv4Network | IPv6Network]) -> None:
        """Add what is missing in the order given, so that a full map holds the first of them; then drop the rest."""
        allowed = self._maps[name]
        present = set(allowed.keys())
        stale = [key for key in present if key not in wanted]
        for key, network in wanted.items():
            if key in present:
                continue
            try:
                allowed.put(key, U32.pack(1))
            except OSError as error:
                if not stale:
                    raise OSError(f"cannot spare {network}: {reason(error)}") from None
                allowed.delete(stale.pop())
                allowed.put(key, U32.pack(1))
        for key in stale:
            allowed.delete(key)

    def set_ssh_ports(self, ports: Sequence[int]) -> None:
        """Set the ports that a stale heart spares; ``ValueError`` for more than there is room for."""
        self._maps["aegis_pulse"].put(_FIRST, layout.pack_pulse(self._pulse()[0], sorted(set(ports))))

    def _pulse(self) -> tuple[int, tuple[int, ...]]:
        return layout.unpack_pulse(self._maps["aegis_pulse"].get(_FIRST) or bytes(layout.PULSE.size))

    def add(
        self, prefix: str, deadline_boot_ns: int, entry_id: int, ifaces: Iterable[str], count_only: bool = False
    ) -> None:
        """Enforce a block on these interfaces only, or count its packets there; the same entry keeps its counters."""
        self.add_many([Wanted(prefix, deadline_boot_ns, entry_id, tuple(ifaces), count_only)])

    def add_many(self, wanted: Sequence[Wanted]) -> None:
        """Write many entries a map at a time, each read back; where two are for one prefix, the last counts."""
        if not wanted:
            return
        doing = f"cannot block {wanted[0].prefix}" + (f" and {len(wanted) - 1} more" if len(wanted) > 1 else "")
        columns: dict[str, dict[bytes, Wanted]] = {}
        for one in wanted:
            name, key = layout.place(one.prefix)
            columns.setdefault(name, {})[key] = one
        self._refuse_halted(doing)
        bits = self._links.bits()
        if strange := {iface for one in wanted for iface in one.ifaces} - set(bits):
            raise OSError(f"{doing} on {', '.join(sorted(strange))}: nothing is attached there")
        masks = layout.IfaceMasks(bits)
        try:
            for name, column in columns.items():
                self._put(name, column, masks, doing)
        finally:
            self._withdraw_if_halted(columns, doing)

    def _put(self, name: str, column: Mapping[bytes, Wanted], masks: layout.IfaceMasks, doing: str) -> None:
        """Write one map's entries and read them back."""
        blocks = self._maps[name]
        before = {key: value for key in column if (value := blocks.get(key))}
        version = layout.NET_VERSIONS.get(name)
        if version:
            self._announce(version, column, doing)
        values = {key: layout.pack_entry(key, one, masks, before.get(key)) for key, one in column.items()}
        try:
            blocks.put_many(list(values.items()))
        finally:
            found = {key: blocks.get(key) for key in column}
            if version:
                self._nets[version].update(layout.net_length(key) for key in found.keys() - before if found[key])
        for key, value in values.items():
            there = found[key]
            if there is None or layout.order_of(there) != layout.order_of(value):
                held = there and layout.unpack_entry(name, key, there, layout.IfaceNames(self._links.bits()))
                raise OSError(f"{doing}: the kernel map holds {held} after writing {column[key]}")

    def _withdraw_if_halted(self, columns: Mapping[str, Iterable[bytes]], doing: str) -> None:
        """Take out again what was written while a halt was emptying the maps."""
        if not self.halted:
            return
        for name, keys in columns.items():
            for key in keys:
                self._maps[name].delete(key)
        self._refuse_halted(doing)

    def remove(self, prefix: str) -> bool:
        """Take an entry out; false when there was none."""
        return self.remove_many([prefix]) > 0

    def remove_many(self, prefixes: Iterable[str]) -> int:
        """Take entries out, and return how many there were."""
        gone = [(name, key) for name, key in map(layout.place, prefixes) if self._maps[name].delete(key)]
        for name, version in layout.NET_VERSIONS.items():
            lengths = Counter(layout.net_length(key) for there, key in gone if there == name)
            self._nets[version] -= lengths
            if any(not self._nets[version][length] for length in lengths):
                self._count_nets(version)
        return len(gone)

    def _announce(self, version: int, keys: Iterable[bytes], doing: str) -> None:
        """Let the kernel look for prefixes before they are written."""
        slot = U32.pack(layout.LENGTHS_AT[version])
        used = layout.unpack_lengths(self._maps["aegis_lengths"].get(slot) or bytes(layout.LENGTHS.size))
        more = {layout.net_length(key) for key in keys} | used
        if len(more) > layout.MAX_LENGTHS:
            raise OSError(f"{doing}: {len(used)} other prefix lengths are in use, which is all")
        if more != used:
            self._maps["aegis_lengths"].put(slot, layout.pack_lengths(more))
        cells = self._maps[layout.CELL_MAPS[version]]
        needed, everywhere = layout.cells(version, keys)
        fresh = [
            (U32.pack(at), layout.U64.pack(held | bits))
            for at, held in _held(cells, None if everywhere else needed)
            if (bits := needed.get(at, 0) | everywhere) & ~held
        ]
        if fresh:
            cells.put_many(fresh)

    def _count_nets(self, version: int) -> None:
        """Let the kernel look for the prefixes that the map holds, and for no other."""
        keys = [key for key, _ in self._maps[layout.NET_MAPS[version]].items()]
        self._nets[version] = Counter(layout.net_length(key) for key in keys)
        slot = U32.pack(layout.LENGTHS_AT[version])
        self._maps["aegis_lengths"].put(slot, layout.pack_lengths(self._nets[version]))
        cells = self._maps[layout.CELL_MAPS[version]]
        needed, everywhere = layout.cells(version, keys)
        held, wanted = _numbers(cells.column()), array("Q", [everywhere]) * cells.max_entries
        for at, bits in needed.items():
            wanted[at] |= bits
        if held != wanted:
            numbered = enumerate(zip(held, wanted, strict=True))
            cells.put_many([(U32.pack(at), layout.U64.pack(new)) for at, (old, new) in numbered if old != new])

    def entry(self, prefix: str) -> Entry | None:
        """Return the entry of exactly this prefix, or None where there is none."""
        name, key = layout.place(prefix)
        value = self._maps[name].get(key)
        return layout.unpack_entry(name, key, value, layout.IfaceNames(self._links.bits())) if value else None

    def entries(self) -> list[Entry]:
        """Return every entry, expired ones included, as the kernel holds it now."""
        ifaces = layout.IfaceNames(self._links.bits())
        return [
            layout.unpack_entry(name, key, value, ifaces)
            for name in layout.BLOCK_MAPS
            for key, value in self._maps[name].items()
        ]

    @property
    def halted(self) -> bool:
        return bool(_slot(self._maps["aegis_state"], layout.SLOT_HALTED))

    def halt(self) -> int:
        """Let everything pass, empty the block maps and return how many entries there were."""
        self._set_state(layout.SLOT_HALTED, 1)
        return sum([self._maps[name].clear() for name in layout.BLOCK_MAPS])

    def resume(self) -> None:
        """Enforce blocks again; the maps stay empty until entries are added."""
        for version in layout.NET_MAPS:
            self._count_nets(version)
        self._set_state(layout.SLOT_HALTED, 0)

    def seen(self) -> int:
        """Return how many inbound packets the program has judged, on all interfaces."""
        return self._counts()[0]

    def dropped(self) -> int:
        return self._counts()[1]

    def _counts(self) -> tuple[int, int]:
        per_cpu = [layout.COUNTS.unpack(value) for value in self._maps["aegis_counts"].get_per_cpu(_FIRST)]
        return sum(seen for seen, _ in per_cpu), sum(dropped for _, dropped in per_cpu)

    def _set_state(self, slot: int, value: int) -> None:
        self._maps["aegis_state"].put(U32.pack(slot), U32.pack(value))

    def _refuse_halted(self, doing: str) -> None:
        if self.halted:
            raise PermissionError(f"{doing}: blocking is halted until a person resumes it")


def panic(pin_root: Path = PIN_ROOT) -> int:
    """Halt with nothing but the pinned maps of any layout; return how many entries were removed."""
    if not pin_root.exists():
        raise FileNotFoundError(f"cannot halt: no maps are pinned in {pin_root}, so nothing is blocked")
    check_private(pin_root)
    try:
        with closing(bpf.Map(pin_root / "aegis_state")) as state:
            state.put(U32.pack(layout.SLOT_HALTED), U32.pack(1))
    finally:
        removed = sum([_clear(pin_root / name) for name in layout.BLOCK_MAPS])
    return removed


def _migrate_layout(pin_root: Path) -> None:
    """Take down what an earlier release left; the halted flag stays, for the state map never changes."""
    if not (pin_root / "aegis_state").exists():
        return
    with closing(bpf.Map(pin_root / "aegis_state")) as state:
        found = _slot(state, layout.SLOT_LAYOUT)
    if found in layout.MIGRATED_LAYOUTS:
        _take_down(pin_root)
    elif found not in (0, layout.LAYOUT):
        raise OSError(
            f"cannot use the maps in {pin_root}: they have layout {found}, this program knows {layout.LAYOUT}; "
            "`aegis-tui panic-unblock` lets everything pass"
        )


def _numbers(column: bytes) -> array[int]:
    numbers = array("Q")
    numbers.frombytes(column)
    return numbers


def _held(cells: bpf.Map, some: Iterable[int] | None) -> Iterable[tuple[int, int]]:
    """Return the number of some of the cells, or of all, each with what it holds."""
    if some is None:
        return enumerate(_numbers(cells.column()))
    return [(at, layout.U64.unpack(cells.get(U32.pack(at)) or bytes(8))[0]) for at in some]


def _take_down(pin_root: Path) -> None:
    for path in list((pin_root / "links").iterdir()):
        link = bpf.open_pin(path)
        bpf.detach_link(link, path.name)
        os.close(link)
        path.unlink()
    for name in layout.BLOCK_MAPS:
        (pin_root / name).unlink(missing_ok=True)


def _slot(state: bpf.Map, slot: int) -> int:
    value: int = U32.unpack(state.get(U32.pack(slot)) or bytes(4))[0]
    return value


def _clear(path: Path) -> int:
    with closing(bpf.Map(path)) as blocks:
        return blocks.clear()
