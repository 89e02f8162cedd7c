"""The record of recent flows, and what it says a block would have dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.impact import RECORD_FLOWS, RECORD_S, SLICE_S, Ranges, Traffic
from engine.intake import INTERIM_S, Batch, Intake
from engine.types import Capture, FiveTuple, Flow, Frame, UpdateReason
from tests.factories import (
    ACK,
    ATTACKER,
    SERVER,
    SYN,
    conversation,
    ethernet,
    five_tuple,
    flow,
    frame,
    ipv4,
    ipv6,
    tcp,
    udp,
    update,
)

ADDRESSES = [
    "203.0.113.9",
    "203.0.113.10",
    "203.0.114.1",
    "192.0.2.1",
    "2001:db8:1::5",
    "2001:db8:1:1::5",
    "2001:db8::1",
]
PREFIXES = [
    "203.0.113.9/32",
    "203.0.113.8/30",
    "203.0.112.0/22",
    "0.0.0.0/0",
    "2001:db8:1::/64",
    "2001:db8::1/128",
    "2001:db8:1::/48",
]


def _batch(now: float, *flows: Flow, reason: UpdateReason = UpdateReason.END) -> Batch:
    return Batch([update(one, reason, at=now, direction=None, chunk=b"") for one in flows], now)


def _flow(src_ip: str = ATTACKER, dst_ip: str = SERVER, **changes: object) -> Flow:
    return flow(FiveTuple(src_ip, 40000, dst_ip, 8080, "tcp"), **changes)


# --- the law --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Told:
    """A flow in the property: its ends, and what it counted when it was told of, time and again."""

    ends: FiveTuple
    counts: tuple[tuple[int, int], ...]


_counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=4)
_told = st.builds(
    lambda src, dst, sport, counts: _Told(FiveTuple(src, sport, dst, 80, "tcp"), tuple(counts)),
    st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES), st.integers(1, 9), _counts,
)  # fmt: skip


def _holds(prefixes: Sequence[str], address: str) -> bool:
    held = ip_address(address)
    return any(held.version == ip_network(one).version and held in ip_network(one) for one in prefixes)


def _brute_force(flows: Sequence[Flow], prefixes: Sequence[str]) -> tuple[int, ...]:
    packets = octets = out_packets = out_octets = 0
    for one in flows:
        ends = (one.five_tuple.src_ip, one.five_tuple.dst_ip)
        for sender, receiver, way in ((*ends, 0), (ends[1], ends[0], 1)):
            if _holds(prefixes, sender):
                packets, octets = packets + one.packets[way], octets + one.bytes[way]
            elif _holds(prefixes, receiver):
                out_packets, out_octets = out_packets + one.packets[way], out_octets + one.bytes[way]
    return packets, octets, out_packets, out_octets


@settings(max_examples=150, deadline=None)
@given(st.lists(_told, max_size=12), st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=4))
def test_the_impact_is_the_sum_over_the_packets_of_every_flow_with_an_end_in_the_prefixes(
    told: list[_Told], prefixes: list[str]
) -> None:
    traffic = Traffic()
    whole = []
    for number, one in enumerate(told):
        up, down = 1, 0
        shown = flow(one.ends, first_seen=1000.0 + number, packets=(up, down), bytes=(100, 0))
        traffic.add(_batch(1001.0, shown, reason=UpdateReason.NEW))
        for step, (more_up, more_down) in enumerate(one.counts):
            up, down = up + more_up, down + more_down
            shown = replace(shown, packets=(up, down), bytes=(100 * up, 70 * down))
            traffic.add(Batch([], 1001.0 + 50 * step, active=(shown,)))
        traffic.add(_batch(1201.0, shown))
        whole.append(shown)
    impact = traffic.impact(prefixes)
    assert (impact.packets, impact.bytes, impact.out_packets, impact.out_bytes) == _brute_force(whole, prefixes)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=30), st.integers(0, 2**32 - 1))
def test_ranges_hold_an_address_exactly_where_one_of_the_prefixes_does(
    pairs: list[tuple[int, int]], number: int
) -> None:
    networks = [ip_network((value >> (32 - length) << (32 - length), length)) for value, length in pairs]
    ranges = Ranges([str(network) for network in networks])
    near = [ip_address(number), *(edge for one in networks for edge in (one[0], one[-1]))]
    for address in near:
        assert ranges[str(address)] is any(address in network for network in networks)


@pytest.mark.parametrize(
    ("prefix", "address", "held"),
    [
        ("203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("::ffff:203.0.113.0/120", "203.0.113.9", True),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("::/0", "203.0.113.9", False),
        ("0.0.0.0/0", "2001:db8::1", False),
    ],
)
def test_an_address_is_held_by_prefixes_of_its_own_family(prefix: str, address: str, held: bool) -> None:
    assert Ranges([prefix])[address] is held


@pytest.mark.parametrize("text", ["", "x", "203.0.113.9/33", "203.0.113.9/-1", "203.0.113.9/", "fe80::1%eth0", "1.2.3"])
def test_what_is_no_prefix_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="neither an address nor a prefix"):
        Traffic().impact([text])


# --- what it counts -------------------------------------------------------------------------


def test_packets_from_the_prefix_are_dropped_coming_in_and_those_to_it_going_out() -> None:
    traffic = Traffic()
    called = _flow(packets=(5, 3), bytes=(500, 300))
    calls = _flow(SERVER, ATTACKER, packets=(7, 2), bytes=(700, 200))
    traffic.add(_batch(1000.0, called, calls))
    impact = traffic.impact([f"{ATTACKER}/32"])
    assert (impact.flows, impact.packets, impact.bytes) == (2, 5 + 2, 500 + 200)
    assert (impact.out_packets, impact.out_bytes) == (3 + 7, 300 + 700)
    assert impact.services == ("outbound tcp/8080", "tcp/8080")
    assert (impact.sources, impact.source_count) == ((ATTACKER,), 1)


def test_services_name_the_process_that_is_known_already_and_the_busiest_come_first() -> None:
    traffic = Traffic()
    web = flow(five_tuple(), packets=(4, 1))
    shell = flow(five_tuple(dst_port=22), packets=(40, 1))
    ping = flow(FiveTuple(ATTACKER, 8, SERVER, 0, "icmp"), packets=(2, 1))
    traffic.add(_batch(1000.0, web, shell, ping))
    impact = traffic.impact([ATTACKER], lambda ends: "java[812]" if ends.dst_port == 8080 else "")
    assert impact.services == ("tcp/22", "tcp/8080 java[812]", "icmp")


def test_the_busiest_sources_come_first_and_all_are_counted() -> None:
    traffic = Traffic()
    traffic.add(_batch(1000.0, *(_flow(f"203.0.113.{last}", packets=(last, 1)) for last in range(1, 21))))
    impact = traffic.impact(["203.0.113.0/24"])
    assert (impact.sources[:2], len(impact.sources), impact.source_count) == (
        ("203.0.113.20", "203.0.113.19"), 8, 20
    )  # fmt: skip


def test_a_handshake_is_told_with_its_time_and_a_lone_syn_is_none() -> None:
    traffic = Traffic()
    traffic.add(_batch(1000.0, _flow(handshake=False, packets=(1, 0)), reason=UpdateReason.NEW))
    assert traffic.impact([ATTACKER]).handshake_at == 0.0
    traffic.add(_batch(1003.0, _flow(handshake=True, first_seen=1002.0)))
    assert traffic.impact([ATTACKER]).handshake_at == 1002.0
    assert traffic.impact(["203.0.113.10"]).handshake_at == 0.0


def test_ends_that_are_used_again_are_another_flow() -> None:
    traffic = Traffic()
    traffic.add(_batch(1000.0, _flow(first_seen=999.0, packets=(9, 0)), _flow(first_seen=999.5, packets=(2, 0))))
    impact = traffic.impact([ATTACKER])
    assert (impact.flows, impact.packets) == (2, 11)


# --- what it remembers ----------------------------------------------------------------------


def test_a_flow_that_goes_on_counts_only_what_it_did_within_the_record() -> None:
    traffic = Traffic()
    begun = _flow(first_seen=1000.0, packets=(1, 0), bytes=(100, 0))
    traffic.add(_batch(1000.0, begun, reason=UpdateReason.NEW))
    for minute in range(1, 31):
        now = 1000.0 + 60 * minute
        traffic.add(Batch([], now, active=(replace(begun, packets=(1 + 10 * minute, 0), bytes=(0, 0)),)))
    impact = traffic.impact([ATTACKER])
    assert impact.packets == 10 * 11
    assert RECORD_S - SLICE_S <= impact.span_s <= RECORD_S


def test_a_flow_that_was_silent_when_the_record_began_counts_from_when_it_was_next_heard_of() -> None:
    traffic = Traffic()
    begun = _flow(first_seen=1000.0, packets=(1, 0))
    traffic.add(_batch(1000.0, begun, reason=UpdateReason.NEW))
    for silent in (1060.0, 1120.0):
        traffic.add(Batch([], silent))
    for now, packets in ((1650.0, 500), (1720.0, 600), (1780.0, 600)):
        traffic.add(Batch([], now, active=(replace(begun, packets=(packets, 0)),)))
    assert traffic.impact([ATTACKER]).packets == 100


def test_what_passed_before_the_record_is_forgotten() -> None:
    traffic = Traffic()
    traffic.add(_batch(1000.0, _flow(packets=(9, 9))))
    traffic.add(Batch([], 1000.0 + RECORD_S - 1))
    assert traffic.impact([ATTACKER]).flows == 1
    traffic.add(Batch([], 1000.0 + RECORD_S + SLICE_S))
    impact = traffic.impact([ATTACKER])
    assert (impact.flows, impact.packets, impact.span_s) == (0, 0, RECORD_S)


def test_a_young_record_says_how_far_back_it_goes() -> None:
    traffic = Traffic()
    assert traffic.impact([ATTACKER]).span_s == 0.0
    traffic.add(Batch([], 1000.0))
    traffic.add(Batch([], 1042.0))
    assert traffic.impact([ATTACKER]).span_s == 42.0


def test_a_flood_shortens_the_record_and_never_grows_it_beyond_its_bound() -> None:
    traffic = Traffic()
    for second in range(4 * RECORD_FLOWS // 1000):
        flows = [flow(five_tuple(src_port=port), first_seen=1000.0 + second, packets=(1, 0)) for port in range(1000)]
        traffic.add(_batch(1000.0 + second, *flows, reason=UpdateReason.NEW))
    impact = traffic.impact([ATTACKER])
    held = sum(len(part.flows) for part in traffic._slices)
    assert RECORD_FLOWS // 2 < held <= RECORD_FLOWS
    assert impact.flows == impact.packets == held
    assert impact.span_s == pytest.approx(held / 1000, abs=1.0)


def test_a_clock_that_is_set_back_begins_the_record_anew() -> None:
    traffic = Traffic()
    traffic.add(_batch(50_000.0, _flow(first_seen=50_000.0)))
    traffic.add(_batch(1000.0, _flow(first_seen=1000.0, packets=(2, 0))))
    traffic.add(Batch([], 1005.0))
    impact = traffic.impact([ATTACKER])
    assert (impact.flows, impact.span_s) == (1, 5.0)


def test_a_packet_older_than_the_record_s_first_moment_is_counted_all_the_same() -> None:
    traffic = Traffic()
    traffic.add(Batch([], 1000.0))
    traffic.add(_batch(999.9, _flow(first_seen=999.9, packets=(1, 0)), reason=UpdateReason.NEW))
    assert traffic.impact([ATTACKER]).packets == 1


# --- from frames ----------------------------------------------------------------------------


class _Frames:
    """A source that hands over portions of frames."""

    capture = Capture("eth0", 1)

    def __init__(self, *portions: list[Frame]) -> None:
        self._portions = portions

    def batches(self) -> Iterator[list[Frame]]:
        return iter(self._portions)

    def stop(self) -> None:
        """Nothing is waited for."""

    def stats(self) -> tuple[int, int]:
        return 0, 0


def _record(*portions: list[Frame]) -> Traffic:
    traffic, reader = Traffic(), Intake(_Frames(*portions), max_flows=1000)
    while True:
        batch = reader.read()
        traffic.add(batch)
        if batch.last:
            return traffic


def test_every_packet_of_a_capture_is_counted_once_in_both_families() -> None:
    frames = conversation(b"GET / HTTP/1.1\r\n\r\n")
    frames += [frame(ipv4(tcp(1000 + number, 22, flags=SYN)), ts=1005.0 + number) for number in range(3)]
    asked = ethernet(ipv6(udp(5000, 53, b"q"), 17), 0x86DD)
    frames += [Frame(1010.0, asked, len(asked))] * 4
    impact = _record(frames).impact([f"{ATTACKER}/32", "2001:db8::9/128"])
    assert impact.packets + impact.out_packets == len(frames)
    assert impact.out_packets == sum(one.data[26:30] == ip_address(SERVER).packed for one in frames[:-4])
    assert impact.bytes + impact.out_bytes == sum(one.wire_bytes for one in frames)
    assert impact.source_count == 2


def test_a_flow_in_progress_is_known_after_a_few_seconds_though_nothing_is_judged_of_it() -> None:
    acks = [frame(ipv4(tcp(40000, 8080, seq=1, ack=1, flags=ACK)), ts=1000.0 + number) for number in range(30)]
    reader, traffic = Intake(_Frames(*([one] for one in acks)), max_flows=10), Traffic()
    for _ in acks:
        traffic.add(reader.read())
    assert len(acks) - INTERIM_S <= traffic.impact([ATTACKER]).packets <= len(acks)
