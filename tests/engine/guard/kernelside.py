"""The kernel's side of a guard: small maps of its own, two interfaces, and what the programs would do with a packet."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

from engine import paths
from engine.guard import bpf, layout, xdp
from engine.guard.pins import spot_of
from tests.engine.guard.drops import Frames
from tests.engine.guard.host import opened

NAME = f"tt-{os.getpid()}"
PINS = bpf.BPFFS / f"{NAME}-real"
IFACES = ("eth0", "eth1")
PLACES = 12
"""In each map of single addresses; ``fill`` takes what is left."""


def small_object(folder: Path) -> Path:
    """Return the BPF object with maps of few places: its type information says how many there are."""
    raw = bytearray(paths.BPF_OBJECT.read_bytes())
    start = raw.index(b"\x9f\xeb\x01\0")
    _, _, _, header, types_at, types_size, *_ = struct.unpack_from("=HBBIIII", raw, start)
    at, end = start + header + types_at, start + header + types_at + types_size
    patched = 0
    # Bytes that follow a BTF type of each kind, at once and for each member; kind 3 is an array.
    more = {1: 4, 3: 12, 14: 4, 17: 4}
    each = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
    while at < end:
        info = struct.unpack_from("=I", raw, at + 4)[0]
        kind, count = info >> 24 & 31, info & 0xFFFF
        if kind == 3 and struct.unpack_from("=I", raw, at + 20)[0] == 131072:
            struct.pack_into("=I", raw, at + 20, PLACES)
            patched += 1
        at += 12 + more.get(kind, 0) + each.get(kind, 0) * count
    assert patched
    path = folder / "small.bpf.o"
    path.write_bytes(raw)
    return path


class Maps:
    """The kernel's maps and programs, as the guard that runs now has opened them."""

    def __init__(self, object_path: Path) -> None:
        self.object_path = object_path
        self.blocker = xdp.XdpBlocker(PINS, object_path)

    def reopen(self) -> None:
        """Open them as the next guard does."""
        self.blocker.close()
        self.blocker = xdp.XdpBlocker(PINS, self.object_path)

    @staticmethod
    def empty() -> None:
        """Take out what the last example left, and end its halt."""
        for name in layout.BLOCK_MAPS:
            with opened(PINS / name) as each:
                each.clear()
        with opened(PINS / "aegis_state") as state:
            state.put(layout.U32.pack(layout.SLOT_HALTED), layout.U32.pack(0))


class Judge:
    """Both programs as each interface runs them, which say what they would do with a packet."""

    def __init__(self, object_path: Path, addresses: tuple[str, ...]) -> None:
        """Load the programs with the bits of the interfaces that are attached."""
        names = dict(socket.if_nameindex())
        spots = {spot_of(path) for path in (PINS / "links").iterdir()}
        self._programs = {
            (names[spot.ifindex], way): bpf.load_program(object_path, program, PINS, layout.U64.pack(spot.bit))
            for spot in spots
            for way, program in (("in", "aegis_xdp"), ("out", "aegis_egress"))
        }
        self._frames = {way: {at: Frames(way).datagram(at) for at in addresses} for way in ("in", "out")}
        assert len(self._programs) == 2 * len(IFACES)

    def dropped(self) -> set[tuple[str, str, str]]:
        """Return interface, way and address of every packet that is dropped now."""
        drops = {"in": bpf.XDP_DROP, "out": bpf.TC_DROP}
        return {
            (iface, way, address)
            for (iface, way), program in self._programs.items()
            for address, frame in self._frames[way].items()
            if bpf.run_on_packet(program, frame).verdict == drops[way]
        }

    def close(self) -> None:
        for program in self._programs.values():
            os.close(program)
