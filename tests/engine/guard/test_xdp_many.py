"""Tests of many entries at once, and of prefixes of every length, in the kernel's own maps."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import paths
from engine.guard import bpf, layout, xdp
from engine.guard.blocker import TakesMany, Wanted
from tests.engine.guard.drops import BAD4, BAD6, NETS, SINGLES
from tests.engine.guard.xdpwire import (
    IN,
    NEEDS_ROOT,
    PINS,
    OnTheWire,
    XdpWire,
    make_namespaces,
    make_wire,
    open_blocker,
)

pytestmark = NEEDS_ROOT

HEAL_S = 10
MIXED = (*SINGLES, *NETS, "203.0.112.0/20", "2001:db8::/48", "198.51.100.7/32")


@pytest.fixture(scope="module")
def namespaces() -> Iterator[None]:
    yield from make_namespaces()


@pytest.fixture(scope="module")
def wire(namespaces: None) -> Iterator[XdpWire]:
    yield from make_wire("v0")


@pytest.fixture(scope="module")
def held(wire: XdpWire) -> Iterator[OnTheWire]:
    yield from open_blocker()


@pytest.fixture
def blocker(held: OnTheWire) -> OnTheWire:
    held.halt()
    held.resume()
    return held


@pytest.fixture(scope="module")
def program(held: OnTheWire) -> Iterator[int]:
    loaded = bpf.load_program(paths.BPF_OBJECT, "aegis_xdp", PINS, struct.pack("=Q", 1))
    yield loaded
    os.close(loaded)


def on_v0(prefixes: Sequence[str], first_id: int = 1) -> list[Wanted]:
    return [Wanted(prefix, 0, number, ("v0",)) for number, prefix in enumerate(prefixes, first_id)]


def singles(count: int) -> list[str]:
    return [f"{IPv4Address((10 << 24) + number)}/32" for number in range(count)]


def raw() -> dict[str, dict[bytes, bytes]]:
    """Return all that a packet's fate hangs on, as the kernel holds it."""
    found = {}
    for name in (*layout.BLOCK_MAPS, "aegis_lengths", *layout.CELL_MAPS.values()):
        opened = bpf.Map(PINS / name)
        found[name] = dict(opened.items())
        opened.close()
    return found


def test_many_at_once_leave_what_one_after_another_leave(blocker: OnTheWire) -> None:
    wanted = [*on_v0(MIXED), Wanted("192.0.2.0/24", 0, 77, ("v0",), count_only=True), Wanted("2002::/16", 0, 78, ())]
    blocker.add_many(wanted)
    at_once = raw()
    blocker.halt()
    blocker.resume()
    for one in wanted:
        blocker.add(*one)
    assert raw() == at_once
    assert isinstance(blocker, TakesMany)


def test_many_keep_their_counters_where_the_entry_is_the_same(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add_many(on_v0(MIXED))
    for source in (BAD4, BAD6):
        wire.delivers(IN.datagram(source))
    blocker.add_many([*on_v0([SINGLES[0]]), *on_v0([SINGLES[1]], first_id=99)])
    packets = {entry.prefix: entry.packets for entry in blocker.entries()}
    assert (packets[SINGLES[0]], packets[SINGLES[1]]) == (1, 0)


def test_the_last_of_two_for_one_prefix_counts(blocker: OnTheWire) -> None:
    blocker.add_many(on_v0([NETS[0], NETS[0]]))
    assert [entry.entry_id for entry in blocker.entries()] == [2]
    assert blocker.remove(NETS[0])
    assert raw()["aegis_lengths"][layout.U32.pack(0)] == layout.pack_lengths([])


def test_nothing_is_written_where_one_interface_is_not_attached(blocker: OnTheWire) -> None:
    with pytest.raises(OSError, match=r"cannot block 203\.0\.113\.9/32 and 1 more on v77: nothing is attached there"):
        blocker.add_many([*on_v0([SINGLES[0]]), Wanted(NETS[0], 0, 2, ("v77",))])
    assert blocker.entries() == []


def test_no_entries_are_nothing_to_write(blocker: OnTheWire) -> None:
    blocker.add_many([])
    assert (blocker.entries(), blocker.remove_many([])) == ([], 0)


@pytest.mark.parametrize("fails", [False, True], ids=["written", "partly written"])
def test_a_halt_in_between_takes_out_all_that_was_written(
    blocker: OnTheWire, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    write = bpf.Map.put_many

    def halted_before(each: bpf.Map, entries: Sequence[tuple[bytes, bytes]]) -> None:
        xdp.panic(PINS)
        write(each, entries)
        if fails:
            raise OSError("no more")

    monkeypatch.setattr(bpf.Map, "put_many", halted_before)
    with pytest.raises(PermissionError, match="and 6 more: blocking is halted until a person resumes it"):
        blocker.add_many(on_v0(MIXED))
    assert blocker.entries() == []


def test_what_the_kernel_did_not_take_is_an_error(blocker: OnTheWire, monkeypatch: pytest.MonkeyPatch) -> None:
    write = bpf.Map.put_many
    monkeypatch.setattr(bpf.Map, "put_many", lambda each, entries: write(each, entries[:-1]) if entries[1:] else None)
    with pytest.raises(OSError, match="the kernel map holds None after writing"):
        blocker.add_many(on_v0(singles(3)))


def test_a_map_that_is_full_says_so_and_keeps_what_it_took(blocker: OnTheWire) -> None:
    nets = [f"{IPv4Address((10 << 24) + (number << 8))}/24" for number in range(16_385)]
    with pytest.raises(OSError, match="all 16384 places are taken"):
        blocker.add_many(on_v0(nets))
    assert blocker.remove_many(nets) == 16_384
    assert raw()["aegis_lengths"][layout.U32.pack(0)] == layout.pack_lengths([])


def test_many_are_removed_and_the_others_still_drop(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add_many(on_v0(MIXED))
    gone = [prefix for prefix in MIXED if prefix != NETS[0]]
    assert (blocker.remove_many(gone), blocker.remove_many(gone)) == (len(gone), 0)
    assert not wire.delivers(IN.datagram(BAD4))
    assert wire.delivers(IN.datagram(BAD6))


def test_a_hundred_thousand_blocks_are_back_soon_after_the_maps_were_flushed(blocker: OnTheWire) -> None:
    wanted = on_v0(singles(100_000))
    for at in range(0, len(wanted), 1000):
        blocker.add_many(wanted[at : at + 1000])
    blocker.halt()
    blocker.resume()
    began = monotonic()
    for at in range(0, len(wanted), 1000):
        blocker.add_many(wanted[at : at + 1000])
    listed = blocker.entries()
    assert monotonic() - began < HEAL_S
    assert sorted(entry.entry_id for entry in listed) == list(range(1, 100_001))


SPARSE4 = st.sampled_from([0xCB00_7109, 0xCB00_7100, 0xCB00_0000, 0xCB01_0000])
SPARSE6 = st.sampled_from([0x2001_0DB8 << 96, (0x2001_0DB8 << 96) + 9, 0x2001_0DB8_0000_0001 << 64])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fours=st.lists(st.tuples(SPARSE4, st.sampled_from([7, *range(16, 33)])), max_size=8),
    sixes=st.lists(st.tuples(SPARSE6, st.sampled_from([16, 47, 48, 63, 64, 65, 80, 112, 127, 128])), max_size=8),
)
def test_a_packet_is_dropped_exactly_when_a_prefix_holds_its_source(
    blocker: OnTheWire, program: int, fours: list[tuple[int, int]], sixes: list[tuple[int, int]]
) -> None:
    nets = [ip_network((address, length), strict=False) for address, length in fours]
    nets += [ip_network((IPv6Address(address), length), strict=False) for address, length in sixes]
    prefixes = [str(net) for net in dict.fromkeys(nets)]
    blocker.add_many(on_v0(prefixes))
    for source in (BAD4, "203.0.113.10", "203.0.200.1", "203.1.0.1", "10.0.0.1", BAD6, "2001:db8::a", "2001:db9::1"):
        held = any(ip_address(source) in net for net in nets)
        verdict = bpf.run_on_packet(program, IN.datagram(source)).verdict
        assert verdict == (bpf.XDP_DROP if held else bpf.XDP_PASS), (source, prefixes)
    assert blocker.remove_many(prefixes) == len(prefixes)
