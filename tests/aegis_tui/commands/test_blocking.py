"""Blocks from another terminal: listed from the kernel, added, extended, kept, watched, removed."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.commands import blocking, stored
from aegis_tui.commands.holder import Holder
from engine import paths, wire
from engine.guard.messages import BlockList
from engine.store.database import open_store
from engine.store.rows import Row, put_flow, put_incident
from engine.types import Block, BlockState
from tests.aegis_tui.commands.conftest import Types, client_of
from tests.aegis_tui.commands.test_proposals import HOSTILE, PREFIX, proposed
from tests.engine.bench import GuardThread
from tests.factories import ATTACKER, flow, incident

IS_ROOT = os.geteuid() == 0
Find = Callable[[object], None]
BLOCK = Block(
    PREFIX, BlockState.LIVE, ("eth0",), 2460.0, 412, 51200, 0.0, "P-7", "INC-1", "uid 1000 on pts/3", "log4shell",
    1000.0, 3, 180, 3600.0,
)  # fmt: skip


class Kernel:
    """A guard whose kernel holds these blocks, in pages."""

    def __init__(self, *blocks: Block, page: int = 2, halted: bool = False) -> None:
        self.all, self._page, self._halted = list(blocks), page, halted
        self.asked: list[tuple[object, ...]] = []

    def block_pages(self, *, ended: bool = False) -> Iterator[BlockList]:
        """Yield the pages."""
        found = [block for block in self.all if bool(block.ended_at) == ended]
        starts = range(0, max(len(found), 1), self._page)
        for at in starts:
            page = tuple(found[at : at + self._page])
            yield BlockList(page, at + self._page < len(found), self._halted, len(found))

    def blocks(self) -> list[Block]:
        """Return all of them."""
        return [block for page in self.block_pages() for block in page.blocks]

    def remove(self, prefix: str) -> str:
        """Remember what is removed."""
        self.asked.append(("remove", prefix))
        return f"{prefix} passes again"

    def remove_all(self, proposal_id: str) -> str:
        """Remember which proposal is undone."""
        self.asked.append(("remove all", proposal_id))
        return f"2 blocks of {proposal_id} are not in force any more"

    def keep(self, target: str) -> str:
        """Remember what is kept."""
        self.asked.append(("keep", target))
        return f"{target} is kept"

    def watch(self, proposal_id: str, seconds: float) -> Block:
        """Count."""
        self.asked.append(("watch", proposal_id, seconds))
        return next(block for block in self.all if block.watch)


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what ``blocks list`` prints."""
    assert main(["blocks", "list", *words]) == 0
    return capsys.readouterr().out


def test_a_row_tells_state_term_counters_and_who_decided(
    answered_by: Find, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 5000.0)
    answered_by(Kernel(replace(BLOCK, last_hit_at=4990.0)))
    headings, line = listed(capsys).splitlines()
    told = "PREFIX STATE TERM DROPPED IN DROPPED OUT LAST PACKET PROPOSAL APPROVED BY REASON"
    assert headings.split() == told.split()
    row = f"{PREFIX} live 41 min left 412 packets 51.2 kB 3 packets 180 B 10 s ago P-7 uid 1000 on pts/3 log4shell"
    assert line.split() == row.split()


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (replace(BLOCK, remaining_s=math.inf, ttl_s=0.0), "permanent"),
        (replace(BLOCK, state=BlockState.HALTED), "halted"),
        (replace(BLOCK, state=BlockState.FAILED, reason="cannot block: no space"), "cannot block: no space"),
        (replace(BLOCK, keep_within_s=42.0), "[on trial: reverts in 42 s unless kept]"),
        (replace(BLOCK, watch=True), "[watch: counted, every packet passes]"),
        (replace(BLOCK, watch=True), " watch "),
        (BLOCK, "  never  "),
        (replace(BLOCK, remaining_s=0.0), "0 s left"),
        (replace(BLOCK, proposal_id="", approver="", reason=""), "-         -                 -\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_says_what_is_special_about_a_block(
    block: Block, words: str, answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(Kernel(block))
    assert words in listed(capsys)


def test_every_page_is_listed_once_and_json_is_the_block(answered_by: Find, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [replace(BLOCK, prefix=f"203.0.113.{number}/32") for number in range(5)]
    answered_by(Kernel(*blocks))
    lines = listed(capsys, "--json").splitlines()
    assert [wire.decode(Block, {k: v for k, v in json.loads(line).items() if k != "type"}) for line in lines] == blocks


def test_blocks_that_ended_tell_how_and_when(answered_by: Find, capsys: pytest.CaptureFixture[str]) -> None:
    over = replace(BLOCK, ended_at=4600.0, ended_why="expired", state=BlockState.EXPIRED, remaining_s=0.0)
    answered_by(Kernel(BLOCK, over))
    headings, line = listed(capsys, "--ended").splitlines()
    assert line[headings.index("ENDED") :].startswith("expired   1970-01-01 01:16:40 +0000  1 h  ")
    assert line[headings.index("DROPPED IN") :].startswith("412 packets 51.2 kB  ")


@pytest.mark.parametrize(
    ("guard", "words", "said"),
    [
        (Kernel(), [], "nothing is blocked"),
        (Kernel(), ["--ended"], "no block has ended"),
        (Kernel(halted=True), [], "halted by panic-unblock"),
    ],
    ids=["none", "none ended", "halted"],
)
def test_an_empty_list_says_so(
    guard: Kernel, words: list[str], said: str, answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(guard)
    assert said in listed(capsys, *words)


@pytest.mark.parametrize("words", [[], ["--json"], ["--ended"]], ids=["rows", "json", "ended"])
def test_whatever_a_block_holds_is_printed_inert(
    words: list[str], answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    block = Block(HOSTILE, BlockState.LIVE, (HOSTILE,), 1.0, 0, 0, 9e300, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    block = replace(block, ended_at=9e300 if "--ended" in words else 0.0, ended_why=HOSTILE, added_at=-9e300)
    answered_by(Kernel(block))
    text = listed(capsys, *words)
    assert "pwned" in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\nforged" not in text


def test_a_proposals_blocks_are_removed_together(answered_by: Find, capsys: pytest.CaptureFixture[str]) -> None:
    others = [replace(BLOCK, prefix=f"192.0.2.{n}/32", proposal_id=f"P-{n}") for n in (8, 70)]
    kernel = Kernel(BLOCK, *others, replace(BLOCK, prefix="192.0.2.1/32"))
    answered_by(kernel)
    assert main(["blocks", "remove", "P-7"]) == 0
    assert kernel.asked == [("remove all", "P-7")]
    assert "2 blocks of P-7 are not in force any more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "target"),
    [([], ""), (["eth0"], "eth0"), (["203.0.113.9"], PREFIX), (["2001:DB8::/48"], "2001:db8::/48")],
    ids=["all", "interface", "address", "prefix"],
)
def test_keep_names_a_block_or_an_interface_or_none(words: list[str], target: str, answered_by: Find) -> None:
    kernel = Kernel()
    answered_by(kernel)
    assert main(["blocks", "keep", *words]) == 0
    assert kernel.asked == [("keep", target)]


def test_watch_tells_what_would_have_been_dropped(
    answered_by: Find, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    kernel = Kernel(replace(BLOCK, prefix="192.0.2.1/32"), BLOCK, replace(BLOCK, prefix="192.0.2.9/32", watch=True))
    answered_by(kernel)
    assert main(["blocks", "watch", "P-7", "--seconds", "20"]) == 0
    assert slept == [20]
    assert kernel.asked == [("watch", "P-7", 20 + blocking._WATCH_MARGIN_S)]
    assert "would have dropped 412 packets 51.2 kB from it and 3 packets 180 B to it" in capsys.readouterr().out


def test_an_interrupted_watch_tells_what_was_counted_and_ends_the_count(
    answered_by: Find, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    kernel = Kernel(replace(BLOCK, watch=True))
    answered_by(kernel)
    assert main(["blocks", "watch", "P-7"]) == 0
    assert kernel.asked[1:] == [("remove", PREFIX)]
    assert "would have dropped 412 packets" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", ["0", "-1", "591"])
def test_a_watch_that_is_too_short_or_too_long_is_refused(
    seconds: str, answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(Kernel(replace(BLOCK, watch=True)))
    assert main(["blocks", "watch", "P-7", "--seconds", seconds]) == 2
    assert "--seconds is from 1 to 590" in capsys.readouterr().err


@pytest.mark.parametrize("span", ["", "0m", "1w", "1.5h", "-1h", "ten", "1 h", "99999999d", "\x1b[2Jh"])
def test_a_time_that_is_none_is_refused_before_anything_is_asked(
    span: str, answered_by: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(object())
    assert main(["blocks", "add", PREFIX, f"--for={span}"]) == 2
    error = capsys.readouterr().err
    assert "--for takes a time such as" in error
    assert error.rstrip("\n").isprintable()


def test_a_block_is_added_extended_listed_and_removed(
    guard: GuardThread, types: Types, capsys: pytest.CaptureFixture[str]
) -> None:
    types("203.0.113.9", "203.0.113.9")
    assert main(["blocks", "add", "203.0.113.9", "--for", "10m", "--iface", "eth0", "--reason", "noise"]) == 0
    assert main(["blocks", "extend", "203.0.113.9", "--for", "7d"]) == 0
    capsys.readouterr()
    block = json.loads(listed(capsys, "--json"))
    assert (block["prefix"], block["ttl_s"], block["state"]) == (PREFIX, 604800.0, "live")
    assert main(["blocks", "remove", "203.0.113.9"]) == 0
    assert guard.bench.blocker.map == {}
    capsys.readouterr()
    assert "removed" in listed(capsys, "--ended")


NOW = time.time()
SEEN = {
    "a flow of lately": ([put_flow(flow(handshake=True, last_seen=NOW - 60), "live")], True),
    "a flow of other days": ([put_flow(flow(handshake=True, last_seen=NOW - 86400), "live")], False),
    "half a handshake": ([put_flow(flow(handshake=False, last_seen=NOW - 60), "live")], False),
    "an attack of other days": ([put_incident(incident(handshake=True, updated_at=NOW - 86400), "live")], True),
    "an attack that may be forged": ([put_incident(incident(handshake=False), "live")], False),
}


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("runs", [True, False], ids=["an engine runs", "none runs"])
def test_what_the_engine_saw_of_a_handshake_is_told_and_spares_the_typed_address(
    seen: str, runs: bool, guard: GuardThread, types: Types, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    rows, completed = SEEN[seen]
    database = tmp_path / "live" / "aegis.db"
    database.parent.mkdir()
    asyncio.run(_stored(database, rows))
    monkeypatch.setattr(paths, "LIVE_DATABASE", database)
    monkeypatch.setattr(blocking, "holder", lambda: Holder(1, "a daemon (PID 1)", daemon=True) if runs else None)
    if not IS_ROOT:  # only root can become the owner of a database, and the guard's fixture says that we are root
        monkeypatch.setattr(stored, "as_owner", lambda arguments, path, kind, work: work())
    types(ATTACKER)
    main(["blocks", "add", ATTACKER, "--for", "10m", "--iface", "eth0"])
    out = " ".join(capsys.readouterr().out.split())
    known = completed and runs
    assert (f"{ATTACKER} completed a TCP handshake here" in out) is known
    assert ("no completed handshake of the source is known here" in out) is not known
    # Where the address has to be typed, typing it is a yes; else it is none.
    assert bool(guard.bench.blocker.map) is not known


async def _stored(database: Path, rows: list[Row]) -> None:
    async with open_store(database) as store:
        await store.write(rows)


def test_a_handshake_of_one_address_says_nothing_of_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(_stored(tmp_path / "aegis.db", SEEN["a flow of lately"][0]))
    monkeypatch.setattr(paths, "LIVE_DATABASE", tmp_path / "aegis.db")
    monkeypatch.setattr(blocking, "holder", lambda: Holder(1, "a daemon (PID 1)", daemon=True))
    assert blocking.handshake_at(f"{ATTACKER}/32") > 0
    assert blocking.handshake_at("203.0.113.0/24") == 0


@pytest.mark.usefixtures("nobody")
def test_without_a_person_the_proposal_stands_and_says_how_to_approve_it(
    guard: GuardThread, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["blocks", "add", "203.0.113.9", "--iface", "eth0"]) == 1
    assert "to approve it: sudo aegis-tui proposals approve P-1" in capsys.readouterr().out
    assert guard.bench.blocker.map == {}


def test_a_real_watch_counts_and_leaves_nothing_behind(
    guard: GuardThread, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert main(["blocks", "watch", proposed(guard)]) == 0
    assert "would have dropped 0 packets 0 B from it" in capsys.readouterr().out
    assert all(entry.count_only for entry in guard.bench.blocker.map.values())


@pytest.mark.parametrize(("words", "restored"), [([], []), (["--restore"], [PREFIX])], ids=["alone", "with --restore"])
def test_resume_brings_blocks_back_only_when_told(
    guard: GuardThread, types: Types, words: list[str], restored: list[str]
) -> None:
    types("y")
    assert main(["proposals", "approve", proposed(guard)]) == 0
    guard.bench.blocker.halt()
    assert main(["blocks", "resume", *words]) == 0
    assert (guard.bench.blocker.halted, list(guard.bench.blocker.map)) == (False, restored)


MANY = """
import os, sys
from aegis_tui.cli import main
from aegis_tui.commands import guarded
from tests.aegis_tui.commands.conftest import Line
from tests.aegis_tui.commands.test_blocking import BLOCK, Kernel
os.geteuid = lambda: 0
guarded.connect = lambda: Line(Kernel(*[BLOCK] * 20_000, page=64))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["export"]], ids=" ".join)
def test_a_long_list_stops_quietly_when_its_reader_goes(words: list[str]) -> None:
    command = [sys.executable, "-c", MANY, "blocks", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=paths.ROOT) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(30)) == (b"", 141)


def test_a_guard_that_is_gone_is_said_and_is_no_closed_pipe(
    guard: GuardThread, capsys: pytest.CaptureFixture[str]
) -> None:
    client_of(guard)
    guard.kill()
    assert main(["blocks", "list"]) == 1
    assert capsys.readouterr().err == "aegis-tui: the guard is gone\n"
