"""Tests of the stored orders: what somebody edits in the database is told and never enforced."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.guard import messages, schema
from engine.guard.enforce import FORGED
from engine.guard.ledger import Ledger
from engine.types import BlockState
from tests.engine.guard.bench import Bench, terms

BAD = "203.0.113.9/32"
EDITS = (
    "prefix = '0.0.0.0/1'",
    "prefix = 'nonsense'",
    "deadline_ns = 0, ttl_s = 0, expires_at = 0",
    "expires_at = expires_at + 1",
    "remaining_s = remaining_s * 2",
    'ifaces = \'["eth0", "eth1"]\'',
    "ifaces = '{'",
    "network = 'other'",
    "trial_ns = 1",
    "approver = 'uid 1000'",
    "proposal_id = 'P-9'",
    "mac = ''",
)


def edit(folder: Path, change: str) -> None:
    with sqlite3.connect(folder / "guard.db") as db:
        assert db.execute(f"UPDATE blocks SET {change}").rowcount == 1
    db.close()


@pytest.mark.parametrize("change", EDITS)
def test_an_order_edited_in_the_database_is_never_written(bench: Bench, change: str) -> None:
    bench.block()
    bench.ledger.close()
    bench.blocker.map.clear()
    bench.blocker.writes.clear()
    edit(bench.folder, change)
    bench.start()
    bench.guard.tick()
    (told,) = bench.blocks()
    assert (bench.blocker.writes, told.state, told.reason) == ([], BlockState.FAILED, FORGED)
    assert "forged" in [entry.kind for entry in bench.audited()]


def test_an_edited_order_whose_entry_still_drops_is_told_as_drifted_and_can_be_removed(bench: Bench) -> None:
    bench.block()
    bench.ledger.close()
    edit(bench.folder, "deadline_ns = 0")
    bench.start()
    (told,) = bench.blocks()
    assert (told.state, told.reason) == (BlockState.DRIFTED, FORGED)
    assert isinstance(bench.ask(messages.Remove(BAD)), messages.Done)
    bench.restart()
    assert (bench.blocks(), dict(bench.blocker.map), dict(bench.ledger.orders.forged)) == ([], {}, {})


def test_another_approval_takes_the_place_of_an_edited_order(bench: Bench) -> None:
    bench.block()
    bench.ledger.close()
    edit(bench.folder, "ttl_s = 1")
    bench.start()
    bench.block()
    bench.restart()
    assert [block.state for block in bench.blocks()] == [BlockState.LIVE]


def test_whole_orders_stay_genuine_over_trials_extensions_clock_jumps_and_reboots(bench: Bench) -> None:
    bench.managed = [("203.0.113.9", "SSH session")]
    bench.block()
    bench.ask(messages.Keep(BAD))
    reply = bench.ask(messages.Extend(BAD, 7200))
    assert isinstance(reply, messages.Proposed)
    bench.approve(reply.proposal)
    bench.ask(messages.Keep(BAD))
    bench.clock.now += 500.0
    bench.guard.tick()
    bench.restart()
    bench.clock.reboot(60)
    bench.restart()
    assert not bench.ledger.orders.forged
    assert bench.ledger.orders.by_prefix().keys() == {BAD}


def test_blocks_of_an_earlier_release_are_signed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:3])
        db = sqlite3.connect(tmp_path / "guard.db", isolation_level=None)
        schema.migrate(db)
    db.execute(
        "INSERT INTO blocks (entry_id, prefix, ttl_s, expires_at, boot_id, deadline_ns, proposal_id, incident_id,"
        " reason, approver, added_at) VALUES (1, ?, 600, 0.1, 'b', 5, 'P-1', '', 'why', 'uid 0', 0.3)",
        (BAD,),
    )
    db.close()
    ledger = Ledger(tmp_path)
    assert (list(ledger.orders.by_prefix()), list(ledger.orders.forged)) == ([BAD], [])
    ledger.close()
    edit(tmp_path, "ttl_s = 601")
    ledger = Ledger(tmp_path)
    assert (list(ledger.orders.by_prefix()), list(ledger.orders.forged)) == ([], [BAD])
    ledger.close()


def test_a_broken_ledger_is_named_with_what_it_means(tmp_path: Path) -> None:
    (tmp_path / "guard.db").write_bytes(b"no database at all, " * 100)
    with pytest.raises(sqlite3.DatabaseError, match=r"^guard\.db: file is not a database; blocks in the kernel stay"):
        Ledger(tmp_path)


def test_the_orders_that_hold_a_prefix_are_found_among_many(bench: Bench) -> None:
    for prefix in (BAD, "203.0.113.0/24", "198.18.0.1/32"):
        bench.block(prefix)
    held = [order.prefix for order in bench.ledger.orders.holding(terms().prefix)]
    assert held == ["203.0.113.0/24", BAD]
