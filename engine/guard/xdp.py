"""Blocks enforced by an XDP program: pinned maps and links that outlive this process."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from engine import paths
from engine.guard import bpf, fields

PIN_ROOT = bpf.BPFFS / "aegis"

LAYOUT = 2
"""``AEGIS_LAYOUT`` of bpf/aegis.h; the constants below mirror that file too."""
_MIGRATED_LAYOUTS = {1}
"""Layouts whose attachments and blocks are taken down, to be made again from the guard's ledger."""
IFACES = 64
"""Most interfaces at once: an entry has one bit for each."""
_SLOT_LAYOUT, _SLOT_HALTED = 0, 1
_SLOT_NETS = {4: 2, 6: 3}
_COUNT_ONLY = 1
_ENTRY = struct.Struct("=QQQQQIHH")
_COUNTS = struct.Struct("=QQ16x")
_U32 = struct.Struct("=I")
_U64 = struct.Struct("=Q")
_MASK_AT = 32
"""Where the interfaces stand in an entry."""

_BLOCK_MAPS = ("aegis_block4", "aegis_block6", "aegis_net4", "aegis_net6")
_ALLOW_MAPS = {4: "aegis_allow4", 6: "aegis_allow6"}
_MAPS = ("aegis_state", "aegis_counts", *_BLOCK_MAPS, *_ALLOW_MAPS.values())

_SIOCGIFHWADDR = 0x8927
_ETHERNET_TYPES = {1, 772}
"""ARPHRD_ETHER and ARPHRD_LOOPBACK: the links whose frames start with an Ethernet header."""
_NO_FALLBACK = {errno.EPERM, errno.EBUSY, errno.EEXIST, errno.ENODEV}
"""Refusals that generic mode cannot cure; the others are a driver's."""


class Entry(NamedTuple):
    """One entry of the kernel's block maps; times are nanoseconds on CLOCK_BOOTTIME."""

    prefix: str
    deadline_ns: int
    """0 when permanent. The kernel lets packets pass from then on; the entry stays until it is removed."""
    packets: int
    bytes: int
    last_hit_ns: int
    """0 when never hit."""
    entry_id: int
    ifaces: tuple[str, ...]
    """Sorted; the others drop nothing. A bit that is no interface of this network namespace reads ``slot N``."""
    count_only: bool


class XdpBlocker:
    """The block maps and the XDP program, opened where they are pinned, or made and pinned."""

    def __init__(self, pin_root: Path = PIN_ROOT, object_path: Path = paths.BPF_OBJECT) -> None:
        _prepare(pin_root)
        _migrate_layout(pin_root)
        self._pin_root, self._object_path = pin_root, object_path
        self._program = self._load(0)
        self._maps = {name: bpf.Map(pin_root / name) for name in _MAPS}
        self._links = _Links(pin_root / "links", self._program, self._load)
        self._set_state(_SLOT_LAYOUT, LAYOUT)

    def _load(self, bit: int) -> int:
        """Load the program for the interface that has this bit; with none it drops nothing."""
        return bpf.load_program(self._object_path, "aegis_xdp", self._pin_root, _U64.pack(bit))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptors back; blocks and attachments stay in force."""
        os.close(self._program)
        for opened in self._maps.values():
            opened.close()

    def attach(self, iface: str) -> str:
        """Attach to an interface of this network namespace and return ``native`` or ``generic``."""
        return self._links.attach(iface, self._vacate)

    def _vacate(self, bit: int) -> None:
        """Take a bit out of every entry before another interface gets it."""
        for name in _BLOCK_MAPS:
            for key, value in list(self._maps[name].items()):
                mask = _U64.unpack_from(value, _MASK_AT)[0]
                if mask & bit:
                    self._maps[name].put(key, value[:_MASK_AT] + _U64.pack(mask & ~bit) + value[_MASK_AT + 8 :])

    def detach(self, iface: str) -> bool:
        """Detach from an interface; false when this blocker was not attached to it."""
        return self._links.detach(iface)

    def attached(self) -> dict[str, str]:
        """Return the mode by interface name, for the interfaces of this network namespace."""
        return self._links.attached()

    def set_allow(self, prefixes: Iterable[str]) -> None:
        """Make the allow maps hold exactly these prefixes; none that stays is ever absent in between."""
        networks = [ip_network(prefix) for prefix in prefixes]
        for version, name in _ALLOW_MAPS.items():
            allowed = self._maps[name]
            wanted = {_lpm_key(network) for network in networks if network.version == version}
            present = set(allowed.keys())
            for key in wanted - present:
                allowed.put(key, _U32.pack(1))
            for key in present - wanted:
                allowed.delete(key)

    def add(
        self, prefix: str, deadline_boot_ns: int, entry_id: int, ifaces: Iterable[str], count_only: bool = False
    ) -> None:
        """Enforce a block on these interfaces only, or count its packets there; the same entry keeps its counters."""
        self._refuse_halted(prefix)
        name, key = _place(prefix)
        length = ip_network(prefix).prefixlen
        bits = self._links.bits()
        chosen = tuple(sorted(set(ifaces)))
        if strange := set(chosen) - set(bits):
            raise OSError(f"cannot block {prefix} on {', '.join(sorted(strange))}: nothing is attached there")
        before = _entry(name, key, self._maps[name].get(key), bits)
        counts = before[2:5] if before and before.entry_id == entry_id else (0, 0, 0)
        wanted = Entry(prefix, deadline_boot_ns, *counts, entry_id, chosen, count_only)
        if name in ("aegis_net4", "aegis_net6"):
            self._set_state(_SLOT_NETS[int(name[-1])], 1)
        mask, flags = sum([bits[iface] for iface in chosen]), _COUNT_ONLY if count_only else 0
        self._maps[name].put(key, _ENTRY.pack(deadline_boot_ns, *counts, mask, entry_id, flags, length))
        self._verify(wanted, name, key, bits)

    def _verify(self, wanted: Entry, name: str, key: bytes, bits: dict[str, int]) -> None:
        """Read an entry back; a halt that came in between takes it out again."""
        if self.halted:
            self._maps[name].delete(key)
            self._refuse_halted(wanted.prefix)
        found = _entry(name, key, self._maps[name].get(key), bits)
        if not found or (found.deadline_ns, *found[5:]) != (wanted.deadline_ns, *wanted[5:]):
            raise OSError(f"cannot block {wanted.prefix}: the kernel map holds {found} after writing {wanted}")

    def remove(self, prefix: str) -> bool:
        """Take an entry out; false when there was none."""
        name, key = _place(prefix)
        removed = self._maps[name].delete(key)
        self._mark_nets()
        return removed

    def entries(self) -> list[Entry]:
        """Return every entry, expired ones included, as the kernel holds it now."""
        bits = self._links.bits()
        return [
            entry
            for name in _BLOCK_MAPS
            for key, value in self._maps[name].items()
            if (entry := _entry(name, key, value, bits))
        ]

    @property
    def halted(self) -> bool:
        return bool(self._state(_SLOT_HALTED))

    def halt(self) -> int:
        """Let everything pass, empty the block maps and return how many entries there were."""
        self._set_state(_SLOT_HALTED, 1)
        removed = sum([self._maps[name].clear() for name in _BLOCK_MAPS])
        self._mark_nets()
        return removed

    def resume(self) -> None:
        """Enforce blocks again; the maps stay empty until entries are added."""
        self._mark_nets()
        self._set_state(_SLOT_HALTED, 0)

    def seen(self) -> int:
        """Return how many packets the program has judged, on all interfaces."""
        return self._counts()[0]

    def dropped(self) -> int:
        return self._counts()[1]

    def _counts(self) -> tuple[int, int]:
        per_cpu = [_COUNTS.unpack(value) for value in self._maps["aegis_counts"].get_per_cpu(_U32.pack(0))]
        return sum(seen for seen, _ in per_cpu), sum(dropped for _, dropped in per_cpu)

    def _state(self, slot: int) -> int:
        return _slot(self._maps["aegis_state"], slot)

    def _set_state(self, slot: int, value: int) -> None:
        self._maps["aegis_state"].put(_U32.pack(slot), _U32.pack(value))

    def _mark_nets(self) -> None:
        """Let the kernel skip the prefix lookup while there are no prefixes."""
        for version, slot in _SLOT_NETS.items():
            if not any(self._maps[f"aegis_net{version}"].keys()):
                self._set_state(slot, 0)

    def _refuse_halted(self, prefix: str) -> None:
        if self.halted:
            raise PermissionError(f"cannot block {prefix}: blocking is halted until a person resumes it")


class _Links:
    """The pinned links of the XDP program, one for each interface.

    A pin is named after the network namespace, the interface's index there, and the number of its bit,
    which no other pin has.
    """

    def __init__(self, folder: Path, program: int, load: Callable[[int], int]) -> None:
        self._folder, self._program, self._load = folder, program, load

    def attach(self, iface: str, vacate: Callable[[int], None]) -> str:
        """Attach; ``vacate`` is called with the bit that the interface gets before it is attached."""
        ifindex = _ethernet_ifindex(iface)
        self._remove_dead()
        mode = self._mode(ifindex, iface)
        if mode:
            self._refresh_program(ifindex, iface)
            return mode
        _refuse_strangers(ifindex, iface)
        taken = {_slot_of(path) for path in self._folder.iterdir()}
        slot = next((slot for slot in range(IFACES) if slot not in taken), IFACES)
        if slot == IFACES:
            raise OSError(f"cannot attach XDP to {iface}: {IFACES} interfaces are attached already")
        vacate(1 << slot)
        return self._create(ifindex, iface, slot)

    def _create(self, ifindex: int, iface: str, slot: int) -> bpf.XdpMode:
        program = self._load(1 << slot)
        try:
            mode, link = _attach_xdp(program, ifindex, iface)
        finally:
            os.close(program)
        try:
            bpf.pin(link, self._folder / f"{_network_inode()}-{ifindex}-{slot}")
        finally:
            os.close(link)
        return mode

    def bits(self) -> dict[str, int]:
        """Return the bit by interface name, for the interfaces of this network namespace."""
        found, names = {}, dict(socket.if_nameindex())
        for ifindex, path in self._pins().items():
            with self._open(ifindex) as link:
                if link is not None and ifindex in names:
                    found[names[ifindex]] = 1 << _slot_of(path)
        return found

    def detach(self, iface: str) -> bool:
        ifindex = socket.if_nametoindex(iface)
        with self._open(ifindex) as link:
            if link is None:
                return False
            bpf.detach_link(link, iface)
        self._pins()[ifindex].unlink()
        return True

    def attached(self) -> dict[str, str]:
        modes = {iface: self._mode(ifindex, iface) for ifindex, iface in socket.if_nameindex()}
        return {iface: mode for iface, mode in modes.items() if mode}

    def _mode(self, ifindex: int, iface: str) -> bpf.XdpMode | None:
        with self._open(ifindex) as link:
            if link is None:
                return None
            ours = bpf.link_info(link).program_id
        modes = bpf.attached_xdp(ifindex, iface)
        return next((mode for mode, program_id in modes.items() if program_id == ours), None)

    def _refresh_program(self, ifindex: int, iface: str) -> None:
        """Replace the program of an earlier release, which keeps using the same maps."""
        with self._open(ifindex) as link:
            if link is None:
                return
            running = bpf.program_by_id(bpf.link_info(link).program_id)
            if running.tag == bpf.program_info(self._program).tag:
                return
            program = self._load(1 << _slot_of(self._pins()[ifindex]))
            try:
                bpf.update_link(link, program, iface)
            finally:
                os.close(program)

    def _pins(self) -> dict[int, Path]:
        """Return the pin by interface index, for this network namespace."""
        return {int(path.name.split("-")[1]): path for path in self._folder.glob(f"{_network_inode()}-*-*")}

    @contextmanager
    def _open(self, ifindex: int) -> Iterator[int | None]:
        """Open the pinned link of an interface; none where there is no pin, or its interface is gone."""
        path = self._pins().get(ifindex)
        if path is None:
            yield None
            return
        link = bpf.open_pin(path)
        try:
            yield link if bpf.link_info(link).ifindex == ifindex else None
        finally:
            os.close(link)

    def _remove_dead(self) -> None:
        for path in list(self._folder.iterdir()):
            link = bpf.open_pin(path)
            if not bpf.link_info(link).ifindex:
                path.unlink()
            os.close(link)


def panic(pin_root: Path = PIN_ROOT) -> int:
    """Halt with nothing but the pinned maps of any layout; return how many entries were removed."""
    if not pin_root.exists():
        raise FileNotFoundError(f"cannot halt: no maps are pinned in {pin_root}, so nothing is blocked")
    _check_private(pin_root)
    try:
        with closing(bpf.Map(pin_root / "aegis_state")) as state:
            state.put(_U32.pack(_SLOT_HALTED), _U32.pack(1))
    finally:
        removed = sum([_clear(pin_root / name) for name in _BLOCK_MAPS])
    return removed


def ensure_bpffs(path: Path = bpf.BPFFS) -> None:
    """Mount bpffs on an empty folder that has no mount of its own."""
    if on_bpffs(path):
        return
    if any(path.iterdir()):
        raise OSError(f"cannot mount bpffs on {path}: the folder is not empty")
    bpf.mount_bpffs(path)


def on_bpffs(path: Path) -> bool:
    """Whether a path lies on a mounted BPF file system, by its device number in the mount table."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == number:
            return source.split()[0] == "bpf"
    return False


def _prepare(pin_root: Path) -> None:
    if os.geteuid():
        raise PermissionError(f"cannot use {pin_root}: only root may")
    if not on_bpffs(pin_root.parent):
        raise OSError(f"cannot use {pin_root}: bpffs is not mounted (mount -t bpf bpf {bpf.BPFFS})")
    for folder in (pin_root, pin_root / "links"):
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_private(folder)


def _check_private(folder: Path) -> None:
    """Refuse a folder that somebody else made or may write to, without following a link."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or stat.S_IMODE(found.st_mode) != 0o700:
        raise PermissionError(f"cannot trust {folder}: it is not a folder of root's with mode 0700")


def _migrate_layout(pin_root: Path) -> None:
    """Take down what an earlier release left; the halted flag stays, for the state map never changes."""
    if not (pin_root / "aegis_state").exists():
        return
    with closing(bpf.Map(pin_root / "aegis_state")) as state:
        layout = _slot(state, _SLOT_LAYOUT)
    if layout in _MIGRATED_LAYOUTS:
        _take_down(pin_root)
    elif layout not in (0, LAYOUT):
        raise OSError(
            f"cannot use the maps in {pin_root}: they have layout {layout}, this program knows {LAYOUT}; "
            "`aegis-tui panic-unblock` lets everything pass"
        )


def _take_down(pin_root: Path) -> None:
    for path in list((pin_root / "links").iterdir()):
        link = bpf.open_pin(path)
        bpf.detach_link(link, path.name)
        os.close(link)
        path.unlink()
    for name in _BLOCK_MAPS:
        (pin_root / name).unlink(missing_ok=True)


def _slot(state: bpf.Map, slot: int) -> int:
    value: int = _U32.unpack(state.get(_U32.pack(slot)) or bytes(4))[0]
    return value


def _clear(path: Path) -> int:
    with closing(bpf.Map(path)) as blocks:
        return blocks.clear()


def _slot_of(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


def _network_inode() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def _attach_xdp(program: int, ifindex: int, iface: str) -> tuple[bpf.XdpMode, int]:
    """Return the mode and the link, generic where the driver cannot."""
    try:
        return bpf.XdpMode.NATIVE, bpf.attach_xdp(program, ifindex, bpf.XdpMode.NATIVE, iface)
    except OSError as error:
        if error.errno in _NO_FALLBACK:
            raise
    return bpf.XdpMode.GENERIC, bpf.attach_xdp(program, ifindex, bpf.XdpMode.GENERIC, iface)


def _ethernet_ifindex(iface: str) -> int:
    if not fields.is_iface(iface):
        raise OSError(f"cannot attach XDP to {iface!r}: that is no interface name")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16s24x", iface.encode())
        try:
            answer = fcntl.ioctl(any_socket, _SIOCGIFHWADDR, request)
        except OSError as error:
            raise bpf.failure(error.errno or 0, f"cannot attach XDP to {iface}") from error
    if struct.unpack_from("=H", answer, 16)[0] not in _ETHERNET_TYPES:
        raise OSError(f"cannot attach XDP to {iface}: its packets have no Ethernet header")
    return socket.if_nametoindex(iface)


def _refuse_strangers(ifindex: int, iface: str) -> None:
    for program_id in bpf.attached_xdp(ifindex, iface).values():
        stranger = bpf.program_by_id(program_id).name
        raise FileExistsError(f"cannot attach XDP to {iface}: program {stranger} (id {program_id}) is already there")


def _lpm_key(network: IPv4Network | IPv6Network) -> bytes:
    return _U32.pack(network.prefixlen) + network.network_address.packed


def _place(prefix: str) -> tuple[str, bytes]:
    """Return the map and the key of a prefix: single addresses go to the hash maps."""
    network = ip_network(prefix)
    if network.prefixlen == network.max_prefixlen:
        return f"aegis_block{network.version}", network.network_address.packed
    return f"aegis_net{network.version}", _lpm_key(network)


def _entry(name: str, key: bytes, value: bytes | None, bits: dict[str, int]) -> Entry | None:
    if value is None:
        return None
    deadline, packets, size, last_hit, mask, entry_id, flags, length = _ENTRY.unpack(value)
    address = key[-4:] if name.endswith("4") else key[-16:]
    text = socket.inet_ntoa(address) if name.endswith("4") else str(IPv6Address(address))
    ifaces, count_only = _named(mask, bits), bool(flags & _COUNT_ONLY)
    return Entry(f"{text}/{length}", deadline, packets, size, last_hit, entry_id, ifaces, count_only)


def _named(mask: int, bits: dict[str, int]) -> tuple[str, ...]:
    known = {bit: iface for iface, bit in bits.items()}
    chosen = (slot for slot in range(IFACES) if mask & 1 << slot)
    return tuple(sorted(known.get(1 << slot, f"slot {slot}") for slot in chosen))
