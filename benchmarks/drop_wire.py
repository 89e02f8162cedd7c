"""Prices a dropped packet on a wire: our XDP program beside an nftables set and iptables rules, in one run.

Run as root: ``python benchmarks/drop_wire.py``. A packet ring sends over a veth pair in a network namespace of its
own; the sending processor also receives, so the time of a packet holds both. Rounds are interleaved and the best of
each compared, for other load only adds; the difference to an empty XDP_DROP is what a back end adds.
"""

from __future__ import annotations

import mmap
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.drop import BAD4, ENTRIES, INGRESS, one_length, program
from engine.guard import bpf

ROUNDS, KICKS = 40, 5
FRAMES, FRAME_SIZE = 2048, 256
RULES = 1_000
"""Rules of iptables, which has no sets of its own; the source is in the last."""
BLOCKED = BAD4[0]
NEAR = "192.0.2.1"
ENDS = SENDER, RECEIVER = "kxb0", "kxb1"
MACS = b"\x02kxb\0\1", b"\x02kxb\0\2"
SOL_PACKET, PACKET_TX_RING, PACKET_QDISC_BYPASS = 263, 13, 20
DATA_AT = 32
"""Where the frame stands in its slot of the ring: behind a ``struct tpacket_hdr``."""
SEND_REQUEST = struct.pack("=Q", 1)
EMPTY = struct.pack("=QQ", 0x01_0000_00B7, 0x95)


class Case(NamedTuple):
    """A back end that can be switched on and off in a moment."""

    start: Callable[[], None]
    stop: Callable[[], None]
    drops: bool = True


def run(*command: str, given: str = "") -> None:
    subprocess.run(command, input=given.encode(), check=True, stdout=subprocess.DEVNULL)


def frame() -> bytes:
    """A small datagram from the blocked source to a port where nobody listens."""
    payload = struct.pack("!HHHH", 4000, 9, 30, 0) + bytes(22)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0)
    head += socket.inet_aton(BLOCKED) + socket.inet_aton(NEAR)
    total = sum(struct.unpack("!10H", head))
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return MACS[1] + MACS[0] + b"\x08\0" + head[:10] + struct.pack("!H", checksum) + head[12:] + payload


class Ring:
    """A ring of frames that one call sends."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        shape = struct.pack("=IIII", 4096, FRAMES * FRAME_SIZE // 4096, FRAME_SIZE, FRAMES)
        self._socket.setsockopt(SOL_PACKET, PACKET_TX_RING, shape)
        self._slots = mmap.mmap(self._socket.fileno(), FRAMES * FRAME_SIZE)
        self._socket.bind((SENDER, 0))
        sample = frame()
        for at in range(0, FRAMES * FRAME_SIZE, FRAME_SIZE):
            self._slots[at + 8 : at + 12] = struct.pack("=I", len(sample))
            self._slots[at + DATA_AT : at + DATA_AT + len(sample)] = sample

    def ns_per_frame(self) -> float:
        spent = 0
        for _ in range(KICKS):
            for at in range(0, FRAMES * FRAME_SIZE, FRAME_SIZE):
                self._slots[at : at + 8] = SEND_REQUEST
            before = time.perf_counter_ns()
            self._socket.send(b"")
            spent += time.perf_counter_ns() - before
        return spent / KICKS / FRAMES

    def close(self) -> None:
        self._slots.close()
        self._socket.close()


def make_wire() -> None:
    run("ip", "link", "add", SENDER, "type", "veth", "peer", "name", RECEIVER)
    for end, mac in zip(ENDS, MACS, strict=True):
        run("ip", "link", "set", end, "address", mac.hex(":"))
        run("sysctl", "-qw", f"net.ipv6.conf.{end}.disable_ipv6=1", f"net.ipv4.conf.{end}.rp_filter=0")
        run("ip", "link", "set", end, "up")
    run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0")
    run("ip", "addr", "add", f"{NEAR}/24", "dev", RECEIVER)


def delivered() -> int:
    """How many datagrams the network stack has taken for a port where nobody listens."""
    names, values = (
        line.split() for line in Path("/proc/self/net/snmp").read_text().splitlines() if line.startswith("Udp:")
    )
    return int(values[names.index("NoPorts")])


def xdp(program_fd: int) -> Case:
    held: list[int] = []

    def start() -> None:
        held.append(bpf.attach_xdp(program_fd, socket.if_nametoindex(RECEIVER), bpf.XdpMode.NATIVE, RECEIVER))

    return Case(start, lambda: os.close(held.pop()))


def nft_set(name: str, family: str, hook: str) -> Case:
    """Drop what is in a set of as many addresses as ours holds."""
    elements = ", ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(ENTRIES))
    head = f"add table {family} {name}\nadd set {family} {name} s {{ type ipv4_addr; }}\n"
    run("nft", "-f", "-", given=f"{head}add element {family} {name} s {{ {BLOCKED}, {elements} }}")
    chain = f"chain {family} {name} c {{ type filter hook {hook} priority -300; }}"
    return Case(
        lambda: run("nft", "-f", "-", given=f"add {chain}\nadd rule {family} {name} c ip saddr @s drop"),
        lambda: run("nft", "delete", "chain", family, name, "c"),
    )


def iptables(tool: str) -> Case:
    rules = "\n".join(f"-A drops -s 10.0.{n >> 8}.{n & 255} -j DROP" for n in range(RULES - 1))
    run(f"{tool}-restore", given=f"*filter\n:drops - [0:0]\n{rules}\n-A drops -s {BLOCKED} -j DROP\nCOMMIT\n")
    jump = ("INPUT", "-i", RECEIVER, "-j", "drops")
    return Case(lambda: run(tool, "-A", *jump), lambda: run(tool, "-D", *jump))


def measure(cases: dict[str, Case]) -> dict[str, float]:
    """Return the nanoseconds per frame in the best round, sending included."""
    rounds: dict[str, list[float]] = {name: [] for name in cases}
    ring = Ring()
    for _ in range(ROUNDS):
        for name, case in cases.items():
            case.start()
            before = delivered()
            rounds[name].append(ring.ns_per_frame())
            passed = delivered() - before
            case.stop()
            if passed != (0 if case.drops else KICKS * FRAMES):
                raise RuntimeError(f"{name}: {passed} of {KICKS * FRAMES} frames passed")
    ring.close()
    return {name: min(values) for name, values in rounds.items()}


def main() -> None:
    if "inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv, "inside"])
    make_wire()
    with program("wire", one_length) as ours:
        empty = "empty XDP_DROP"
        cases = {
            empty: xdp(bpf.load_instructions(EMPTY, "only_drop")),
            f"ours at XDP, {ENTRIES:,} addresses": xdp(ours[INGRESS]),
            f"nft set at ingress, {ENTRIES:,}": nft_set("ingress", "netdev", f"ingress device {RECEIVER}"),
            f"nft set at input, {ENTRIES:,}": nft_set("input", "inet", "input"),
        }
        for tool in ("iptables-legacy", "iptables-nft"):
            if shutil.which(tool):
                cases[f"{tool}, {RULES:,} rules"] = iptables(tool)
        cases["nothing, the stack refuses it"] = Case(lambda: None, lambda: None, drops=False)
        best = measure(cases)
    print("ns per frame over a veth pair, sending included; over an empty XDP_DROP")
    for name, ns in best.items():
        print(f"{name:36} {ns:7.0f} ns   {ns - best[empty]:+7.0f} ns")


if __name__ == "__main__":
    main()
