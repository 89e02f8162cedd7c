from __future__ import annotations

import math
from dataclasses import replace

import pytest

from engine.guard import messages
from engine.types import Block, BlockState
from tests.engine.guard.bench import PERSON, Bench, terms


def blocks(bench: Bench) -> list[Block]:
    reply = bench.ask(messages.Blocks())
    assert isinstance(reply, messages.BlockList)
    return list(reply.blocks)


def states(bench: Bench) -> list[BlockState]:
    return [block.state for block in blocks(bench)]


def test_an_approved_block_is_live_until_its_time_is_over(bench: Bench) -> None:
    bench.block(ttl_s=600.0)
    assert states(bench) == [BlockState.LIVE]
    bench.clock.advance(599)
    assert blocks(bench)[0].remaining_s == pytest.approx(1, abs=0.01)
    bench.clock.advance(1)
    assert states(bench) == [BlockState.EXPIRED]
    bench.guard.tick()
    assert (blocks(bench), bench.blocker.map) == ([], {})


def test_a_permanent_block_has_no_end(bench: Bench) -> None:
    bench.block(ttl_s=0.0)
    bench.clock.advance(10**8)
    bench.guard.tick()
    assert (states(bench), blocks(bench)[0].remaining_s) == ([BlockState.LIVE], math.inf)


def test_a_foreign_flush_is_seen_and_healed(bench: Bench) -> None:
    bench.block()
    deadline = bench.blocker.map["203.0.113.9/32"].deadline_ns
    bench.blocker.map.clear()
    assert states(bench) == [BlockState.PENDING]
    bench.guard.tick()
    assert states(bench) == [BlockState.LIVE]
    assert bench.blocker.map["203.0.113.9/32"].deadline_ns == deadline


def test_a_foreign_longer_deadline_is_set_back(bench: Bench) -> None:
    bench.block()
    bench.blocker.add("203.0.113.9/32", 0, 1, ("eth0",))
    assert states(bench) == [BlockState.DRIFTED]
    bench.guard.tick()
    assert bench.blocker.map["203.0.113.9/32"].deadline_ns > 0


def test_a_foreign_entry_is_told_and_left_alone(bench: Bench) -> None:
    bench.blocker.add("203.0.113.77/32", 0, 99, ("eth0",))
    bench.guard.tick()
    welcome = bench.ask(messages.Hello())
    assert isinstance(welcome, messages.Welcome)
    assert (states(bench), welcome.drifted) == ([BlockState.DRIFTED], ("203.0.113.77/32",))
    assert "203.0.113.77/32" in bench.blocker.map


def test_a_foreign_entry_that_is_over_is_taken_out(bench: Bench) -> None:
    bench.blocker.add("203.0.113.77/32", 1, 99, ("eth0",))
    bench.guard.tick()
    assert bench.blocker.map == {}


def test_a_restart_restores_what_is_within_its_term(bench: Bench) -> None:
    bench.block("203.0.113.9/32", ttl_s=600.0)
    bench.block("203.0.113.10/32", ttl_s=60.0)
    bench.blocker.map.clear()
    bench.clock.advance(120)
    bench.restart()
    assert set(bench.blocker.map) == {"203.0.113.9/32"}


@pytest.mark.parametrize("off_s", [30.0, 590.0])
def test_a_reboot_keeps_the_remaining_time(bench: Bench, off_s: float) -> None:
    bench.block(ttl_s=600.0)
    bench.blocker.map.clear()
    bench.clock.reboot(off_s)
    bench.restart()
    assert blocks(bench)[0].remaining_s == pytest.approx(600 - off_s, abs=1)


def test_a_reboot_after_the_term_restores_nothing(bench: Bench) -> None:
    bench.block(ttl_s=600.0)
    bench.blocker.map.clear()
    bench.clock.reboot(601)
    bench.restart()
    assert bench.blocker.map == {}


def test_a_clock_set_back_before_a_reboot_adds_nothing_beyond_the_term(bench: Bench) -> None:
    bench.block(ttl_s=600.0)
    bench.clock.reboot(-86400)
    bench.restart()
    assert blocks(bench)[0].remaining_s <= 600


@pytest.mark.parametrize("behind_s", [60.0, 86400.0 * 365])
def test_a_reboot_with_a_wall_clock_that_is_behind_adds_nothing_to_what_was_left(bench: Bench, behind_s: float) -> None:
    bench.block(ttl_s=600.0)
    bench.clock.advance(400)
    bench.guard.tick()
    bench.clock.reboot(-behind_s)
    bench.restart()
    [order] = bench.ledger.orders()
    assert blocks(bench)[0].remaining_s <= 200
    assert order.expires_at <= bench.clock.wall() + 200


def test_a_wall_clock_jump_within_a_boot_changes_nothing(bench: Bench) -> None:
    bench.block(ttl_s=600.0)
    bench.clock.now += 86400
    bench.guard.tick()
    assert blocks(bench)[0].remaining_s == pytest.approx(600, abs=1)
    bench.clock.reboot(60)
    bench.restart()
    assert blocks(bench)[0].remaining_s == pytest.approx(540, abs=1)


def test_a_write_that_fails_is_told_and_tried_again(bench: Bench) -> None:
    proposal = bench.propose()
    bench.blocker.failure = OSError(28, "cannot block 203.0.113.9/32: map is full")
    reply = bench.approve(proposal)
    assert isinstance(reply, messages.Approved)
    assert (reply.block.state, "map is full" in reply.block.reason) == (BlockState.FAILED, True)
    bench.blocker.failure = None
    bench.guard.tick()
    assert states(bench) == [BlockState.LIVE]


def test_nothing_is_restored_while_halted(bench: Bench) -> None:
    bench.block()
    bench.blocker.halt()
    bench.guard.tick()
    bench.restart()
    assert (states(bench), bench.blocker.map) == ([BlockState.HALTED], {})


def test_a_lost_interface_is_attached_again(bench: Bench) -> None:
    bench.block()
    bench.blocker.links.clear()
    bench.guard.tick()
    assert bench.blocker.links == {"eth0": "native"}


def test_a_block_on_no_interface_is_not_called_live(bench: Bench) -> None:
    bench.block()
    bench.ledger.close()
    bench.blocker.links.clear()
    bench.blocker.failure = OSError(1, "Operation not permitted")
    bench.start()
    welcome = bench.ask(messages.Hello())
    assert isinstance(welcome, messages.Welcome)
    assert welcome.dataplane == "cannot attach XDP to eth0: Operation not permitted"
    assert states(bench) == [BlockState.FAILED]


def test_an_interface_left_attached_by_an_earlier_guard_is_named_where_none_was(bench: Bench) -> None:
    bench.ledger.close()
    bench.start(ifaces=("eth1",))
    assert bench.propose(terms(ifaces=())).terms.ifaces == ("eth0", "eth1")


def test_an_approval_for_one_interface_drops_on_no_other(bench: Bench) -> None:
    bench.block()
    bench.ledger.close()
    bench.start(ifaces=("eth1",))
    bench.guard.tick()
    assert bench.blocker.links == {"eth0": "native", "eth1": "native"}
    assert bench.blocker.map["203.0.113.9/32"].ifaces == ("eth0",)
    assert (states(bench), blocks(bench)[0].ifaces) == ([BlockState.LIVE], ("eth0",))


def test_after_a_reboot_a_guard_for_another_interface_restores_nothing_there(bench: Bench) -> None:
    bench.block()
    bench.ledger.close()
    bench.blocker.links.clear()
    bench.blocker.map.clear()
    bench.clock.reboot(10)
    bench.start(ifaces=("eth1",))
    [block] = blocks(bench)
    assert (bench.blocker.map, block.state, block.ifaces) == ({}, BlockState.FAILED, ("eth0",))
    assert block.reason == "not enforced on eth0: the guard is not attached there"
    bench.ask(messages.Attach(("eth0",)))
    assert (states(bench), bench.blocker.map["203.0.113.9/32"].ifaces) == ([BlockState.LIVE], ("eth0",))


def test_an_entry_that_a_foreign_hand_widened_to_another_interface_is_set_back(bench: Bench) -> None:
    bench.block()
    bench.ask(messages.Attach(("eth1",)))
    entry = bench.blocker.map["203.0.113.9/32"]
    bench.blocker.map["203.0.113.9/32"] = replace(entry, ifaces=("eth0", "eth1"))
    assert states(bench) == [BlockState.DRIFTED]
    bench.guard.tick()
    assert bench.blocker.map["203.0.113.9/32"].ifaces == ("eth0",)


def test_a_block_on_two_interfaces_of_which_one_is_lost_holds_on_the_other_and_says_so(bench: Bench) -> None:
    bench.ask(messages.Attach(("eth1",)))
    assert isinstance(bench.approve(bench.propose(terms(ifaces=("eth0", "eth1")))), messages.Approved)
    bench.ledger.close()
    del bench.blocker.links["eth1"]
    bench.start()
    [block] = blocks(bench)
    assert (block.state, block.ifaces) == (BlockState.LIVE, ("eth0",))
    assert block.reason == "not enforced on eth1: the guard is not attached there"


def test_a_block_approved_in_another_network_namespace_is_left_to_the_guard_there(bench: Bench) -> None:
    bench.block()
    before = dict(bench.blocker.map)
    bench.restart(network="7 of boot one")
    bench.guard.tick()
    [block] = blocks(bench)
    assert (bench.blocker.map, block.state, block.reason.partition(":")[0]) == (
        before,
        BlockState.FAILED,
        "approved in another network namespace",
    )
    bench.blocker.map.clear()
    bench.guard.tick()
    assert bench.blocker.map == {}


def test_a_guard_killed_between_the_approval_and_the_write_enforces_it_after_the_restart(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    bench.ledger.approve(proposal, PERSON, bench.clock.wall(), (bench.clock.boot_id, bench.clock.boot_ns()))
    assert bench.blocker.map == {}
    bench.restart()
    assert states(bench) == [BlockState.LIVE]
    assert isinstance(bench.ask(messages.Approve(proposal.id, token, "")), messages.Refused)
