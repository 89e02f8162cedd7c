"""Tests of panic-unblock: both back ends are emptied and halted with nothing but the kernel."""

from __future__ import annotations

import os
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.guard import bpf, halt, nfttable
from engine.guard.ladder import Ladder, open_blocker
from engine.guard.nft import NftBlocker
from engine.guard.panic import panic
from engine.guard.xdp import XdpBlocker
from tests.engine.guard.drops import BAD4, NETS, SINGLES, Frames, Namespaces, Wire, run, within

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces, BPF and nftables"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs the nft program"),
]

PINS = bpf.BPFFS / f"aegis-nfp-{os.getpid()}"


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire whose server end this thread stands at."""
    names = Namespaces("nfp")
    made = Wire(names, "v0")
    with within(names.server):
        yield made
    made.close()
    names.close()
    shutil.rmtree(PINS, ignore_errors=True)


def passing(wire: Wire) -> list[bool]:
    return [wire.passes(way, Frames(way).datagram(BAD4))[0] for way in ("in", "out")]


def test_both_back_ends_are_emptied_and_stay_halted(wire: Wire) -> None:
    with XdpBlocker(PINS) as xdp:
        xdp.attach("v0")
        for prefix in (*SINGLES, *NETS):
            xdp.add(prefix, 0, 1, ["v0"])
    by_nft = NftBlocker()
    by_nft.attach("v0")
    for prefix in (*SINGLES, *NETS):
        by_nft.add(prefix, 0, 1, ["v0"])
    assert panic(PINS) == 8
    assert passing(wire) == [True, True]
    assert open_blocker(PINS).halted
    assert panic(PINS) == 0
    with XdpBlocker(PINS) as xdp:
        xdp.detach("v0")


@pytest.mark.parametrize("back_end", ["maps", "table"])
def test_a_halt_outlives_a_reboot_until_a_person_ends_it(wire: Wire, tmp_path: Path, back_end: str) -> None:
    def no_xdp() -> XdpBlocker:
        raise OSError("no XDP here")

    def opened() -> Ladder:
        return open_blocker(PINS, state=tmp_path) if back_end == "maps" else Ladder(no_xdp, state=tmp_path)

    before = opened()
    before.attach("v0")
    before.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert panic(PINS, tmp_path) == 1
    before.close()
    shutil.rmtree(PINS, ignore_errors=True)
    if back_end == "table":
        run("nft", "delete", "table", "netdev", "aegis")
    after = opened()
    after.attach("v0")
    assert after.halted
    with pytest.raises(PermissionError, match="halted"):
        after.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert passing(wire) == [True, True]
    after.resume()
    assert (after.halted, list(tmp_path.iterdir())) == (False, [])
    after.add(f"{BAD4}/32", 0, 1, ["v0"])
    assert passing(wire) == [False, False]
    after.detach("v0")
    after.close()


def test_the_mark_of_a_halt_is_roots_alone_and_left_even_where_nothing_is_blocked(wire: Wire, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        panic(PINS, tmp_path)
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("halted", 0o600)]


def test_a_mark_that_cannot_be_left_does_not_fail_the_panic(wire: Wire, tmp_path: Path) -> None:
    blocker = NftBlocker()
    blocker.attach("v0")
    blocker.add(NETS[0], 0, 1, ["v0"])
    assert panic(PINS, tmp_path / "missing") == 1
    assert not halt.is_marked(tmp_path / "missing")


def test_a_table_alone_is_enough(wire: Wire) -> None:
    blocker = NftBlocker()
    blocker.attach("v0")
    blocker.add(NETS[0], 0, 1, ["v0"])
    assert passing(wire) == [False, False]
    assert panic(PINS) == 1
    assert passing(wire) == [True, True]
    assert NftBlocker().halted


def test_maps_alone_are_enough_and_no_table_is_made(wire: Wire) -> None:
    with XdpBlocker(PINS) as xdp:
        xdp.attach("v0")
        xdp.add(NETS[0], 0, 1, ["v0"])
        assert panic(PINS) == 1
        assert (xdp.halted, nfttable.read_names().exists) == (True, False)
        xdp.detach("v0")


def test_nothing_in_the_kernel_is_told_apart_from_nothing_blocked(wire: Wire) -> None:
    with pytest.raises(FileNotFoundError, match="neither maps"):
        panic(PINS)


def test_a_missing_nft_does_not_keep_the_maps_from_being_emptied(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    with XdpBlocker(PINS) as xdp:
        xdp.attach("v0")
        xdp.add(NETS[0], 0, 1, ["v0"])
        monkeypatch.setattr(nfttable, "_FOLDERS", "/nowhere")
        assert panic(PINS) == 1
        xdp.detach("v0")


def test_maps_that_cannot_be_emptied_do_not_keep_the_table_from_it(wire: Wire) -> None:
    PINS.mkdir(mode=0o755)
    PINS.chmod(0o755)
    blocker = NftBlocker()
    blocker.attach("v0")
    blocker.add(NETS[0], 0, 1, ["v0"])
    with pytest.raises(OSError, match="cannot trust"):
        panic(PINS)
    assert passing(wire) == [True, True]
    assert NftBlocker().halted


@pytest.mark.parametrize("back_end", ["maps", "table"])
def test_another_layout_is_emptied_too(wire: Wire, back_end: str) -> None:
    if back_end == "maps":
        with XdpBlocker(PINS) as xdp:
            xdp.attach("v0")
            xdp.add(NETS[0], 0, 1, ["v0"])
            state = bpf.Map(PINS / "aegis_state")
            state.put(struct.pack("=I", 0), struct.pack("=I", 99))
            state.close()
            assert panic(PINS) == 1
            xdp.detach("v0")
        return
    blocker = NftBlocker()
    blocker.attach("v0")
    blocker.add(NETS[0], 0, 1, ["v0"])
    run("nft", "delete", "set", "netdev", "aegis", "layout_1")
    run("nft", "add", "set", "netdev", "aegis", "layout_99", "{ type ether_type; }")
    assert panic(PINS) == 1
    assert passing(wire) == [True, True]


def test_a_table_of_somebody_else_is_left_alone(wire: Wire) -> None:
    run("nft", "add", "table", "netdev", "aegis")
    run("nft", "add", "set", "netdev", "aegis", "theirs", "{ type ether_type; }")
    with pytest.raises(FileNotFoundError):
        panic(PINS)
    assert "theirs" in run("nft", "list", "sets", "netdev")


def test_panic_needs_neither_a_database_nor_a_guard(wire: Wire) -> None:
    blocker = NftBlocker()
    blocker.attach("v0")
    blocker.add(NETS[0], 0, 1, ["v0"])
    code = f"""
import sys
from pathlib import Path
from engine.guard.panic import panic
print(panic(Path({str(PINS)!r})), sorted(name for name in sys.modules if name in ("sqlite3", "engine.guard.guard")))
"""
    assert run(sys.executable, "-c", code) == "1 []"


def test_a_panic_that_may_not_change_nftables_says_so(wire: Wire) -> None:
    NftBlocker().attach("v0")
    code = f"""
from pathlib import Path
from engine.guard.panic import panic
try:
    panic(Path({str(PINS)!r}))
except OSError as error:
    print(type(error).__name__, error)
"""
    said = run("setpriv", "--bounding-set=-net_admin", sys.executable, "-c", code)
    assert said.startswith("OSError")
    assert "Operation not permitted" in said
