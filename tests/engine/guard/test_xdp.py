"""Tests of what the XDP blocker drops: real frames over a veth pair in network namespaces of our own."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import pytest

from engine import paths
from engine.guard import bpf, layout, xdp
from tests.engine.guard.drops import BAD4, BAD6, boot_ns, ethernet, udp
from tests.engine.guard.xdpwire import (
    BOTH_FAMILIES,
    IN,
    NEEDS_ROOT,
    PINS,
    SERVER,
    OnTheWire,
    XdpWire,
    inside,
    make_namespaces,
    make_wire,
    open_blocker,
)

pytestmark = NEEDS_ROOT

DROPPED, PASSED = IN.dropped(), IN.passed()


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
    """The blocker with nothing blocked, nothing allowed and no halt."""
    held.set_allow([])
    held.halt()
    held.resume()
    return held


@pytest.mark.parametrize("frame", DROPPED.values(), ids=DROPPED)
def test_a_frame_of_a_blocked_source_is_dropped(wire: XdpWire, blocker: OnTheWire, frame: bytes) -> None:
    assert wire.delivers(frame)
    blocker.add(f"{BAD4}/32", 0, 1)
    blocker.add(f"{BAD6}/128", 0, 2)
    assert not wire.delivers(frame)


@pytest.mark.parametrize("frame", DROPPED.values(), ids=DROPPED)
def test_a_frame_out_of_a_blocked_prefix_is_dropped(wire: XdpWire, blocker: OnTheWire, frame: bytes) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.add("2001:db8::/64", 0, 2)
    assert not wire.delivers(frame)


@pytest.mark.parametrize("frame", PASSED.values(), ids=PASSED)
def test_what_keeps_the_network_up_or_cannot_be_parsed_passes(wire: XdpWire, blocker: OnTheWire, frame: bytes) -> None:
    for prefix in (f"{BAD4}/32", f"{BAD6}/128", "203.0.113.0/24", "2001:db8::/64"):
        blocker.add(prefix, 0, 1)
    assert wire.delivers(frame)


def test_a_frame_cut_before_the_end_of_its_ip_header_passes(blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    program = bpf.load_program(paths.BPF_OBJECT, "aegis_xdp", PINS, struct.pack("=Q", 1))
    frame = ethernet(0x0800, IN.ip4(BAD4, udp()), 0x88A8, 0x8100)
    verdicts = [bpf.run_on_packet(program, frame[:size]).verdict for size in range(14, len(frame))]
    os.close(program)
    header_end = 14 + 8 + 20
    assert verdicts == [bpf.XDP_PASS if size < header_end else bpf.XDP_DROP for size in range(14, len(frame))]


@BOTH_FAMILIES
def test_an_allowed_source_passes_inside_a_blocked_prefix(wire: XdpWire, blocker: OnTheWire, version: int) -> None:
    spared, neighbour = (BAD4, "203.0.113.10") if version == 4 else (BAD6, "2001:db8::10")
    for prefix in ("203.0.113.0/24", "2001:db8::/64", f"{BAD4}/32", f"{BAD6}/128"):
        blocker.add(prefix, 0, 1)
    blocker.set_allow([BAD4, f"{BAD6}/128"])
    assert wire.delivers(IN.datagram(spared))
    assert not wire.delivers(IN.datagram(neighbour))


def test_the_allow_set_is_replaced_by_its_difference(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.set_allow(["203.0.113.1/32", "203.0.113.2/32", "2001:db8::/64"])
    blocker.set_allow(["203.0.113.2/32", "203.0.113.3/32"])
    arrived = [wire.delivers(IN.datagram(f"203.0.113.{last}")) for last in (1, 2, 3)]
    assert arrived == [False, True, True]


def test_a_full_allow_map_holds_the_first_of_the_prefixes_and_names_one_that_has_no_place(
    wire: XdpWire, blocker: OnTheWire
) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.set_allow(["198.51.100.0/24"])
    many = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(4096)]
    with pytest.raises(OSError, match=r"cannot spare 10\.15\.255\.0/24: .*all 4096 places are taken"):
        blocker.set_allow([f"{BAD4}/32", *many])
    assert wire.delivers(IN.datagram(BAD4))
    blocker.set_allow(["203.0.113.10/32", *many[1:]])
    assert wire.delivers(IN.datagram("203.0.113.10"))
    assert not wire.delivers(IN.datagram(BAD4))


def test_a_deadline_lets_packets_pass_with_no_process_to_see_to_it(wire: XdpWire, blocker: OnTheWire) -> None:
    dropped = 0
    for lasts_s in (1, 4, 16):  # on a busy host the other process may take longer to end than its block lasts
        deadline, dropped = _blocked_by_another_process(lasts_s), 0
        while True:
            sent_at = boot_ns()
            if wire.delivers(IN.datagram(BAD4)):
                break
            dropped += 1
            assert sent_at < deadline + 10**9  # the kernel looks at the clock at each of its ticks, late on a busy host
        assert boot_ns() >= deadline
        assert blocker.entries()[0].packets == dropped
        if dropped:
            break
        blocker.remove(f"{BAD4}/32")
    assert dropped > 0


def _blocked_by_another_process(lasts_s: int) -> int:
    """Return the deadline of a block whose process is gone."""
    code = f"""
import time
deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + {lasts_s} * 10**9
xdp.XdpBlocker(pins).add("{BAD4}/32", deadline, 1, ["v0"])
print(deadline)
"""
    return int(inside(SERVER, code))


@BOTH_FAMILIES
@pytest.mark.parametrize("wide", [8, 23], ids=["far", "near"])
def test_an_expired_prefix_does_not_shadow_a_wider_block(
    wire: XdpWire, blocker: OnTheWire, version: int, wide: int
) -> None:
    source = BAD4 if version == 4 else BAD6
    blocker.add("203.0.0.0/8" if wide == 8 else "203.0.112.0/23", 0, 1)
    blocker.add("2001::/16" if wide == 8 else "2001:db8::/63", 0, 2)
    for number, prefix in enumerate(("203.0.113.0/24", "203.0.113.8/29", "2001:db8::/64", "2001:db8::/120")):
        blocker.add(prefix, 1, 10 + number)
    assert not wire.delivers(IN.datagram(source))
    blocker.add(f"{BAD4}/32", 1, 20)
    blocker.add(f"{BAD6}/128", 1, 21)
    assert not wire.delivers(IN.datagram(source))


def test_a_count_only_entry_counts_and_passes(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 7, count_only=True)
    assert wire.delivers(IN.datagram(BAD4))
    [entry] = blocker.entries()
    assert (entry.packets, entry.entry_id, entry.count_only) == (1, 7, True)


def test_a_count_only_entry_opens_no_hole_in_a_blocked_prefix(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.add(f"{BAD4}/32", 0, 2, count_only=True)
    assert not wire.delivers(IN.datagram(BAD4))
    assert {entry.prefix: entry.packets for entry in blocker.entries()} == {f"{BAD4}/32": 1, "203.0.113.0/24": 1}


def test_an_entry_tells_what_the_kernel_dropped(wire: XdpWire, blocker: OnTheWire) -> None:
    seen, dropped, before = blocker.seen(), blocker.dropped(), boot_ns()
    deadline = before + 3_600_000_000_000
    blocker.add(f"{BAD6}/128", deadline, 42)
    for _ in range(3):
        wire.delivers(IN.datagram(BAD6))
    [entry] = blocker.entries()
    assert entry[:6] == (f"{BAD6}/128", deadline, 3, 3 * len(IN.datagram(BAD6)), 0, 0)
    assert before < entry.last_hit_ns < boot_ns()
    assert (blocker.dropped() - dropped, blocker.seen() - seen >= 6) == (3, True)


def test_a_new_deadline_keeps_the_counters_and_a_new_entry_does_not(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    wire.delivers(IN.datagram(BAD4))
    blocker.add(f"{BAD4}/32", boot_ns() + 10**12, 1)
    assert blocker.entries()[0].packets == 1
    blocker.add(f"{BAD4}/32", 0, 2)
    assert blocker.entries()[0].packets == 0


@pytest.mark.parametrize("prefix", ["203.0.113.9/32", "203.0.113.0/24", "2001:db8::9/128", "2001:db8::/64"])
def test_a_removed_prefix_passes_again(wire: XdpWire, blocker: OnTheWire, prefix: str) -> None:
    source = BAD6 if ":" in prefix else BAD4
    blocker.add(prefix, 0, 1)
    assert [entry.prefix for entry in blocker.entries()] == [prefix]
    assert not wire.delivers(IN.datagram(source))
    assert (blocker.remove(prefix), blocker.remove(prefix), blocker.entries()) == (True, False, [])
    assert wire.delivers(IN.datagram(source))


def test_a_prefix_that_still_stands_drops_after_another_was_removed(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add("203.0.113.0/24", 0, 1)
    blocker.add("203.0.112.0/24", 0, 2)
    blocker.remove("203.0.112.0/24")
    assert not wire.delivers(IN.datagram(BAD4))


def test_halted_passes_everything_and_refuses_new_blocks(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    assert (blocker.halt(), blocker.halted, blocker.entries()) == (1, True, [])
    with pytest.raises(PermissionError, match=r"cannot block 203\.0\.113\.9/32: blocking is halted"):
        blocker.add(f"{BAD4}/32", 0, 1)
    blocker.resume()
    blocker.add(f"{BAD4}/32", 0, 1)
    assert not wire.delivers(IN.datagram(BAD4))


def test_the_halted_flag_alone_passes_everything(wire: XdpWire, blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    state = bpf.Map(PINS / "aegis_state")
    state.put(struct.pack("=I", 1), struct.pack("=I", 1))
    state.close()
    assert wire.delivers(IN.datagram(BAD4))


def test_panic_empties_the_maps_and_halts(wire: XdpWire, blocker: OnTheWire) -> None:
    for number, prefix in enumerate((f"{BAD4}/32", f"{BAD6}/128", "203.0.113.0/24", "2001:db8::/64")):
        blocker.add(prefix, 0, number)
    assert xdp.panic(PINS) == 4
    assert (blocker.halted, blocker.entries()) == (True, [])
    assert wire.delivers(IN.datagram(BAD4))


def test_panic_works_on_maps_of_another_layout(blocker: OnTheWire) -> None:
    blocker.add(f"{BAD4}/32", 0, 1)
    state = bpf.Map(PINS / "aegis_state")
    state.put(struct.pack("=I", 0), struct.pack("=I", 99))
    with pytest.raises(OSError, match="they have layout 99, this program knows 3; `aegis-tui panic-unblock`"):
        xdp.XdpBlocker(PINS)
    assert xdp.panic(PINS) == 1
    state.put(struct.pack("=I", 0), struct.pack("=I", layout.LAYOUT))
    state.close()


def test_a_hundred_thousand_sources_and_a_thousand_prefixes_fit(wire: XdpWire, blocker: OnTheWire) -> None:
    entry = struct.pack("=QQQQQQQIHH", *[0] * 6, 1, 1, 0, 32)
    for version, width in ((4, 4), (6, 16)):
        singles = bpf.Map(PINS / f"aegis_block{version}")
        singles.put_many([(number.to_bytes(width, "big"), entry) for number in range(100_000)])
        singles.close()
    for number in range(1_000):
        blocker.add(f"10.{number >> 8}.{number & 255}.0/24", 0, number)
    blocker.add(f"{BAD4}/32", 0, 1)
    assert len(blocker.entries()) == 201_001
    assert not wire.delivers(IN.datagram(BAD4))
    assert not wire.delivers(IN.datagram("10.3.231.1"))
    assert blocker.halt() == 201_001


@pytest.mark.parametrize("prefix", ["203.0.113.9/24", "example.org", "203.0.113.9; DROP", ""])
def test_what_is_no_prefix_is_refused(blocker: OnTheWire, prefix: str) -> None:
    with pytest.raises(ValueError, match=r"host bits set|does not appear to be"):
        blocker.add(prefix, 0, 1)
