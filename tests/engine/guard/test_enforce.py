from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from engine.guard import enforce, messages, writing
from engine.guard.blocker import Wanted
from engine.guard.fields import list_digest
from engine.types import Block, BlockState
from tests.engine.guard.bench import HOST, PROTECTED, Bench, terms
from tests.fakes import DryRunBlocker


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
    [order] = bench.ledger.orders.newest()
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
    assert set(bench.blocker.links) == {"eth0"}


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
    assert set(bench.blocker.links) == {"eth0", "eth1"}
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


def test_a_block_whose_removal_was_stored_but_not_done_is_taken_out(bench: Bench) -> None:
    bench.block()
    left = bench.blocker.map["203.0.113.9/32"]
    bench.ask(messages.Remove("203.0.113.9"))
    bench.blocker.map["203.0.113.9/32"] = left
    bench.guard.tick()
    assert (bench.blocker.map, bench.welcome().drifted) == ({}, ())


def test_a_count_only_entry_of_nobody_is_taken_out(bench: Bench) -> None:
    bench.blocker.add("203.0.113.77/32", 0, 99, ("eth0",), count_only=True)
    bench.guard.tick()
    assert (bench.blocker.map, bench.welcome().drifted) == ({}, ())


def test_the_heart_beats_and_the_ssh_ports_are_named_with_each_look(bench: Bench) -> None:
    beats = bench.blocker.beats
    bench.ssh_ports = (22, 2222)
    bench.guard.tick()
    assert (bench.blocker.beats, bench.blocker.ssh_ports) == (beats + 1, (22, 2222))


def test_a_heart_does_not_beat_while_this_host_cannot_be_read(bench: Bench) -> None:
    beats = bench.blocker.beats
    bench.blind = "netlink is closed"
    bench.guard.tick()
    assert bench.blocker.beats == beats


def test_an_egress_program_that_was_taken_off_is_attached_again(bench: Bench) -> None:
    bench.blocker.links["eth0"] = bench.blocker.links["eth0"]._replace(egress="")
    bench.guard.tick()
    assert [entry.kind for entry in bench.audited()].count("attach") == 2


def test_the_pages_of_a_listing_come_from_one_look(bench: Bench) -> None:
    for number in range(300):
        bench.blocker.add(f"198.18.{number // 256}.{number % 256}/32", 0, 1, ("eth0",))
    first = bench.ask(messages.Blocks())
    assert isinstance(first, messages.BlockList)
    bench.blocker.map.clear()
    second = bench.ask(messages.Blocks(len(first.blocks)))
    assert isinstance(second, messages.BlockList)
    assert (len(first.blocks) + len(second.blocks), second.total) == (300, 300)
    assert blocks(bench) == []


def test_ten_thousand_orders_are_restored_in_one_look(bench: Bench) -> None:
    many = tuple(f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}/32" for number in range(10_000))
    for start in range(0, len(many), 1000):
        bench.ask(messages.Stage("b", many[start : start + 1000]))
    asked = messages.ProposeList("b", len(many), list_digest(many), 600.0, ("eth0",), "feed", True)
    reply = bench.ask(asked)
    assert isinstance(reply, messages.Proposed)
    began = monotonic()
    assert isinstance(bench.approve(reply.proposal, typed="10000"), messages.Approved)
    bench.blocker.map.clear()
    bench.guard.tick()
    assert len(bench.blocker.map) == len(bench.blocks()) == 10_000
    assert monotonic() - began < 20


def test_more_orders_than_can_be_written_at_once_are_written_in_turns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CHUNK", 1)
    monkeypatch.setattr(writing, "WRITE_S", 0.0)
    many = tuple(f"198.18.0.{number}/32" for number in range(3))
    bench.ask(messages.Stage("b", many))
    reply = bench.ask(messages.ProposeList("b", 3, list_digest(many), 600.0, ("eth0",), "feed", True))
    assert isinstance(reply, messages.Proposed)
    assert isinstance(bench.approve(reply.proposal, typed="3"), messages.Approved)
    assert (len(bench.blocker.map), bench.guard.due_in()) == (1, 0.0)
    bench.guard.tick()
    bench.guard.tick()
    assert (len(bench.blocker.map), bench.guard.due_in()) == (3, math.inf)


def test_where_there_is_much_one_look_serves_for_a_moment_unless_the_guard_itself_wrote(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enforce, "MANY", 1)
    bench.block()
    assert states(bench) == [BlockState.LIVE]
    bench.ask(messages.Remove("203.0.113.9/32"))
    assert states(bench) == []
    bench.block()
    assert states(bench) == [BlockState.LIVE]
    bench.blocker.map.clear()
    bench.clock.advance(3)
    assert states(bench) == [BlockState.PENDING]


def test_after_a_reboot_no_order_is_restored_before_the_kernel_knows_what_to_spare(bench: Bench) -> None:
    bench.block("203.0.113.0/24")
    bench.blocker.map.clear()
    bench.blocker.allow = ()
    bench.clock.reboot(60)
    bench.blind = "netlink is closed"
    bench.restart()
    bench.guard.tick()
    [block] = blocks(bench)
    assert (bench.blocker.map, block.state) == ({}, BlockState.PENDING)
    assert block.reason.startswith("waiting for the addresses of this host")
    bench.blind = ""
    bench.guard.tick()
    assert (states(bench), "192.0.2.1/32" in bench.blocker.allow) == ([BlockState.LIVE], True)


def test_no_order_is_written_after_the_allow_map_could_not_be_refreshed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.block("203.0.113.0/24")
    bench.blocker.map.clear()

    def full(*_: object) -> None:
        raise OSError("cannot write map aegis_allow4: all 4096 places are taken")

    with monkeypatch.context() as broken:
        broken.setattr(bench.blocker, "set_allow", full)
        bench.guard.tick()
    [block] = blocks(bench)
    assert (bench.blocker.map, block.state) == ({}, BlockState.PENDING)
    assert "all 4096 places are taken" in block.reason
    bench.guard.tick()
    assert states(bench) == [BlockState.LIVE]


def test_an_approval_writes_nothing_while_the_kernel_cannot_be_told_what_to_spare(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("cannot write map aegis_allow4: all 4096 places are taken")

    proposal = bench.propose()
    token = bench.review(proposal.id).token
    monkeypatch.setattr(bench.blocker, "set_allow", full)
    bench.protected = replace(PROTECTED, endpoints=("203.0.113.201",))
    reply = bench.ask(messages.Approve(proposal.id, token, ""))
    assert bench.blocker.map == {}
    assert isinstance(reply, messages.Refused) or reply.block.state is BlockState.PENDING  # type: ignore[union-attr]
    monkeypatch.undo()


def test_a_failing_look_at_this_host_does_not_stop_the_healing_of_what_was_spared_before(bench: Bench) -> None:
    bench.block()
    bench.blocker.map.clear()
    bench.blind = "netlink is closed"
    bench.guard.tick()
    assert states(bench) == [BlockState.LIVE]


class Picky(DryRunBlocker):
    """Takes many at once, but none of those whose prefix is in ``bad``."""

    bad: frozenset[str] = frozenset()
    calls: int = 0

    def add_many(self, wanted: Sequence[Wanted]) -> None:
        self.calls += 1
        if bad := [one.prefix for one in wanted if one.prefix in self.bad]:
            raise OSError(f"cannot block {wanted[0].prefix} and more: {len(bad)} have no place")
        for one in wanted:
            super().add(*one)

    def add(self, prefix: str, *rest: Any, **named: Any) -> None:
        self.calls += 1
        if prefix in self.bad:
            raise OSError(f"cannot block {prefix}: it has no place")
        super().add(prefix, *rest, **named)

    def remove_many(self, prefixes: Sequence[str]) -> int:
        return sum([self.remove(prefix) for prefix in prefixes])


def block_list(bench: Bench, many: Sequence[str]) -> None:
    bench.ask(messages.Stage("b", tuple(many)))
    reply = bench.ask(messages.ProposeList("b", len(many), list_digest(many), 600.0, ("eth0",), "feed", True))
    assert isinstance(reply, messages.Proposed)
    assert isinstance(bench.approve(reply.proposal, typed=str(len(many))), messages.Approved)


def test_orders_that_the_kernel_cannot_take_come_last_wait_and_are_reported_once(tmp_path: Path) -> None:
    picky = Picky()
    bench = Bench(tmp_path, picky)
    many = [f"198.18.{number // 256}.{number % 256}/32" for number in range(600)]
    picky.bad = frozenset(many[:3])
    block_list(bench, many)
    assert set(picky.map) == set(many[3:])
    assert picky.calls < 40, "a failed chunk is halved, not tried one by one"
    told = [entry.kind for entry in bench.audited()].count("write_failed")
    bench.guard.tick()
    calls = picky.calls
    for _ in range(5):
        bench.clock.advance(5)
        bench.guard.tick()
    assert (picky.calls, bench.guard.due_in()) == (calls, math.inf)
    bench.block("203.0.113.77/32")
    assert "203.0.113.77/32" in picky.map
    assert [entry.kind for entry in bench.audited()].count("write_failed") == told
    picky.bad = frozenset()
    bench.clock.advance(60)
    bench.guard.tick()
    assert set(many) <= set(picky.map)


def test_a_kernel_that_takes_nothing_holds_up_the_guard_for_no_longer_than_a_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "WRITE_S", 0.0)
    picky = Picky()
    bench = Bench(tmp_path, picky)
    many = [f"198.18.0.{number}/32" for number in range(64)]
    picky.bad = frozenset(many)
    block_list(bench, many)
    assert picky.calls == 7, "as many as it takes to find one order that fails"
    assert bench.guard.due_in() == math.inf, "the next tick is soon enough"
    picky.bad = frozenset(many[:8])
    for _ in range(64):
        bench.guard.tick()
    assert set(picky.map) == set(many[8:]), "orders that fail do not keep later ones from their turn"


def test_what_failed_before_is_tried_after_what_did_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picky = Picky()
    bench = Bench(tmp_path, picky)
    picky.bad = frozenset({"203.0.113.9/32"})
    bench.block("203.0.113.9/32")
    bench.block("203.0.113.10/32")
    picky.map.clear()
    monkeypatch.setattr(writing, "WRITE_S", 0.0)
    bench.guard.tick()
    assert set(picky.map) == {"203.0.113.10/32"}


def test_a_block_that_the_allow_list_holds_whole_is_not_called_live(bench: Bench) -> None:
    bench.block()
    assert isinstance(bench.ask(messages.Allow("203.0.113.0/24", "office", 0.0)), messages.Done)
    [block] = blocks(bench)
    assert (block.state, block.reason) == (BlockState.FAILED, "passes: on the allow-list (office)")
    bench.ask(messages.Disallow("203.0.113.0/24"))
    assert states(bench) == [BlockState.LIVE]


def test_a_block_whose_address_became_a_gateway_is_not_called_live(bench: Bench) -> None:
    bench.block()
    bench.protected = replace(PROTECTED, addresses=replace(HOST, gateways=("203.0.113.9",)))
    bench.guard.tick()
    [block] = blocks(bench)
    assert (block.state, block.reason) == (BlockState.FAILED, "passes: a gateway of this host")


def test_a_block_of_which_a_part_is_spared_says_which(bench: Bench) -> None:
    bench.block("203.0.113.0/24")
    [block] = blocks(bench)
    told = "spares 203.0.113.200/32 (the model's endpoint); seen attacking"
    assert (block.state, block.reason) == (BlockState.LIVE, told)


def test_a_halt_ends_what_would_be_due_again_and_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK", 1)
    monkeypatch.setattr(writing, "WRITE_S", 0.0)
    waiting = bench.propose(terms("203.0.113.50/32"))
    assert isinstance(bench.ask(messages.Watch(waiting.id, 30.0)), messages.Watched)
    block_list(bench, [f"198.18.0.{number}/32" for number in range(3)])
    assert bench.guard.due_in() == 0.0
    bench.blocker.halt()
    bench.clock.advance(60)
    bench.guard.tick()
    assert bench.guard.due_in() == math.inf


def test_where_the_kernels_maps_cannot_be_opened_the_list_says_that_and_not_that_nothing_is_attached(
    bench: Bench,
) -> None:
    bench.block()
    bench.ledger.close()

    def broken() -> DryRunBlocker:
        raise OSError("cannot load aegis.bpf.o: Operation not permitted")

    bench.open = broken
    bench.start()
    [block] = blocks(bench)
    assert block.state is BlockState.FAILED
    assert block.reason == ("cannot load aegis.bpf.o: Operation not permitted; what the kernel holds is not known")
