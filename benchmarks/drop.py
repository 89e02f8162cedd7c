"""Prices a drop in nanoseconds per packet with BPF_PROG_TEST_RUN, against a program that only says XDP_DROP.

Run as root: ``python benchmarks/drop.py``. Rounds are interleaved and medians compared, so that a busy machine
slows every case alike. One source repeats, so caches are warm: these are the program's costs, not a network card's.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import paths
from engine.guard import bpf, xdp

ROUNDS = 25
REPEAT = 300_000
ENTRIES = 100_000
PREFIXES = 1_000
ALLOWED = tuple(f"198.18.{number}.0/24" for number in range(20))
ONLY_DROP = struct.pack("=QQ", 0x01_0000_00B7, 0x95)
ETHERNET4, ETHERNET6 = bytes(12) + b"\x08\x00", bytes(12) + b"\x86\xdd"

IFACE = struct.pack("=Q", 1)
"""The bit of an interface, as the kernel has it."""


def packet4(src_ip: str) -> bytes:
    header = b"\x45\0\0\x32\0\0\0\0\x40\x06\0\0" + socket.inet_aton(src_ip) + bytes([192, 0, 2, 1])
    return ETHERNET4 + header + bytes(30)


def packet6(src_ip: str) -> bytes:
    header = b"\x60\0\0\0\0\x14\x06\x40" + socket.inet_pton(socket.AF_INET6, src_ip) + bytes(16)
    return ETHERNET6 + header + bytes(30)


def fill_singles(pins: Path) -> None:
    entry = struct.pack("=QQQQ8sIHH", 0, 0, 0, 0, IFACE, 1, 0, 32)
    for name, width in (("aegis_block4", 4), ("aegis_block6", 16)):
        blocks = bpf.Map(pins / name)
        blocks.put_many([((10 << 24 | number).to_bytes(width, "big"), entry) for number in range(ENTRIES)])
        blocks.close()


def fill_prefixes(blocker: xdp.XdpBlocker) -> None:
    for number in range(PREFIXES):
        blocker.add(f"172.{16 + (number >> 8)}.{number & 255}.0/24", 0, number, ())


def hold_on_the_bench(pins: Path) -> None:
    """Let the entries hold for the interface that the measured program believes to be on."""
    for name in ("aegis_block4", "aegis_block6", "aegis_net4", "aegis_net6"):
        blocks = bpf.Map(pins / name)
        for key, entry in list(blocks.items()):
            if entry[32:40] != IFACE:
                blocks.put(key, entry[:32] + IFACE + entry[40:])
        blocks.close()


@contextmanager
def program(name: str, fill: Callable[[Path, xdp.XdpBlocker], None]) -> Iterator[int]:
    """Load the program over maps of its own, with one address of each family and one prefix blocked for an hour."""
    pins = bpf.BPFFS / f"aegis-bench-{os.getpid()}-{name}"
    far = 1 << 62
    with xdp.XdpBlocker(pins) as blocker:
        blocker.set_allow(ALLOWED)
        blocker.add("203.0.113.9/32", far, 1, ())
        blocker.add("2001:db8::9/128", far, 2, ())
        fill(pins, blocker)
        hold_on_the_bench(pins)
        loaded = bpf.load_program(paths.BPF_OBJECT, "aegis_xdp", pins, IFACE)
    try:
        yield loaded
    finally:
        os.close(loaded)
        shutil.rmtree(pins)


def measure(cases: dict[str, tuple[int, bytes, int]]) -> dict[str, float]:
    """Return the median nanoseconds per packet of each case."""
    rounds: dict[str, list[int]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (loaded, packet, verdict) in cases.items():
            ran = bpf.run_on_packet(loaded, packet, REPEAT)
            if ran.verdict != verdict:
                raise RuntimeError(f"{name}: verdict {ran.verdict} where {verdict} was expected")
            rounds[name].append(ran.ns_per_packet)
    return {name: statistics.median(values) for name, values in rounds.items()}


def main() -> None:
    bad4, bad6, good4 = packet4("203.0.113.9"), packet6("2001:db8::9"), packet4("198.51.100.7")
    baseline = bpf.load_instructions(ONLY_DROP, "only_drop")
    with (
        program("one", lambda pins, blocker: None) as one,
        program("many", lambda pins, blocker: fill_singles(pins)) as many,
        program("nets", lambda pins, blocker: fill_prefixes(blocker)) as nets,
    ):
        medians = measure(
            {
                "empty XDP_DROP": (baseline, bad4, bpf.XDP_DROP),
                "drop IPv4, 1 entry": (one, bad4, bpf.XDP_DROP),
                f"drop IPv4, {ENTRIES:,} entries": (many, bad4, bpf.XDP_DROP),
                "drop IPv6, 1 entry": (one, bad6, bpf.XDP_DROP),
                f"drop IPv6, {ENTRIES:,} entries": (many, bad6, bpf.XDP_DROP),
                f"drop out of {PREFIXES:,} prefixes": (nets, packet4("172.16.200.1"), bpf.XDP_DROP),
                "pass, 1 entry": (one, good4, bpf.XDP_PASS),
                f"pass, {ENTRIES:,} entries": (many, good4, bpf.XDP_PASS),
                f"pass, {PREFIXES:,} prefixes": (nets, good4, bpf.XDP_PASS),
            }
        )
    floor = medians["empty XDP_DROP"]
    for name, median in medians.items():
        print(f"{name:32} {median:6.0f} ns   {median - floor:+5.0f} ns   {median / floor:5.2f}x")


if __name__ == "__main__":
    main()
