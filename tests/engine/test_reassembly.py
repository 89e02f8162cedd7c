"""Tests of ordered payload."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from engine.packet import Fragment, Packet
from engine.reassembly import HELD_BYTES, HELD_SEGMENTS, STALE_BYTES, Fragments, Stream
from tests.factories import udp


def begun(seq: int = 0) -> Stream:
    stream = Stream()
    stream.start(seq)
    return stream


@st.composite
def shuffled_segments(draw: st.DrawFn) -> tuple[int, bytes, list[tuple[int, bytes]]]:
    """A stream, where it starts, and its segments: overlapping, repeated, in any order."""
    payload = draw(st.binary(min_size=1, max_size=400))
    cuts = sorted(draw(st.sets(st.integers(0, len(payload)), max_size=12)) | {0, len(payload)})
    segments = [(at, payload[at:end]) for at, end in itertools.pairwise(cuts)]
    for _ in range(draw(st.integers(0, 12))):
        at = draw(st.integers(0, len(payload)))
        segments.append((at, payload[at : at + draw(st.integers(0, 80))]))
    return draw(st.integers(0, 2**32 - 1)), payload, draw(st.permutations(segments))


@given(shuffled_segments())
def test_any_order_of_overlapping_repeated_segments_gives_exactly_the_stream(
    case: tuple[int, bytes, list[tuple[int, bytes]]],
) -> None:
    start, payload, segments = case
    stream = begun(start)
    ordered = b"".join(stream.add((start + at) % 2**32, piece) for at, piece in segments)
    assert (ordered, stream.held_bytes, stream.gaps) == (payload, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=50)), max_size=40), st.integers(0, 2**32 - 1))
def test_no_sequence_of_segments_breaks_the_accounting(segments: list[tuple[int, bytes]], ack: int) -> None:
    stream = begun(7)
    taken = 0
    for seq, piece in segments:
        taken += len(piece)
        assert len(stream.add(seq, piece)) <= taken
        assert 0 <= stream.held_bytes <= min(taken, HELD_BYTES)
    stream.finish(ack)
    stream.acknowledged(ack)
    stream.drain()
    assert stream.held_bytes == 0


def test_of_overlapping_data_the_first_wins() -> None:
    stream = begun()
    stream.add(4, b"FIRST")
    assert stream.add(0, b"abcdSECOND") == b"abcdFIRSTD"


def test_a_keepalive_brings_nothing() -> None:
    stream = begun(100)
    stream.add(100, b"abc")
    assert stream.add(102, b"\0") == b""
    assert stream.add(103, b"d") == b"d"


def test_the_sequence_number_wraps() -> None:
    stream = begun(2**32 - 2)
    assert stream.add(1, b"cd") == b""
    assert stream.add(2**32 - 2, b"abX") == b"abXcd"


def test_too_many_held_bytes_skip_the_hole() -> None:
    stream = begun()
    piece = b"x" * 1024
    late = [stream.add(1 + 1024 * number, piece) for number in range(HELD_BYTES // 1024 + 1)]
    assert late[:-1] == [b""] * (HELD_BYTES // 1024)
    assert (len(late[-1]), stream.gaps) == (HELD_BYTES + 1024, 1)


def test_too_many_held_segments_skip_holes() -> None:
    stream = begun()
    for number in range(HELD_SEGMENTS):
        assert stream.add(1 + 2 * number, b"x") == b""
    assert stream.add(1 + 2 * HELD_SEGMENTS, b"x") == b"x"
    assert stream.gaps == 1


def test_what_the_receiver_acknowledged_is_not_waited_for() -> None:
    stream = begun()
    stream.add(10, b"late")
    assert stream.acknowledged(0) == b""
    assert stream.acknowledged(14) == b"late"
    assert stream.gaps == 1


def test_a_fin_in_sequence_ends_the_stream() -> None:
    stream = begun()
    stream.finish(3)
    assert not stream.finished
    stream.add(0, b"abc")
    assert stream.finished


def test_an_acknowledged_fin_ends_a_stream_with_a_hole() -> None:
    stream = begun()
    stream.finish(3)
    stream.acknowledged(4)
    assert stream.finished


def test_a_segment_far_behind_restarts_the_stream() -> None:
    stream = begun(STALE_BYTES * 4)
    assert stream.add(5, b"real") == b"real"
    assert stream.gaps == 1


def piece(offset: int, payload: bytes, more: bool, ident: int = 1) -> Packet:
    return Packet(17, b"aaaa", 0, b"bbbb", 0, payload, fragment=Fragment(ident, offset, more))


def test_fragments_in_any_order_make_one_datagram() -> None:
    table = Fragments()
    whole = udp(53, 4000, b"answer" * 10)
    assert table.add(piece(32, whole[32:], False), 0) is None
    assert table.add(piece(0, whole[:16], True), 0) is None
    packet = table.add(piece(16, whole[16:32], True), 0)
    assert isinstance(packet, Packet)
    assert (packet.sport, packet.payload, packet.fragment) == (53, b"answer" * 10, None)


def test_datagrams_that_never_complete_are_given_up() -> None:
    table = Fragments(max_datagrams=4, max_age_s=30)
    for ident in range(6):
        table.add(piece(0, b"12345678", True, ident), now=ident)
    assert table.lost == 2
    table.add(piece(0, b"12345678", True, 9), now=100)
    assert table.lost == 6
