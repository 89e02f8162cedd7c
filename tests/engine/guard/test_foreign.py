"""What foreign hands do to the kernel behind a guard's back is healed within 10 s and said; and what needs no guard."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from engine.guard import bpf, nfttable
from engine.guard.client import GuardClient
from engine.guard.nft import NftBlocker
from engine.types import BlockState
from tests.engine.guard.drops import inside, run, within
from tests.engine.guard.host import (
    BAD,
    MANAGEMENT_PORT,
    MANAGER,
    OTHER,
    SHORT_TRIAL,
    Host,
    block,
    boot_ns,
    kill,
    opened,
    until,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(
        not (shutil.which("bpftool") and shutil.which("nft")), reason="needs the programs bpftool and nft"
    ),
]

HEALED_S = 10.0
WIDE, STRANGE = "203.0.113.64/26", "198.18.9.9/32"
INSIDE_WIDE = MANAGER
PASS = struct.pack("=QQ", 0x02_0000_00B7, 0x95)
"""A program of a stranger that lets everything pass."""


@pytest.fixture(params=["xdp", "nftables"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """A host where XDP can be attached, and one where a stranger is there already."""
    made = Host(tmp_path)
    stranger = occupy(made) if request.param == "nftables" else -1
    try:
        yield made
    finally:
        made.close()
        if stranger >= 0:
            os.close(stranger)


def occupy(host: Host) -> int:
    """Attach a stranger's XDP program and return the link that holds it."""
    with within(host.server):
        program = bpf.load_instructions(PASS, "stranger")
        link = bpf.attach_xdp(program, socket.if_nametoindex("eth0"), bpf.XdpMode.NATIVE, "eth0")
    os.close(program)
    return link


def is_cut(host: Host, address: str = BAD) -> bool:
    """Whether nothing goes through, either way; fails where it is one way only."""
    ways = host.arrives(address), host.leaves(address)
    assert ways[0] is ways[1]
    return not ways[0]


# --- with all our processes dead


def test_a_block_ends_at_its_deadline_with_all_our_processes_dead(host: Host) -> None:
    guard = host.start()
    standing = block(guard, ttl_s=2.0)
    ends = boot_ns() + int(standing.remaining_s * 1e9)
    kill(guard)
    assert (is_cut(host), is_cut(host, OTHER)) == (True, False)
    until(lambda: not is_cut(host))
    assert -0.05 < (boot_ns() - ends) / 1e9 < 1


def test_a_block_on_trial_reverts_with_all_our_processes_dead(host: Host) -> None:
    host.manage()
    guard = host.start(f"--management-port={MANAGEMENT_PORT}", **SHORT_TRIAL)
    standing = block(guard, f"{MANAGER}/32")
    ends = boot_ns() + int(standing.keep_within_s * 1e9)
    kill(guard)
    assert (0 < standing.keep_within_s <= 2, is_cut(host, MANAGER)) == (True, True)
    until(lambda: not is_cut(host, MANAGER))
    assert -0.05 < (boot_ns() - ends) / 1e9 < 1


def test_a_kept_attachment_stays_and_one_on_trial_goes_with_our_processes(tmp_path: Path) -> None:
    host = Host(tmp_path)
    try:
        guard = host.start()
        block(guard)
        guard.attach(["eth1"])
        modes = {each.iface: each.keep_within_s > 0 for each in guard.hello().attached}
        kill(guard)
        until(lambda: not attached(host, "eth1"))
        assert modes == {"eth0": False, "eth1": True}
        assert (attached(host, "eth0"), is_cut(host)) == (True, True)
    finally:
        host.close()


def test_an_attachment_to_nftables_was_never_on_trial(tmp_path: Path) -> None:
    host = Host(tmp_path)
    stranger = occupy(host)
    try:
        welcome = host.start().hello()
        assert [(each.mode, each.keep_within_s) for each in welcome.attached] == [("nftables", 0)]
        assert any("program stranger" in why for why in welcome.degraded)
        host.end()
        with within(host.server):
            assert nfttable.table_exists()
    finally:
        host.close()
        os.close(stranger)


def test_a_guard_that_starts_anew_goes_back_to_xdp_once_nothing_is_blocked(tmp_path: Path) -> None:
    host = Host(tmp_path)
    stranger = occupy(host)
    modes: list[str] = []

    def start_anew() -> GuardClient:
        host.end()
        guard = host.start()
        modes.extend(each.mode for each in guard.hello().attached)
        return guard

    try:
        block(start_anew())
        os.close(stranger)
        start_anew().remove(f"{BAD}/32")
        attachments = [entry for entry in start_anew().audit() if entry.kind == "attach"]
    finally:
        host.close()
    assert modes == ["nftables", "nftables", "native"]
    assert len(attachments) == 2


def attached(host: Host, iface: str) -> bool:
    with within(host.server):
        return bool(bpf.attached_xdp(socket.if_nametoindex(iface), iface))


# --- foreign hands


class Wronged:
    """A guard whose kernel state foreign hands changed, and what was seen until it was right again."""

    def __init__(self, host: Host) -> None:
        self.host, self.guard = host, host.start()
        for prefix in (f"{BAD}/32", f"{OTHER}/32", WIDE):
            block(self.guard, prefix)
        self.before = self.entries()
        self.audited = len(list(self.guard.audit()))
        assert self.cut() == (True, True, True)

    def cut(self) -> tuple[bool, ...]:
        return tuple(is_cut(self.host, address) for address in (BAD, OTHER, INSIDE_WIDE))

    def entries(self) -> dict[str, tuple[int, tuple[str, ...], bool]]:
        """What the kernel holds, whichever back end: deadline, interfaces, count-only."""
        with within(self.host.server):
            found: Any = NftBlocker().entries() if nfttable.table_exists() else self.host.kernel().values()
        return {entry.prefix: (entry.deadline_ns, entry.ifaces, entry.count_only) for entry in found}

    def healed(self) -> bool:
        """Whether what was ordered stands as it was approved, in the map and on the wire."""
        now = self.entries()
        for prefix, (deadline, ifaces, count_only) in self.before.items():
            here = now.get(prefix, (0, (), False))
            if abs(here[0] - deadline) > 10**9 or here[1:] != (ifaces, count_only):
                return False
        return self.cut() == (True, True, True)

    def told(self) -> list[str]:
        """Return what the audit chain says since."""
        return [f"{entry.kind} {entry.body}" for entry in list(self.guard.audit())[self.audited :]]


class Both:
    """One guard on each back end, wronged at the same moment and waited for together."""

    def __init__(self, by_xdp: Host, by_nft: Host) -> None:
        self.xdp, self.nft = Wronged(by_xdp), Wronged(by_nft)
        self.wrong = [*flush_with_bpftool(self.xdp), *flush_with_nft(self.nft)]
        began = monotonic()
        self.took: dict[Wronged, float] = {}
        while len(self.took) < 2 and monotonic() - began < HEALED_S:
            for each in (self.xdp, self.nft):
                if each not in self.took and each.healed():
                    self.took[each] = monotonic() - began
            sleep(0.1)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    hosts = [Host(tmp_path_factory.mktemp(name)) for name in ("xdp", "nft")]
    stranger = occupy(hosts[1])
    try:
        yield Both(*hosts)
    finally:
        for host in hosts:
            host.close()
        os.close(stranger)


def flush_with_bpftool(wronged: Wronged) -> list[bool]:
    """Delete, edit and add entries by map id, hide a prefix length, and allow a blocked address."""
    folder = wronged.host.pins
    change(folder, "aegis_block4", "delete", key(BAD))
    with opened(folder / "aegis_block4") as singles:
        value = bytearray(singles.get(socket.inet_aton(OTHER)) or b"")
    struct.pack_into("=Q", value, 0, 0)
    struct.pack_into("=HH", value, len(value) - 4, 1, 32)
    change(folder, "aegis_block4", "update", key(OTHER), bytes(value))
    struct.pack_into("=HH", value, len(value) - 4, 0, 32)
    change(folder, "aegis_block4", "update", key(STRANGE.partition("/")[0]), bytes(value))
    with opened(folder / "aegis_lengths") as lengths:
        sizes = lengths.key_size, lengths.value_size
    change(folder, "aegis_lengths", "update", *map(bytes, sizes))
    return [not cut for cut in wronged.cut()]


def key(address: str) -> bytes:
    return socket.inet_aton(address)


def change(folder: Path, name: str, verb: str, at: bytes, value: bytes = b"") -> None:
    """Change a map as a stranger would, found by its id."""
    shown = json.loads(run("bpftool", "-j", "map", "show", "pinned", str(folder / name)))
    words = ["key", "hex", *(f"{byte:02x}" for byte in at)]
    words += ["value", "hex", *(f"{byte:02x}" for byte in value)] if value else []
    run("bpftool", "map", verb, "id", str(shown["id"]), *words)


def flush_with_nft(wronged: Wronged) -> list[bool]:
    inside(wronged.host.server, "nft", "flush", "ruleset")
    return [not cut for cut in wronged.cut()]


def test_foreign_hands_were_felt_before_they_were_healed(both: Both) -> None:
    assert both.wrong == [True] * 6


def test_what_bpftool_did_to_the_maps_is_healed_within_ten_seconds(both: Both) -> None:
    assert both.took.get(both.xdp, HEALED_S) < HEALED_S, (both.xdp.before, both.xdp.entries(), both.xdp.cut())


def test_what_nft_flushed_is_healed_within_ten_seconds(both: Both) -> None:
    assert both.took.get(both.nft, HEALED_S) < HEALED_S, (both.nft.before, both.nft.entries(), both.nft.cut())


def test_healing_is_said(both: Both) -> None:
    for each in (both.xdp, both.nft):
        assert any(line.startswith("restore ") for line in each.told()), each.told()
        assert [block.state for block in each.guard.blocks() if block.prefix in each.before] == [BlockState.LIVE] * 3
    assert any(line.startswith("attach ") for line in both.nft.told())


def test_an_entry_that_nobody_approved_is_named_and_no_block_of_ours(both: Both) -> None:
    assert both.xdp.guard.hello().drifted == (STRANGE,)
    states = {block.prefix: block.state for block in both.xdp.guard.blocks()}
    assert states[STRANGE] is BlockState.DRIFTED
    assert any(line.startswith("drift ") and STRANGE in line for line in both.xdp.told())


def detach(host: Host, guard: GuardClient) -> None:
    """Take the programs off as a stranger would, who first has to find out that links resist the usual ways."""
    with pytest.raises(AssertionError):
        inside(host.server, "bpftool", "net", "detach", "xdp", "dev", "eth0")
    with pytest.raises(AssertionError):
        inside(host.server, "ip", "link", "set", "dev", "eth0", "xdp", "off")
    assert (is_cut(host), guard.hello().attached[0].mode) == (True, "native")
    for path in (host.pins / "links").iterdir():
        link = json.loads(run("bpftool", "-j", "link", "show", "pinned", str(path)))["id"]
        inside(host.server, "bpftool", "link", "detach", "id", str(link))
        path.unlink()


def test_a_detached_program_and_an_interface_made_anew_are_attached_again(tmp_path: Path) -> None:
    host = Host(tmp_path)
    try:
        guard = host.start()
        block(guard)
        detach(host, guard)
        assert not is_cut(host)
        until(lambda: is_cut(host), HEALED_S)
        before = len([entry for entry in guard.audit() if entry.kind == "attach"])
        inside(host.server, "ip", "link", "del", "eth0")
        host.wire()
        until(lambda: is_cut(host), HEALED_S)
        [standing] = guard.blocks()
        assert (standing.state, standing.ifaces) == (BlockState.LIVE, ("eth0",))
        assert len([entry for entry in guard.audit() if entry.kind == "attach"]) == before + 1
    finally:
        host.close()
