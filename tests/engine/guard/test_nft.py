"""Tests of the nftables blocker: real frames over veth pairs in network namespaces of our own."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from engine.guard import nft, nftrules, nfttable
from engine.guard.blocker import HEARTBEAT_S, SSH_PORTS, Attached, Wanted
from engine.guard.nft import CONTRADICTION, NftBlocker
from tests.engine.guard.drops import (
    BAD4,
    BAD6,
    NETS,
    SINGLES,
    Frames,
    Namespaces,
    Wire,
    boot_ns,
    inside,
    python_inside,
    run,
    within,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and nftables"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs the nft program"),
]

BOTH_WAYS = pytest.mark.parametrize("way", ["in", "out"])
BOTH_FAMILIES = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])
NETDEV = "netdev aegis"
HOUR_NS = 3_600_000_000_000


@pytest.fixture(scope="module")
def names() -> Iterator[Namespaces]:
    made = Namespaces("nf")
    yield made
    made.close()


@pytest.fixture(scope="module")
def wire(names: Namespaces) -> Iterator[Wire]:
    made = Wire(names, "v0")
    yield made
    made.close()


@pytest.fixture(scope="module")
def other_wire(names: Namespaces) -> Iterator[Wire]:
    made = Wire(names, "v1")
    yield made
    made.close()


@pytest.fixture
def blocker(names: Namespaces, wire: Wire) -> Iterator[NftBlocker]:
    """A fresh table on the wire's interface."""
    with within(names.server):
        opened = NftBlocker()
        assert opened.attach("v0") == "nftables"
        yield opened
        if nfttable.read_names().exists:
            change("delete table netdev aegis")


def change(*script: str) -> None:
    """Change the ruleset as a stranger would."""
    run("nft", "-f", "-", given="\n".join(script))


def passing(wire: Wire, way: str, address: str) -> bool:
    return wire.passes(way, Frames(way).datagram(address))[0]


# --- the matrix


@BOTH_WAYS
@pytest.mark.parametrize("prefixes", [SINGLES, NETS], ids=["single addresses", "prefixes"])
def test_a_frame_of_a_blocked_address_is_dropped(
    wire: Wire, blocker: NftBlocker, way: str, prefixes: tuple[str, ...]
) -> None:
    frames = Frames(way).dropped()
    assert all(wire.passes(way, *frames.values()))
    for number, prefix in enumerate(prefixes, 1):
        blocker.add(prefix, 0, number, ["v0"])
    assert dict(zip(frames, wire.passes(way, *frames.values()), strict=True)) == dict.fromkeys(frames, False)


@BOTH_WAYS
def test_what_keeps_the_network_up_or_cannot_be_parsed_passes(wire: Wire, blocker: NftBlocker, way: str) -> None:
    frames = Frames(way).passed()
    for number, prefix in enumerate((*SINGLES, *NETS), 1):
        blocker.add(prefix, 0, number, ["v0"])
    assert dict(zip(frames, wire.passes(way, *frames.values()), strict=True)) == dict.fromkeys(frames, True)


# --- what always passes


@BOTH_WAYS
@BOTH_FAMILIES
def test_an_allowed_address_passes_inside_a_blocked_prefix(
    wire: Wire, blocker: NftBlocker, way: str, version: int
) -> None:
    spared, neighbour = (BAD4, "203.0.113.10") if version == 4 else (BAD6, "2001:db8::10")
    for number, prefix in enumerate((*SINGLES, *NETS), 1):
        blocker.add(prefix, 0, number, ["v0"])
    blocker.set_allow([BAD4, f"{BAD6}/128"])
    assert (passing(wire, way, spared), passing(wire, way, neighbour)) == (True, False)


def test_the_allow_set_takes_prefixes_that_overlap(wire: Wire, blocker: NftBlocker) -> None:
    blocker.add("203.0.112.0/22", 0, 1, ["v0"])
    blocker.set_allow(["203.0.113.0/24", f"{BAD4}/32", "203.0.113.0/25", "203.0.112.0/24", "::/0", "2001:db8::/32"])
    arrived = [passing(wire, "in", address) for address in (BAD4, "203.0.112.1", "203.0.114.1")]
    assert arrived == [True, True, False]
    blocker.set_allow([])
    assert not passing(wire, "in", BAD4)


@BOTH_WAYS
@BOTH_FAMILIES
def test_a_stale_heart_spares_ssh_from_prefixes_and_nothing_else(
    wire: Wire, blocker: NftBlocker, way: str, version: int
) -> None:
    single, inside_net = (BAD4, "203.0.113.10") if version == 4 else (BAD6, "2001:db8::10")
    make = Frames(way).segment
    blocker.set_ssh_ports([22, 2222])
    for number, prefix in enumerate((*SINGLES, *NETS), 1):
        blocker.add(prefix, 0, number, ["v0"])
    blocker.set_allow([])
    segments = [make(inside_net, 22), make(inside_net, 2222), make(inside_net, 22, 0x88A8, 0x8100)]
    others = [make(inside_net, 80), make(single, 22), Frames(way).datagram(inside_net)]
    assert wire.passes(way, *segments, *others) == [False] * 6
    change("flush set netdev aegis heart")
    assert wire.passes(way, *segments, *others) == [True] * 3 + [False] * 3
    blocker.set_allow([])
    assert wire.passes(way, *segments, *others) == [False] * 6


def test_the_heart_stops_by_itself(blocker: NftBlocker) -> None:
    blocker.set_allow([])
    listed = run("nft", "list", "set", *NETDEV.split(), "heart")
    assert listed.count(f"timeout {HEARTBEAT_S // 60}m expires") == 4


def test_more_ssh_ports_than_there_is_room_for_are_refused(blocker: NftBlocker) -> None:
    with pytest.raises(ValueError, match="at most 8"):
        blocker.set_ssh_ports(range(1, SSH_PORTS + 2))


# --- terms


@BOTH_WAYS
def test_a_deadline_lets_packets_pass_with_no_process_to_see_to_it(
    names: Namespaces, wire: Wire, blocker: NftBlocker, way: str
) -> None:
    code = f"""
import time
from engine.guard.nft import NftBlocker
deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 1_000_000_000
NftBlocker().add("{BAD4}/32", deadline, 1, ["v0"])
print(deadline)
"""
    deadline = int(python_inside(names.server, code))
    dropped = 0
    while not passing(wire, way, BAD4):
        dropped += 1
        assert boot_ns() < deadline + 1_000_000_000
    assert boot_ns() >= deadline - 100_000_000
    assert dropped > 0
    assert blocker.entries() == []


def test_a_permanent_entry_has_no_time_out(blocker: NftBlocker) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert "timeout" not in run("nft", "list", "set", *NETDEV.split(), "in4_32_drop").replace("flags timeout", "")
    assert blocker.entries()[0].deadline_ns == 0


def test_an_entry_whose_deadline_has_passed_drops_nothing(wire: Wire, blocker: NftBlocker) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    blocker.add(f"{BAD4}/32", 1, 1, ["v0"])
    assert passing(wire, "in", BAD4)
    assert blocker.entries() == []


@pytest.mark.parametrize("term_s", [0.5, 3600, 604_800])
def test_a_deadline_is_read_back_as_it_was_asked_for(blocker: NftBlocker, term_s: float) -> None:
    deadline = boot_ns() + int(term_s * 1e9)
    blocker.add(f"{BAD4}/32", deadline, 1, ["v0"])
    assert blocker.entries()[0].deadline_ns == deadline


@pytest.mark.parametrize("term", ["timeout 100s ", "", "timeout 3590s "])
def test_a_time_out_that_is_not_the_deadline_is_told(blocker: NftBlocker, term: str) -> None:
    """A suspended host stops the kernel's time-outs, and a stranger may set another."""
    asked = boot_ns() + HOUR_NS
    blocker.add(f"{BAD4}/32", asked, 7, ["v0"])
    key = f'{NETDEV} in4_32_drop {{ "v0" . 0xcb007109'
    change(f"delete element {key} }}", f'add element {key} {term}comment "7 {asked}" }}')
    found = blocker.entries()[0].deadline_ns
    assert found == 0 if not term else abs(found - asked) > 1e9


# --- nested prefixes, counters, interfaces


@BOTH_FAMILIES
def test_an_expired_prefix_does_not_shadow_a_wider_block(wire: Wire, blocker: NftBlocker, version: int) -> None:
    nested4 = ("203.0.0.0/16", "203.0.113.0/24", "203.0.113.8/29", f"{BAD4}/32")
    nested6 = ("2001::/16", "2001:db8::/64", "2001:db8::/120", f"{BAD6}/128")
    wide, *narrow = nested4 if version == 4 else nested6
    blocker.add(wide, 0, 1, ["v0"])
    for number, prefix in enumerate(narrow, 2):
        blocker.add(prefix, boot_ns() + 30_000_000, number, ["v0"])
    while len(blocker.entries()) > 1:
        pass
    assert not passing(wire, "in", BAD4 if version == 4 else BAD6)


def test_prefixes_of_every_length_stand_beside_each_other(wire: Wire, blocker: NftBlocker) -> None:
    blocker.add_many([Wanted(p, 0, n, ("v0",)) for n, p in enumerate(("203.0.112.0/20", "203.0.113.0/24"), 1)])
    for number, prefix in enumerate(("203.0.112.0/22", "203.0.112.0/23", "203.0.113.8/31"), 3):
        blocker.add(prefix, 0, number, ["v0"])
    assert len(blocker.entries()) == 5
    for prefix in ("203.0.113.8/31", "203.0.113.0/24", "203.0.112.0/23", "203.0.112.0/22"):
        assert not passing(wire, "in", BAD4)
        blocker.remove(prefix)
    assert not passing(wire, "in", BAD4)
    blocker.remove("203.0.112.0/20")
    assert passing(wire, "in", BAD4)


@BOTH_FAMILIES
def test_an_address_is_dropped_when_any_prefix_holds_it(wire: Wire, blocker: NftBlocker, version: int) -> None:
    """The law, on prefixes of every length at random: some drop, some only count, and one allows."""
    dice, width = random.Random(version), nftrules.WIDTH[version]
    base = int(ip_address(BAD4 if version == 4 else BAD6))
    near = [base ^ (1 << dice.randrange(width - 16 if version == 4 else 80)) for _ in range(24)]
    nets = {
        ip_network((value, dice.randint(16 if version == 4 else 48, width)), strict=False): dice.random() < 0.5
        for value in dice.sample(near, 14)
    }
    allowed = ip_network((near[0], width))
    blocker.set_allow([str(allowed)])
    blocker.add_many([Wanted(str(net), 0, n, ("v0",), watch) for n, (net, watch) in enumerate(nets.items(), 1)])
    probes = [ip_address(value) for value in near]
    expected = [
        probe in allowed or not any(probe in net and not watch for net, watch in nets.items()) for probe in probes
    ]
    assert 0 < sum(expected) < len(expected)
    assert wire.passes("in", *[Frames("in").datagram(str(probe)) for probe in probes]) == expected
    assert wire.passes("out", *[Frames("out").datagram(str(probe)) for probe in probes]) == expected


@BOTH_WAYS
def test_a_count_only_entry_counts_and_passes(wire: Wire, blocker: NftBlocker, way: str) -> None:
    blocker.add(f"{BAD4}/32", 0, 7, ["v0"], count_only=True)
    assert passing(wire, way, BAD4)
    [entry] = blocker.entries()
    assert (entry.packets, entry.out_packets) == ((1, 0) if way == "in" else (0, 1))
    assert (entry.entry_id, entry.count_only) == (7, True)


def test_a_count_only_entry_opens_no_hole_in_a_blocked_prefix(wire: Wire, blocker: NftBlocker) -> None:
    blocker.add("203.0.113.0/24", 0, 1, ["v0"])
    blocker.add(f"{BAD4}/32", 0, 2, ["v0"], count_only=True)
    assert not passing(wire, "in", BAD4)
    assert {entry.prefix: entry.packets for entry in blocker.entries()} == {f"{BAD4}/32": 1, "203.0.113.0/24": 1}


def test_a_count_only_entry_becomes_a_block_and_back(wire: Wire, blocker: NftBlocker) -> None:
    arrived = []
    for count_only in (True, False, True):
        blocker.add(f"{BAD4}/32", 0, 1, ["v0"], count_only)
        arrived.append(passing(wire, "in", BAD4))
        assert [entry.count_only for entry in blocker.entries()] == [count_only]
    assert arrived == [True, False, True]


def test_an_entry_tells_what_the_kernel_dropped_in_each_direction(wire: Wire, blocker: NftBlocker) -> None:
    deadline = boot_ns() + HOUR_NS
    blocker.add(f"{BAD6}/128", deadline, 42, ["v0"])
    assert NftBlocker().entries()[0].last_hit_ns == 0
    blocker.entries()
    before = boot_ns()
    wire.passes("in", *[Frames("in").datagram(BAD6)] * 3)
    wire.passes("out", *[Frames("out").datagram(BAD6)] * 2)
    [entry] = blocker.entries()
    size = len(Frames("in").datagram(BAD6))
    assert entry[:3] == (f"{BAD6}/128", deadline, 3)
    assert (entry.bytes, entry.out_packets, entry.out_bytes) == (3 * size, 2, 2 * size)
    assert before < entry.last_hit_ns < boot_ns()
    assert blocker.entries()[0].last_hit_ns == entry.last_hit_ns


def test_another_deadline_keeps_the_counters_and_another_entry_does_not(wire: Wire, blocker: NftBlocker) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    passing(wire, "in", BAD4)
    passing(wire, "out", BAD4)
    blocker.add(f"{BAD4}/32", boot_ns() + HOUR_NS, 1, ["v0"])
    assert (blocker.entries()[0].packets, blocker.entries()[0].out_packets) == (1, 1)
    blocker.add(f"{BAD4}/32", 0, 2, ["v0"])
    assert (blocker.entries()[0].packets, blocker.entries()[0].out_packets) == (0, 0)


@pytest.mark.parametrize("prefix", [*SINGLES, *NETS])
def test_a_removed_prefix_passes_again(wire: Wire, blocker: NftBlocker, prefix: str) -> None:
    address = BAD6 if ":" in prefix else BAD4
    blocker.add(prefix, 0, 1, ["v0"])
    assert [entry.prefix for entry in blocker.entries()] == [prefix]
    assert not passing(wire, "in", address)
    assert (blocker.remove(prefix), blocker.remove(prefix), blocker.entries()) == (True, False, [])
    assert passing(wire, "in", address)


@BOTH_WAYS
def test_a_block_holds_on_its_interfaces_only(wire: Wire, other_wire: Wire, blocker: NftBlocker, way: str) -> None:
    blocker.attach("v1")
    held = {}
    for ifaces in (("v0",), ("v1",), ("v0", "v1"), ()):
        blocker.add(f"{BAD4}/32", 0, 1, ifaces)
        held[ifaces] = (not passing(wire, way, BAD4), not passing(other_wire, way, BAD4))
        assert [entry.ifaces for entry in blocker.entries()] == ([ifaces] if ifaces else [])
    assert held == {iface: ("v0" in iface, "v1" in iface) for iface in held}


def test_an_interface_without_an_attachment_is_refused(blocker: NftBlocker) -> None:
    with pytest.raises(OSError, match=rf"cannot block {BAD4}/32 on v1, v9: nothing is attached there"):
        blocker.add(f"{BAD4}/32", 0, 1, ["v0", "v9", "v1"])
    assert blocker.entries() == []


def test_detaching_ends_the_blocks_there_and_the_last_one_ends_the_table(
    wire: Wire, other_wire: Wire, blocker: NftBlocker
) -> None:
    blocker.attach("v1")
    blocker.add(f"{BAD4}/32", 0, 1, ["v0", "v1"])
    assert (blocker.detach("v0"), blocker.detach("v0")) == (True, False)
    assert (passing(wire, "in", BAD4), passing(other_wire, "in", BAD4)) == (True, False)
    assert (set(blocker.attached()), blocker.entries()[0].ifaces) == ({"v1"}, ("v1",))
    assert blocker.detach("v1")
    assert not nfttable.table_exists()


def test_an_interface_that_comes_back_is_enforced_again(names: Namespaces, blocker: NftBlocker) -> None:
    spare = Wire(names, "v2")
    blocker.attach("v2")
    blocker.add(f"{BAD4}/32", 0, 1, ["v0", "v2"])
    spare.close()
    run("ip", "-n", names.server, "link", "del", "v2")
    inside(names.server, "nft", "delete", "chain", "netdev", "witness", "v2")
    assert set(blocker.attached()) == {"v0"}
    spare = Wire(names, "v2")
    blocker.attach("v2")
    blocker.add(f"{BAD4}/32", 0, 1, ["v0", "v2"])
    assert not passing(spare, "in", BAD4)
    spare.close()
    run("ip", "-n", names.server, "link", "del", "v2")


def test_an_interface_that_is_attached_anew_starts_without_blocks(wire: Wire, blocker: NftBlocker) -> None:
    """Kernels before 6.16 delete the chain of an interface that goes, and leave its elements."""
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    chain = nftrules.base_chain("ingress", "v0")
    change(f"flush chain {NETDEV} {chain}", f"delete chain {NETDEV} {chain}")
    assert blocker.attached() == {}
    blocker.attach("v0")
    assert blocker.entries() == []
    assert passing(wire, "in", BAD4)


def test_a_refused_egress_hook_is_told_and_blocks_hold_inbound(names: Namespaces, wire: Wire) -> None:
    with within(names.server):
        change(*nftrules.create_table(armed=True), f"add chain {NETDEV} {nftrules.base_chain('egress', 'v0')}")
        blocker = NftBlocker()
        blocker.attach("v0")
        found = blocker.attached()["v0"]
        blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
        assert (found.mode, found.egress) == ("nftables", "")
        assert found.fallen_back[0].startswith("cannot hook nftables to outbound packets: ")
        assert (passing(wire, "in", BAD4), passing(wire, "out", BAD4)) == (False, True)
        assert [entry.entry_id for entry in blocker.entries()] == [1]
        change("delete table netdev aegis")


@pytest.mark.parametrize("iface", ["v0*", 'a" b', "", "e" * 16, "gone9"])
def test_what_is_no_interface_is_refused(blocker: NftBlocker, iface: str) -> None:
    with pytest.raises(OSError, match=r"no interface name|No such device"):
        blocker.attach(iface)


# --- strangers


@pytest.mark.parametrize(
    "flush",
    [
        ["delete table netdev aegis"],
        ["flush table netdev aegis"],
        ["flush chain netdev aegis in4"],
        ["add table netdev aegis { flags dormant; }"],
        [f"flush chain netdev aegis ingress_{b'v0'.hex()}"],
        [f"flush chain netdev aegis egress_{b'v0'.hex()}", f"delete chain netdev aegis egress_{b'v0'.hex()}"],
    ],
    ids=["table deleted", "rules flushed", "one chain flushed", "dormant", "hook flushed", "egress hook deleted"],
)
def test_what_a_stranger_flushed_is_seen_and_put_back(wire: Wire, blocker: NftBlocker, flush: list[str]) -> None:
    blocker.set_allow(["203.0.113.77"])
    blocker.set_ssh_ports([22, 2222])
    blocker.add("203.0.113.0/24", 0, 1, ["v0"])
    change(*flush)
    blocker.entries()
    assert blocker.attached() == {}
    blocker.attach("v0")
    blocker.add("203.0.113.0/24", 0, 1, ["v0"])
    assert blocker.attached() == {"v0": Attached("nftables", "nftables")}
    spared = [passing(wire, "in", address) for address in (BAD4, "203.0.113.77")]
    assert (spared, passing(wire, "out", BAD4)) == ([False, True], False)
    assert "0x8ae" in run("nft", "list", "set", *NETDEV.split(), "ssh")


def test_elements_that_a_stranger_flushed_are_missing(wire: Wire, blocker: NftBlocker) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    change("flush set netdev aegis out4_32_drop")
    assert [entry.entry_id for entry in blocker.entries()] == [CONTRADICTION]
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert [entry.entry_id for entry in blocker.entries()] == [1]
    change("flush set netdev aegis out4_32_drop", "flush set netdev aegis in4_32_drop")
    assert blocker.entries() == []


@pytest.mark.parametrize(
    "made", ["set other { type ipv4_addr; }", "set layout_99 { type ether_type; }", "chain in4 { }"]
)
def test_a_table_of_somebody_else_is_refused(names: Namespaces, wire: Wire, made: str) -> None:
    with within(names.server):
        change(f"table netdev aegis {{ {made}\n }}")
        with pytest.raises(OSError, match=r"cannot use the nftables table netdev aegis: it (was made|has layout_99)"):
            NftBlocker()
        change("delete table netdev aegis")


def test_a_hook_that_a_stranger_added_to_the_table_is_not_taken_for_ours(blocker: NftBlocker) -> None:
    change("add chain netdev aegis theirs { type filter hook ingress device v0 priority 0; }")
    blocker.entries()
    assert set(blocker.attached()) == {"v0"}
    chain = nftrules.base_chain("ingress", "v0")
    change(f"flush chain {NETDEV} {chain}", f"delete chain {NETDEV} {chain}")
    blocker.entries()
    assert blocker.attached() == {}


def test_a_set_too_small_for_a_block_is_told_in_the_words_of_nft(blocker: NftBlocker) -> None:
    change("add set netdev aegis in4_32_drop { typeof iifname . @nh,96,32; size 1; flags timeout; counter; }")
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    with pytest.raises(OSError, match=r"cannot block 203.0.113.10/32: Too many open files in system"):
        blocker.add("203.0.113.10/32", 0, 2, ["v0"])
    assert [entry.prefix for entry in blocker.entries()] == [f"{BAD4}/32"]


def test_tables_of_others_are_left_alone(blocker: NftBlocker) -> None:
    stranger = 'table netdev other { set in4_32_drop { typeof iifname . @nh,96,32\n elements = { "v0" . 0x1 }\n }\n }'
    change(stranger)
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert [entry.prefix for entry in blocker.entries()] == [f"{BAD4}/32"]
    nfttable.halt_table()
    assert "0x1 " in run("nft", "list", "table", "netdev", "other")
    change("delete table netdev other")


# --- the halt


def test_halted_passes_everything_and_refuses_blocks_until_resumed(wire: Wire, blocker: NftBlocker) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    blocker.add("203.0.113.0/24", 0, 2, ["v0"])
    assert nfttable.halt_table() == 2
    assert (passing(wire, "in", BAD4), passing(wire, "out", BAD4)) == (True, True)
    assert NftBlocker().halted
    for attempt in range(2):
        with pytest.raises(PermissionError, match="blocking is halted until a person resumes it"):
            NftBlocker().add(f"{BAD4}/32", 0, 1, ["v0"] if attempt else [])
        blocker.attach("v0")
    assert passing(wire, "in", BAD4)
    blocker.resume()
    assert not NftBlocker().halted
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert not passing(wire, "in", BAD4)


def test_a_halt_takes_effect_before_the_blocks_are_counted(
    wire: Wire, blocker: NftBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = []

    def counting() -> nftrules.Ruleset:
        passed.extend([passing(wire, "in", BAD4), passing(wire, "out", BAD4), NftBlocker().halted])
        raise TimeoutError("nft did not answer")

    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    monkeypatch.setattr(nfttable, "read_table", counting)
    with pytest.raises(TimeoutError):
        nfttable.halt_table()
    monkeypatch.undo()
    assert passed == [True, True, True]
    assert (blocker.entries(), blocker.halted, passing(wire, "in", BAD4)) == ([], True, True)


def test_a_halt_in_the_middle_of_a_write_wins(wire: Wire, blocker: NftBlocker, monkeypatch: pytest.MonkeyPatch) -> None:
    write = nfttable.run_nft

    def panicking(script: list[str], doing: str, *options: str) -> str:
        monkeypatch.setattr(nft, "run_nft", write)
        nfttable.halt_table()
        NftBlocker().attach("v0")
        write(nftrules.create_sets(nftrules.places(f"{BAD4}/32", count_only=False)), doing)
        return write(script, doing, *options)

    blocker.add("203.0.113.10/32", 0, 1, ["v0"])
    monkeypatch.setattr(nft, "run_nft", panicking)
    with pytest.raises(PermissionError, match="halted"):
        blocker.add(f"{BAD4}/32", 0, 2, ["v0"])
    assert blocker.entries() == []


def test_a_halt_that_was_seen_outlives_a_foreign_flush(blocker: NftBlocker) -> None:
    nfttable.halt_table()
    assert NftBlocker().halted
    blocker.attach("v0")
    with pytest.raises(PermissionError):
        blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    change("delete table netdev aegis")
    with pytest.raises(PermissionError):
        blocker.add(f"{BAD4}/32", 0, 1, [])
    blocker.attach("v0")
    with pytest.raises(PermissionError):
        blocker.add(f"{BAD4}/32", 0, 1, ["v0"])


# --- size, and failures of nft


def test_ten_thousand_entries_are_written_and_listed(wire: Wire, blocker: NftBlocker) -> None:
    deadline = boot_ns() + HOUR_NS
    many = [Wanted(f"10.{n >> 8}.{n & 255}.1/32", deadline, n + 1, ("v0",)) for n in range(10_000)]
    blocker.add_many(many)
    found = blocker.entries()
    assert [entry.entry_id for entry in sorted(found, key=lambda entry: entry.entry_id)] == list(range(1, 10_001))
    assert {entry.deadline_ns for entry in found} == {deadline}
    assert (passing(wire, "in", "10.39.15.1"), passing(wire, "in", "10.39.16.1")) == (False, True)
    blocker.add(f"{BAD4}/32", 0, 99_999, ["v0"])
    assert nfttable.halt_table() == 10_001


def test_one_block_among_many_is_removed_without_reading_them(
    wire: Wire, blocker: NftBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    blocker.add("203.0.113.10/32", 0, 2, ["v0"])
    blocker.entries()
    monkeypatch.setattr(nft, "read_table", lambda: pytest.fail("the whole table was read"))
    monkeypatch.setattr(nft, "read", lambda *_, **__: pytest.fail("a whole set was read"))
    removed = [blocker.remove(prefix) for prefix in (f"{BAD4}/32", f"{BAD4}/32", "203.0.113.77/32", "10.0.0.0/9")]
    monkeypatch.undo()
    assert removed == [True, False, False, False]
    assert passing(wire, "in", BAD4)
    assert passing(wire, "out", BAD4)
    assert [entry.prefix for entry in blocker.entries()] == ["203.0.113.10/32"]


def test_a_block_that_somebody_puts_back_while_it_is_removed_is_told(
    blocker: NftBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocker.add(f"{BAD4}/32", 0, 1, ["v0"])
    write = nfttable.run_nft

    def adding(script: list[str], doing: str, *options: str) -> str:
        said = write(script, doing, *options)
        if script[0].startswith("delete element"):
            write([script[0].replace("delete", "add", 1)], doing)
        return said

    monkeypatch.setattr(nfttable, "run_nft", adding)
    with pytest.raises(OSError, match="somebody else puts it back"):
        blocker.remove(f"{BAD4}/32")


def test_a_missing_nft_says_which_package_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nfttable, "_FOLDERS", "/nowhere")
    with pytest.raises(OSError, match=r"the program nft is missing \(package nftables\)"):
        NftBlocker()


def test_an_nft_that_does_not_answer_is_given_up(names: Namespaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nfttable, "_LIMIT_S", 0.0001)
    with within(names.server), pytest.raises(TimeoutError, match="nft did not answer within"):
        NftBlocker()


def test_without_privileges_nft_tells_why(names: Namespaces) -> None:
    code = "from engine.guard.nft import NftBlocker\ntry:\n NftBlocker()\nexcept OSError as error:\n print(error)"
    said = inside(names.server, "setpriv", "--bounding-set=-net_admin", sys.executable, "-c", code)
    assert "Operation not permitted" in said


@pytest.mark.parametrize("prefix", ["203.0.113.9/24", "example.org", '203.0.113.9" }; flush ruleset', ""])
def test_what_is_no_prefix_is_refused(blocker: NftBlocker, prefix: str) -> None:
    with pytest.raises(ValueError, match=r"host bits set|does not appear to be"):
        blocker.add(prefix, 0, 1, ["v0"])


# --- reading


def test_spans_of_every_unit_are_read() -> None:
    listed = '"v0" . 0xcb007109 expires 1w2d3h4m5s6ms comment "1 9"'
    text = f"table netdev aegis {{\n\tset in4_32_drop {{\n\t\telements = {{ {listed} }}\n\t}}\n}}\n"
    [element] = nftrules.parse(text, (0, 0)).elements
    assert element.due_ns == (((9 * 24 + 3) * 60 + 4) * 60 + 5) * 10**9 + 6 * 10**6
    assert (element.prefix, element.packets, element.entry_id, element.deadline_ns) == (f"{BAD4}/32", 0, 1, 9)
