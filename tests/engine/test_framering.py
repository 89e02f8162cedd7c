"""The packets that led to an incident can be cut out of the latest ones."""

from __future__ import annotations

from pathlib import Path

from engine.framering import SLICE_BYTES, FrameRing, pcap
from engine.sources.pcapfile import PcapFile
from engine.types import Frame
from tests.factories import conversation, ethernet, five_tuple, frame, ipv4, tcp


def ring(frames: list[Frame], limit_bytes: int = 1 << 20) -> FrameRing:
    made = FrameRing(1, limit_bytes)
    for one in frames:
        made.add(one)
    return made


def test_a_flow_is_cut_out_in_both_directions_and_in_order() -> None:
    wanted = conversation(b"GET / HTTP/1.1\r\n\r\n")
    other = frame(ipv4(tcp(1, 2), src="198.51.100.1"))
    assert ring([other, *wanted, other]).cut([five_tuple()]) == wanted


def test_the_oldest_frames_are_forgotten_first() -> None:
    frames = conversation(b"x" * 500)
    held = ring(frames, limit_bytes=sum(len(one.data) for one in frames[2:]))
    assert held.cut([five_tuple()]) == frames[2:]


def test_a_slice_is_bounded_and_what_is_no_packet_is_passed_over() -> None:
    big = frame(ipv4(tcp(40000, 8080, payload=b"x" * 60_000)))
    junk = Frame(1.0, ethernet(b"\x45" * 7), 60)
    cut = ring([junk, *[big] * 40], limit_bytes=4 << 20).cut([five_tuple()])
    assert sum(len(one.data) for one in cut) <= SLICE_BYTES
    assert len(cut) == SLICE_BYTES // len(big.data)


def test_a_slice_is_a_file_that_reads_back_the_same(tmp_path: Path) -> None:
    frames = [one._replace(ts=ts) for one, ts in zip(conversation(b"x"), (0.0, 1000.999999, 2.0**32 - 1), strict=False)]
    (tmp_path / "a.pcap").write_bytes(pcap(frames, 1))
    read = [one for batch in PcapFile(tmp_path / "a.pcap").batches() for one in batch]
    assert [(round(one.ts, 6), one.data, one.wire_bytes) for one in read] == [
        (round(one.ts, 6), one.data, one.wire_bytes) for one in frames
    ]


def test_a_slice_holds_frames_of_any_moment(tmp_path: Path) -> None:
    first = conversation(b"x")[0]
    frames = [first._replace(ts=ts) for ts in (-1.0, -9e18, 2.0**32, 2.0**32 - 1e-7, 1.8e19)]
    (tmp_path / "a.pcap").write_bytes(pcap(frames, 1))
    read = [one.ts for batch in PcapFile(tmp_path / "a.pcap").batches() for one in batch]
    assert read == [0.0, 0.0, *[2.0**32 - 1] * 3]
