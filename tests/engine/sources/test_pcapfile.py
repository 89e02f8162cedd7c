"""Tests of reading capture files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine.sources.pcapfile import BATCH_FRAMES, CaptureError, PcapFile
from engine.types import Capture, Frame
from tests.factories import frame, ipv4, pcap_file, tcp, udp

FRAMES = [frame(ipv4(tcp(1, 2, seq=number)), 1000.0 + number / 8) for number in range(600)]


def block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def interface(linktype: int) -> bytes:
    return block(1, struct.pack("<HHI", linktype, 0, 65535))


def packet_block(number: int, data: bytes) -> bytes:
    return block(6, struct.pack("<IIIII", number, 0, 7, len(data), len(data)) + data + bytes(-len(data) % 4))


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def test_frames_come_in_batches_as_they_were_written(tmp_path: Path) -> None:
    source = PcapFile(pcap_file(tmp_path / "day.pcap", FRAMES))
    batches = list(source.batches())
    assert [len(batch) for batch in batches] == [BATCH_FRAMES, BATCH_FRAMES, 600 - 2 * BATCH_FRAMES]
    assert [one for batch in batches for one in batch] == FRAMES
    assert type(batches[0][0]) is Frame
    assert source.stats() == (600, 0)


def test_the_capture_is_named_without_its_folder(tmp_path: Path) -> None:
    assert PcapFile(pcap_file(tmp_path / "raw.pcap", [], linktype=101)).capture.name == "raw.pcap"


def test_a_file_can_be_read_again(tmp_path: Path) -> None:
    source = PcapFile(str(pcap_file(tmp_path / "a.pcap", FRAMES)))
    assert list(source.batches()) == list(source.batches())


def test_a_capture_without_frames_yields_nothing(tmp_path: Path) -> None:
    assert list(PcapFile(pcap_file(tmp_path / "a.pcap", [])).batches()) == []


def test_a_stopped_file_yields_no_further_batch(tmp_path: Path) -> None:
    source = PcapFile(pcap_file(tmp_path / "a.pcap", FRAMES))
    batches = source.batches()
    next(batches)
    source.stop()
    assert list(batches) == []


def test_pcapng_is_read_and_its_name_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    data = FRAMES[0].data
    path.write_bytes(SECTION + interface(1) + packet_block(0, data))
    source = PcapFile(path)
    assert source.capture == Capture("a.pcapng", 1)
    assert [one.data for batch in source.batches() for one in batch] == [data]


def test_a_truncated_file_keeps_what_was_read_and_says_where(tmp_path: Path) -> None:
    path = pcap_file(tmp_path / "cut.pcap", FRAMES[:3])
    path.write_bytes(path.read_bytes()[:-10])
    batches = PcapFile(path).batches()
    assert next(batches) == FRAMES[:2]
    with pytest.raises(CaptureError, match="truncated") as caught:
        next(batches)
    assert (caught.value.path, caught.value.offset) == (str(path), 24 + 2 * 76)


def test_a_second_link_type_in_pcapng_keeps_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "mixed.pcapng"
    data = FRAMES[0].data
    path.write_bytes(SECTION + interface(1) + packet_block(0, data) + interface(101) + packet_block(1, data))
    batches = PcapFile(path).batches()
    assert [one.data for one in next(batches)] == [data]
    with pytest.raises(CaptureError, match="different") as caught:
        next(batches)
    assert caught.value.offset is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"#!/bin/sh\necho no capture\n", "unknown file format"),
        (b"\xd4\xc3\xb2\xa1\x02", "trunc"),
    ],
    ids=["empty", "foreign", "cut header"],
)
def test_what_is_no_capture_is_refused_with_a_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=reason) as caught:
        PcapFile(path)
    assert caught.value.offset == 0


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="not a regular file"):
        PcapFile(tmp_path)
    with pytest.raises(CaptureError, match="no such file"):
        PcapFile(tmp_path / "missing.pcap")


def test_the_wire_length_survives_a_short_capture(tmp_path: Path) -> None:
    whole = frame(ipv4(udp(1, 2, b"x" * 400), 17))
    cut = Frame(whole.ts, whole.data[:96], whole.wire_bytes)
    assert next(PcapFile(pcap_file(tmp_path / "a.pcap", [cut])).batches()) == [cut]


@pytest.mark.parametrize(
    ("high", "expected"),
    [(0, 0.0), (0x7FFFFFFF, 2.0**32 - 1), (0xFFFFFFFF, None), (0x80000000, None)],
    ids=["zero", "year 294247", "all ones", "the sign bit"],
)
def test_a_moment_is_within_what_a_capture_can_name(tmp_path: Path, high: int, expected: float | None) -> None:
    data = FRAMES[0].data
    sizes = struct.pack("<IIIII", 0, high, 0, len(data), len(data))
    hostile = block(6, sizes + data + bytes(-len(data) % 4))
    (tmp_path / "a.pcapng").write_bytes(SECTION + interface(1) + hostile)
    ((one,),) = PcapFile(tmp_path / "a.pcapng").batches()
    assert one.data == data
    assert one.ts == expected if expected is not None else 0.0 <= one.ts < 2.0**32


def test_a_capture_that_cannot_be_opened_is_an_error_of_the_system() -> None:
    assert issubclass(CaptureError, OSError)
    assert str(CaptureError("eth0", "no permission")) == "cannot read capture eth0: no permission"
