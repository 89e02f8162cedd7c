"""Tests of the ladder from XDP to nftables: every refusal is the kernel's own."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engine.guard import bpf, nfttable, xdp
from engine.guard.blocker import Wanted
from engine.guard.ladder import Ladder, open_blocker
from engine.guard.nft import CONTRADICTION, NftBlocker
from engine.guard.panic import panic
from tests.engine.guard.drops import BAD4, NETS, SINGLES, Frames, Namespaces, Wire, boot_ns, inside, run, within

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces, BPF and nftables"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs the nft program"),
]

PINS = bpf.BPFFS / f"aegis-nf-{os.getpid()}"
HOUR_NS = 3_600_000_000_000
RETURN_PASS = struct.pack("=QQ", 0x02_0000_00B7, 0x95)


@pytest.fixture(scope="module")
def names() -> Iterator[Namespaces]:
    made = Namespaces("nfl")
    yield made
    made.close()


@pytest.fixture
def wires(names: Namespaces) -> Iterator[tuple[Wire, Wire]]:
    """Fresh interfaces v0 and v1, without anything attached."""
    made = Wire(names, "v0"), Wire(names, "v1")
    yield made
    for iface, wire in zip(("v0", "v1"), made, strict=True):
        wire.close()
        run("ip", "-n", names.server, "link", "del", iface)
    inside(names.server, "nft", "flush", "ruleset")


@pytest.fixture
def pins() -> Iterator[Path]:
    yield PINS
    shutil.rmtree(PINS, ignore_errors=True)


@pytest.fixture
def stranger(names: Namespaces, wires: tuple[Wire, Wire]) -> Iterator[int]:
    """A program of somebody else on v0; a link that ends when it is closed."""
    with within(names.server):
        program = bpf.load_instructions(RETURN_PASS, "krn_stranger")
        link = bpf.attach_xdp(program, socket.if_nametoindex("v0"), bpf.XdpMode.NATIVE, "v0")
        yield link
    os.close(program)


@pytest.fixture
def ladder(names: Namespaces, wires: tuple[Wire, Wire], pins: Path) -> Iterator[Ladder]:
    with within(names.server):
        opened = open_blocker(pins)
        opened.set_allow([])
        yield opened
        for iface in ("v0", "v1"):
            opened.detach(iface)
        opened.close()


def passing(wire: Wire, address: str = BAD4) -> list[bool]:
    return [wire.passes(way, Frames(way).datagram(address))[0] for way in ("in", "out")]


def test_an_interface_that_takes_xdp_gets_it_and_no_table_is_made(wires: tuple[Wire, Wire], ladder: Ladder) -> None:
    assert ladder.attach("v0") == "native"
    assert ladder.attached()["v0"].fallen_back == ()
    ladder.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert wires[0].passes("in", Frames("in").datagram(BAD4)) == [False]
    assert not nfttable.read_names().exists


def test_a_program_of_somebody_else_stays_and_its_interface_falls_to_nftables(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder
) -> None:
    assert (ladder.attach("v0", on_trial=True), ladder.attach("v1")) == ("nftables", "native")
    found = ladder.attached()
    assert "program krn_stranger" in found["v0"].fallen_back[0]
    assert (found["v0"].mode, found["v0"].egress, found["v0"].on_trial) == ("nftables", "nftables", False)
    assert found["v1"].mode == "native"
    ladder.add(f"{BAD4}/32", 0, 1, ["v0", "v1"])
    assert [passing(wire)[0] for wire in wires] == [False, False]
    assert bpf.attached_xdp(socket.if_nametoindex("v0"), "v0")


@pytest.mark.parametrize("iface", ["v0", "v1"])
def test_a_block_never_reaches_over_to_the_other_back_end(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder, iface: str
) -> None:
    for each in ("v0", "v1"):
        ladder.attach(each)
    for ifaces in (["v0", "v1"], [iface]):
        ladder.add(f"{BAD4}/32", 0, 1, ifaces)
        assert [entry.ifaces for entry in ladder.entries()] == [tuple(ifaces)]
        assert [passing(wire)[0] for wire in wires] == ["v0" not in ifaces, "v1" not in ifaces]
    assert (ladder.remove(f"{BAD4}/32"), ladder.remove(f"{BAD4}/32"), ladder.entries()) == (True, False, [])
    assert [passing(wire)[0] for wire in wires] == [True, True]


def test_one_entry_tells_what_both_back_ends_hold(wires: tuple[Wire, Wire], stranger: int, ladder: Ladder) -> None:
    for iface in ("v0", "v1"):
        ladder.attach(iface)
    deadline = boot_ns() + HOUR_NS
    ladder.add(f"{BAD4}/32", deadline, 9, ["v0", "v1"])
    for wire in wires:
        wire.passes("in", Frames("in").datagram(BAD4))
    [entry] = ladder.entries()
    assert (entry.deadline_ns, entry.packets, entry.entry_id) == (deadline, 2, 9)
    run("nft", "flush", "set", "netdev", "aegis", "in4_32_drop")
    assert [found.entry_id for found in ladder.entries()] == [CONTRADICTION]
    ladder.add(f"{BAD4}/32", deadline, 9, ["v0", "v1"])
    assert [found.entry_id for found in ladder.entries()] == [9]


def test_an_interface_on_nftables_stays_there_while_something_is_blocked_on_it(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder, pins: Path
) -> None:
    ladder.attach("v0")
    os.close(stranger)
    assert ladder.attach("v0") == "nftables"
    ladder.add(f"{BAD4}/32", 0, 1, ["v0"])
    started_anew = open_blocker(pins)
    assert started_anew.attach("v0") == "nftables"
    assert "since an earlier start" in started_anew.attached()["v0"].fallen_back[0]
    assert passing(wires[0]) == [False, False]
    started_anew.close()


def test_an_interface_that_nothing_is_blocked_on_gets_xdp_when_a_guard_starts_anew(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder, pins: Path
) -> None:
    ladder.attach("v0")
    refused_again = open_blocker(pins)
    assert refused_again.attach("v0") == "nftables"
    assert "program krn_stranger" in refused_again.attached()["v0"].fallen_back[0]
    refused_again.close()
    os.close(stranger)
    started_anew = open_blocker(pins)
    assert started_anew.attach("v0", on_trial=True) == "native"
    assert started_anew.attached()["v0"].fallen_back == ()
    assert not nfttable.read_names().exists
    started_anew.close()


def test_an_interface_that_was_detached_from_nftables_gets_xdp(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder
) -> None:
    ladder.attach("v0")
    os.close(stranger)
    assert ladder.detach("v0")
    assert ladder.attach("v0") == "native"


def test_where_the_kernel_refuses_bpf_everything_is_nftables(
    names: Namespaces, wires: tuple[Wire, Wire], pins: Path
) -> None:
    code = f"""
from pathlib import Path
from engine.guard.ladder import open_blocker
ladder = open_blocker(Path({str(pins)!r}))
print(ladder.attach("v0", on_trial=True), "; ".join(ladder.attached()["v0"].fallen_back))
for number, prefix in enumerate({SINGLES + NETS!r}, 1):
    ladder.add(prefix, 0, number, ["v0"])
print(len(ladder.entries()), ladder.halted)
"""
    dropped = "--bounding-set=-bpf,-sys_admin,-perfmon"
    said = inside(names.server, "setpriv", dropped, sys.executable, "-c", code).splitlines()
    assert said[0].startswith("nftables cannot load")
    assert "Operation not permitted" in said[0]
    assert said[1] == "4 False"
    for way in ("in", "out"):
        frames = Frames(way)
        assert not any(wires[0].passes(way, *frames.dropped().values()))
        assert all(wires[0].passes(way, *frames.passed().values()))
    assert passing(wires[1]) == [True, True]


def test_a_missing_bpf_file_system_leaves_nftables(names: Namespaces, wires: tuple[Wire, Wire], tmp_path: Path) -> None:
    with within(names.server):
        ladder = open_blocker(tmp_path / "aegis")
        assert ladder.attach("v0") == "nftables"
        assert "bpffs is not mounted" in ladder.attached()["v0"].fallen_back[0]
        ladder.add(f"{BAD4}/32", 0, 1, ["v0"])
        assert passing(wires[0]) == [False, False]


def test_an_interface_without_ethernet_headers_falls_to_nftables(names: Namespaces, ladder: Ladder) -> None:
    run("ip", "tuntap", "add", "nftun", "mode", "tun")
    assert ladder.attach("nftun") == "nftables"
    assert "no Ethernet header" in ladder.attached()["nftun"].fallen_back[0]
    run("ip", "link", "del", "nftun")


def test_an_interface_that_is_not_there_is_refused_by_both(ladder: Ladder) -> None:
    with pytest.raises(OSError, match=r"attach XDP to gone9: .*; cannot attach nftables to gone9: No such device"):
        ladder.attach("gone9")


def test_a_block_where_nothing_is_attached_is_refused_before_anything_is_written(stranger: int, ladder: Ladder) -> None:
    ladder.attach("v1")
    with pytest.raises(OSError, match=rf"cannot block {BAD4}/32 on v0: nothing is attached there"):
        ladder.add(f"{BAD4}/32", 0, 1, ["v0", "v1"])
    assert ladder.entries() == []


def test_maps_that_cannot_be_opened_are_not_passed_over(names: Namespaces, ladder: Ladder, pins: Path) -> None:
    """What they drop cannot be told, nor whether a panic halted them."""
    state = bpf.Map(pins / "aegis_state")
    layout = state.get(struct.pack("=I", 0))
    assert layout is not None
    state.put(struct.pack("=I", 0), struct.pack("=I", 99))
    with pytest.raises(OSError, match="layout 99"):
        open_blocker(pins)
    state.put(struct.pack("=I", 0), layout)
    state.close()


def test_a_table_that_outlived_the_guard_is_opened_again(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder, pins: Path
) -> None:
    ladder.attach("v0")
    ladder.add(f"{BAD4}/32", 0, 5, ["v0"])
    ladder.close()
    again = open_blocker(pins)
    assert [(entry.prefix, entry.entry_id, entry.ifaces) for entry in again.entries()] == [(f"{BAD4}/32", 5, ("v0",))]
    assert "v0" in again.attached()
    again.set_allow([BAD4])
    assert passing(wires[0]) == [True, True]


def test_a_halt_of_either_holds_both_back_until_a_person_resumes(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder, pins: Path
) -> None:
    for iface in ("v0", "v1"):
        ladder.attach(iface)
    ladder.add(f"{BAD4}/32", 0, 1, ["v0", "v1"])
    assert panic(pins) == 2
    for ifaces in (["v0"], ["v1"], []):
        with pytest.raises(PermissionError, match="halted"):
            open_blocker(pins).add(f"{BAD4}/32", 0, 1, ifaces)
    assert [passing(wire)[0] for wire in wires] == [True, True]
    again = open_blocker(pins)
    again.resume()
    assert not again.halted
    for iface in ("v0", "v1"):
        again.attach(iface)
    again.add(f"{BAD4}/32", 0, 1, ["v0", "v1"])
    assert [passing(wire)[0] for wire in wires] == [False, False]


def test_a_halt_of_the_maps_alone_holds_nftables_back(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder, pins: Path
) -> None:
    assert panic(pins) == 0
    ladder.attach("v0")
    with pytest.raises(PermissionError, match="halted"):
        ladder.add(f"{BAD4}/32", 0, 1, ["v0"])


def test_a_panic_between_the_maps_and_nftables_takes_back_what_nftables_got(
    wires: tuple[Wire, Wire], stranger: int, pins: Path, names: Namespaces
) -> None:
    class Overtaken(NftBlocker):
        """Has the maps halted, without a look at nftables, while it writes."""

        def add_many(self, wanted: Sequence[Wanted]) -> None:
            super().add_many(wanted)
            xdp.panic(pins)

    with within(names.server):
        ladder = Ladder(lambda: xdp.XdpBlocker(pins), Overtaken)
        ladder.attach("v0")
        with pytest.raises(PermissionError, match="halted"):
            ladder.add(f"{BAD4}/32", 0, 1, ["v0"])
        assert ladder.entries() == []
        assert passing(wires[0]) == [True, True]
        ladder.close()


def test_nftables_opened_late_knows_what_must_always_pass(
    wires: tuple[Wire, Wire], stranger: int, ladder: Ladder
) -> None:
    ladder.set_ssh_ports([22, 2222])
    ladder.set_allow([BAD4])
    ladder.attach("v0")
    ladder.add(NETS[0], 0, 1, ["v0"])
    assert passing(wires[0]) == [True, True]
    assert passing(wires[0], "203.0.113.10") == [False, False]
    assert "0x8ae" in run("nft", "list", "set", "netdev", "aegis", "ssh")


def test_many_blocks_come_and_go_over_both_back_ends(wires: tuple[Wire, Wire], stranger: int, ladder: Ladder) -> None:
    for iface in ("v0", "v1"):
        ladder.attach(iface)
    many = [Wanted(f"10.0.{n >> 8}.{n & 255}/32", 0, n + 1, ("v0", "v1")) for n in range(500)]
    ladder.add_many(many)
    found = {entry.prefix: (entry.entry_id, entry.ifaces) for entry in ladder.entries()}
    assert found == {one.prefix: (one.entry_id, one.ifaces) for one in many}
    assert ladder.remove_many([one.prefix for one in many]) == 500
    assert ladder.entries() == []


def test_one_entry_is_read_as_the_whole_listing_has_it(wires: tuple[Wire, Wire], stranger: int, ladder: Ladder) -> None:
    for iface in ("v0", "v1"):
        ladder.attach(iface)
    prefixes = (*SINGLES, *NETS)
    for number, prefix in enumerate(prefixes, 1):
        ladder.add(prefix, boot_ns() + HOUR_NS, number, ["v0", "v1"][: 1 + number % 2])
    every = {entry.prefix: entry for entry in ladder.entries()}
    assert every.keys() == set(prefixes)
    for prefix in prefixes:
        found = ladder.entry(prefix)
        assert found is not None
        assert (found.prefix, found.entry_id, found.ifaces) == (prefix, every[prefix].entry_id, every[prefix].ifaces)
    assert ladder.entry("198.18.255.1/32") is None


def test_the_blockers_read_one_entry_without_reading_them_all() -> None:
    assert all(hasattr(blocker, "entry") for blocker in (Ladder, xdp.XdpBlocker, NftBlocker))
