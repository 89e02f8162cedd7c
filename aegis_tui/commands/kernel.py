"""A look at what the kernel holds with no guard to ask: it reads, and changes nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from engine.guard import bpf, layout
from engine.guard.blocker import Entry
from engine.guard.nft import NftBlocker
from engine.guard.nfttable import table_exists
from engine.guard.pins import PIN_ROOT
from engine.types import Block, BlockState

_UNKNOWN = "read from the kernel without the guard: who approved it is not known"


def blocks(pin_root: Path = PIN_ROOT) -> Iterator[Block]:
    """Yield what drops or counts packets now, by XDP and by nftables; raises ``OSError``."""
    stopped = halted(pin_root)
    for entry in (*_pinned(pin_root), *_nftables()):
        yield _block(entry, stopped)


def halted(pin_root: Path = PIN_ROOT) -> bool:
    """Whether panic-unblock stopped XDP; raises ``OSError``."""
    return _slot(pin_root, layout.SLOT_HALTED) == 1


def heartbeat(pin_root: Path = PIN_ROOT) -> tuple[float, tuple[int, ...]] | None:
    """Return the seconds since the allow set was refreshed and the SSH ports it spares, or None without the maps."""
    if _slot(pin_root, layout.SLOT_LAYOUT) != layout.LAYOUT:
        return None
    with closing(bpf.Map(pin_root / "aegis_pulse")) as pulse:
        beat_ns, ports = layout.unpack_pulse(pulse.get(bytes(4)) or bytes(layout.PULSE.size))
    return (_boot_ns() - beat_ns) / 1e9 if beat_ns else math.inf, ports


def _slot(pin_root: Path, slot: int) -> int:
    """Return a number of the state map, 0 where there is none."""
    if not (pin_root / "aegis_state").exists():
        return 0
    with closing(bpf.Map(pin_root / "aegis_state")) as state:
        value: int = layout.U32.unpack(state.get(layout.U32.pack(slot)) or bytes(4))[0]
    return value


def _pinned(pin_root: Path) -> Iterator[Entry]:
    known = _slot(pin_root, layout.SLOT_LAYOUT)
    if known != layout.LAYOUT:
        if known:
            raise OSError(f"the maps in {pin_root} have layout {known}, this program reads {layout.LAYOUT}")
        return
    names = layout.IfaceNames({})
    for name in layout.BLOCK_MAPS:
        with closing(bpf.Map(pin_root / name)) as entries:
            for key, value in entries.items():
                yield layout.unpack_entry(name, key, value, names)


def _nftables() -> Iterator[Entry]:
    """Yield nothing where there is no nft, and so no table."""
    try:
        found = NftBlocker().entries() if table_exists() else ()
    except FileNotFoundError:
        return
    yield from found


def _block(entry: Entry, stopped: bool) -> Block:
    left_ns = entry.deadline_ns - _boot_ns()
    over = bool(entry.deadline_ns) and left_ns <= 0
    ago_s = (_boot_ns() - entry.last_hit_ns) / 1e9
    return Block(
        prefix=entry.prefix,
        state=BlockState.HALTED if stopped else BlockState.EXPIRED if over else BlockState.LIVE,
        ifaces=entry.ifaces,
        remaining_s=max(left_ns, 0) / 1e9 if entry.deadline_ns else math.inf,
        packets=entry.packets,
        bytes=entry.bytes,
        last_hit_at=time.time() - ago_s if entry.last_hit_ns else 0.0,
        reason=_UNKNOWN,
        out_packets=entry.out_packets,
        out_bytes=entry.out_bytes,
        watch=entry.count_only,
    )


def _boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
