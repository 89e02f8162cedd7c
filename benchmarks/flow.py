"""Measures reading, parsing and flow tracking of a capture file beside the obvious dpkt loop.

Both run by turns in one process, so their ratio holds where the machine's speed does not.
"""

from __future__ import annotations

import argparse
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dpkt

from engine.flow import FlowTable
from engine.sources.pcapfile import PcapFile

CLIENT, SERVER = 0xC6120000, 0xC6130001
REQUEST = b"GET /index.html?id=1 HTTP/1.1\r\nHost: www.example\r\nUser-Agent: bench\r\n\r\n"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp_frame(up: bool, flow: int, seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
    """Return an Ethernet frame of flow number ``flow``."""
    client = CLIENT + flow // 50000
    ends = (client, SERVER) if up else (SERVER, client)
    ports = (1024 + flow % 50000, 80) if up else (80, 1024 + flow % 50000)
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0, *ends)
    tcp = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 8192, 0, 0)
    return (b"\x02" * 12 + b"\x08\x00" + ip + tcp + payload).ljust(60, b"\0")


def conversation(flow: int, replies: int) -> Iterator[bytes]:
    """Yield one HTTP exchange: handshake, request, ``replies`` full segments, farewell."""
    yield tcp_frame(True, flow, 100, 0, SYN)
    yield tcp_frame(False, flow, 500, 101, SYN | ACK)
    yield tcp_frame(True, flow, 101, 501, ACK)
    yield tcp_frame(True, flow, 101, 501, PSH | ACK, REQUEST)
    sent = 101 + len(REQUEST)
    for number in range(replies):
        yield tcp_frame(False, flow, 501 + 1400 * number, sent, ACK, b"x" * 1400)
        if number % 2:
            yield tcp_frame(True, flow, sent, 501 + 1400 * (number + 1), ACK)
    end = 501 + 1400 * replies
    yield tcp_frame(False, flow, end, sent, FIN | ACK)
    yield tcp_frame(True, flow, sent, end + 1, FIN | ACK)
    yield tcp_frame(False, flow, end + 1, sent + 1, ACK)


def single_packets(flow: int) -> Iterator[bytes]:
    """Yield a SYN without an answer."""
    yield tcp_frame(True, flow, 100, 0, SYN)


WORKLOADS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "short flows (10 packets)": lambda flow: conversation(flow, 2),
    "long flows (307 packets)": lambda flow: conversation(flow, 200),
    "one-packet flows": single_packets,
}


def write_capture(path: Path, packets: int, frames: Callable[[int], Iterator[bytes]]) -> int:
    """Write at least ``packets`` frames, ten thousand a second; return how many."""
    count = flow = 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        while count < packets:
            for frame in frames(flow):
                stamp = struct.pack(
                    "<IIII", 1_700_000_000 + count // 10000, count % 10000 * 100, len(frame), len(frame)
                )
                file.write(stamp + frame)
                count += 1
            flow += 1
    return count


def read_with_flow_table(path: Path) -> int:
    """Run the project's own path; return how many updates it gave."""
    source = PcapFile(path)
    table = FlowTable(source.capture)
    updates = 0
    for batch in source.batches():
        for frame in batch:
            updates += len(table.add(frame))
    return updates + len(table.flush())


def read_with_dpkt(path: Path) -> int:
    """Run the obvious way: dpkt objects and a dictionary of the first bytes of each five-tuple."""
    flows: dict[tuple[bytes, bytes, int, int, int], list[bytes]] = {}
    with path.open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(data).data
            heads = flows.setdefault((ip.src, ip.dst, ip.p, ip.data.sport, ip.data.dport), [b""])
            if len(heads[0]) < 512 and ip.data.data:
                heads[0] += bytes(ip.data.data)[:512]
    return len(flows)


def cpu_seconds(read: Callable[[Path], int], path: Path) -> float:
    """Return the processor time one pass takes."""
    before = time.process_time()
    read(path)
    return time.process_time() - before


def main() -> None:
    """Print one line for each workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'workload':28}{'aegis CPU-s/M':>15}{'dpkt CPU-s/M':>15}{'aegis packets/s':>17}{'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name, frames in WORKLOADS.items():
            path = Path(folder) / "bench.pcap"
            millions = write_capture(path, options.packets, frames) / 1e6
            rounds = [
                (cpu_seconds(read_with_flow_table, path), cpu_seconds(read_with_dpkt, path))
                for _ in range(options.rounds)
            ]
            ours, naive = (statistics.median(column) / millions for column in zip(*rounds, strict=True))
            print(f"{name:28}{ours:15.2f}{naive:15.2f}{1e6 / ours:17,.0f}{naive / ours:7.1f}")


if __name__ == "__main__":
    main()
