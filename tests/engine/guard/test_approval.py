from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.guard import messages
from engine.guard import terms as durations
from engine.guard.quota import BURST, HOLD_S, Breaker
from engine.types import BlockState, Terms
from tests.engine.guard.bench import HEADLESS, Bench, terms

BAD = "203.0.113.9/32"
HOUR, DAY, WEEK = 3600.0, 86400.0, 604800.0


def extend(bench: Bench, ttl_s: float = 7200.0) -> messages.Reply:
    reply = bench.ask(messages.Extend(BAD, ttl_s))
    assert isinstance(reply, messages.Proposed), reply
    return bench.approve(reply.proposal)


@pytest.mark.parametrize(
    ("asked_s", "prior", "doubtful", "least", "most"),
    [
        pytest.param(HOUR, 0, False, HOUR, HOUR, id="the first time as asked"),
        pytest.param(HOUR, 1, False, DAY, 1.1 * DAY, id="the second time a day and a little"),
        pytest.param(HOUR, 2, False, WEEK, WEEK, id="then a week"),
        pytest.param(2 * DAY, 1, False, 2 * DAY, 2 * DAY, id="never shorter than asked"),
        pytest.param(HOUR, 0, True, 600, 600, id="in doubt ten minutes"),
        pytest.param(HOUR, 1, True, HOUR, 1.1 * HOUR, id="in doubt the second time an hour"),
        pytest.param(HOUR, 2, True, DAY, 1.1 * DAY, id="in doubt the third time a day"),
        pytest.param(HOUR, 9, True, WEEK, WEEK, id="in doubt at last a week"),
        pytest.param(0.0, 9, False, 0.0, 0.0, id="permanent stays what was asked"),
    ],
)
def test_the_term_grows_with_each_return(asked_s: float, prior: int, doubtful: bool, least: float, most: float) -> None:
    for pick in (lambda below: 0, lambda below: below - 1):
        term = durations.laddered(asked_s, prior, doubtful, pick)
        assert least <= term <= most
        assert term % 60 == 0
    assert durations.laddered(asked_s, prior, doubtful, lambda below: below - 1) == pytest.approx(most, abs=60)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "for ever"), (HOUR, "1 h"), (5400.0, "90 min"), (WEEK, "7 d"), (45.0, "45 s")]
)
def test_a_term_is_said_as_a_person_says_it(seconds: float, said: str) -> None:
    assert durations.words(seconds) == said


def test_an_address_that_comes_back_is_proposed_for_longer(bench: Bench) -> None:
    bench.block()
    bench.ask(messages.Remove(BAD))
    again = bench.propose(terms("203.0.113.0/24"), by_ladder=True)
    assert again.prior_blocks == 1
    assert DAY <= again.terms.ttl_s <= 1.1 * DAY
    assert bench.propose(terms("203.0.113.0/24"), by_ladder=True).id == again.id
    assert bench.review(again.id).prior == ("203.0.113.9/32 on 2027-01-15 08:00 UTC for 1 h, removed",)


def test_a_block_of_more_than_thirty_days_ago_makes_no_repeat_offender(bench: Bench) -> None:
    bench.block()
    bench.ask(messages.Remove(BAD))
    bench.clock.advance(31 * DAY)
    assert bench.propose(by_ladder=True).prior_blocks == 0


def test_a_block_in_force_counts_as_one_before(bench: Bench) -> None:
    bench.block("203.0.113.0/24")
    assert bench.propose(by_person=True).prior_blocks == 1
    assert bench.propose(terms("198.18.0.1/32")).prior_blocks == 0


def test_a_ladder_asked_for_by_the_engine_never_ends_in_a_permanent_block(bench: Bench) -> None:
    asked = messages.Propose(terms(ttl_s=0.0), "why", True, False)
    assert "only a person" in bench.refused(asked)
    assert isinstance(bench.ask(replace(asked, by_person=True)), messages.Proposed)
    assert "only a person" in bench.refused(replace(asked, by_person=True), HEADLESS)


def test_mass_proposals_of_the_engine_are_held_off_and_a_persons_are_not(bench: Bench) -> None:
    for number in range(BURST):
        bench.propose(terms(f"198.18.0.{number}/32"))
    assert bench.welcome().held_off == ""
    one_more = messages.Propose(terms(), "why", True, False)
    refused = bench.refused(one_more)
    assert "held off for 300 s more" in refused
    assert bench.welcome().held_off == refused
    assert isinstance(bench.ask(replace(one_more, by_person=True)), messages.Proposed)
    assert isinstance(bench.ask(messages.Propose(terms("198.18.0.1/32"), "why", True, False)), messages.Proposed)
    bench.clock.advance(HOLD_S + 1)
    assert (bench.welcome().held_off, isinstance(bench.ask(one_more), messages.Proposed)) == ("", True)
    assert [entry.kind for entry in bench.audited()].count("held_off") == 1


def test_each_attempt_while_held_off_begins_the_wait_again() -> None:
    breaker = Breaker(most=1, hold_s=300)
    second = 10**9
    assert (breaker.trip(0), breaker.trip(second), breaker.trip(200 * second)) == (True, False, False)
    assert not breaker.trip(499 * second)
    assert breaker.held_off(798 * second)
    assert breaker.trip(799 * second)


def test_an_extension_is_a_proposal_and_changes_nothing_before_it_is_approved(bench: Bench) -> None:
    bench.block()
    before = bench.blocker.map[BAD]
    bench.clock.advance(600)
    reply = bench.ask(messages.Extend("203.0.113.9", 7200.0))
    assert isinstance(reply, messages.Proposed)
    asked = reply.proposal.terms
    assert (asked.prefix, asked.ttl_s, asked.ifaces, asked.incident_id) == (BAD, 7200.0, ("eth0",), "INC-00000001")
    assert bench.blocker.map[BAD] == before
    assert isinstance(bench.approve(reply.proposal), messages.Approved)
    assert bench.blocker.map[BAD].deadline_ns == bench.clock.boot_ns() + 7200 * 10**9


def test_an_extended_block_keeps_its_entry_and_is_no_ended_one(bench: Bench) -> None:
    bench.block()
    before = bench.blocker.map[BAD].entry_id
    assert isinstance(extend(bench), messages.Approved)
    assert (bench.blocker.map[BAD].entry_id, bench.ended()) == (before, [])
    assert bench.propose(by_person=True).prior_blocks == 1


def test_a_permanent_extension_takes_the_typed_address(bench: Bench) -> None:
    bench.block()
    reply = bench.ask(messages.Extend(BAD, 0.0))
    assert isinstance(reply, messages.Proposed)
    assert isinstance(bench.approve(reply.proposal), messages.Refused)
    assert isinstance(bench.approve(reply.proposal, typed="203.0.113.9"), messages.Approved)


def test_what_is_not_blocked_cannot_be_extended(bench: Bench) -> None:
    assert "nothing to extend" in bench.refused(messages.Extend(BAD, 7200.0))


def test_a_watch_counts_and_drops_nothing(bench: Bench) -> None:
    reply = bench.ask(messages.Watch(bench.propose().id, 300.0))
    assert isinstance(reply, messages.Watched)
    assert (reply.block.watch, reply.block.state, reply.block.remaining_s) == (True, BlockState.LIVE, 300.0)
    assert (bench.blocker.map[BAD].count_only, bench.blocks()[0].watch) == (True, True)
    assert bench.welcome().drifted == ()


def test_a_watch_vanishes_with_its_deadline(bench: Bench) -> None:
    bench.ask(messages.Watch(bench.propose().id, 30.0))
    assert bench.guard.due_in() == 30.0
    bench.clock.advance(30)
    bench.guard.tick()
    assert (bench.blocker.map, bench.blocks(), bench.ended()) == ({}, [], [])


def test_an_approval_takes_the_place_of_a_watch(bench: Bench) -> None:
    proposal = bench.propose()
    bench.ask(messages.Watch(proposal.id, 30.0))
    bench.approve(proposal)
    bench.clock.advance(40)
    bench.guard.tick()
    assert [(block.watch, block.state) for block in bench.blocks()] == [(False, BlockState.LIVE)]


def test_a_watch_inside_a_prefix_that_is_blocked_afterwards_does_not_open_it(bench: Bench) -> None:
    bench.ask(messages.Watch(bench.propose().id, 300.0))
    bench.block("203.0.113.0/24")
    assert set(bench.blocker.map) == {"203.0.113.0/24"}


@pytest.mark.parametrize("blocked", [BAD, "203.0.113.0/24"])
def test_a_watch_is_never_written_over_a_block_or_inside_of_one(bench: Bench, blocked: str) -> None:
    proposal = bench.propose()
    bench.block(blocked)
    if blocked == BAD:
        proposal = bench.propose(terms(ttl_s=60.0), by_person=True)
    before = dict(bench.blocker.map)
    assert f"blocked already, by {blocked}" in bench.refused(messages.Watch(proposal.id, 30.0))
    assert bench.blocker.map == before


def test_watches_are_bounded_in_time_and_number(bench: Bench) -> None:
    first = bench.propose()
    assert "1 to 600 s" in bench.refused(messages.Watch(first.id, 601.0))
    for number in range(64):
        asked = messages.Propose(terms(f"198.18.0.{number}/32"), "why", True, False, by_person=True)
        reply = bench.ask(asked)
        assert isinstance(reply, messages.Proposed)
        assert isinstance(bench.ask(messages.Watch(reply.proposal.id, 600.0)), messages.Watched)
    assert "64 prefixes are watched already" in bench.refused(messages.Watch(first.id, 30.0))


@pytest.mark.parametrize("end", ["refuse", "remove", "restart"])
def test_a_watch_ends_with_its_proposal_its_guard_or_by_hand(bench: Bench, end: str) -> None:
    proposal = bench.propose()
    bench.ask(messages.Watch(proposal.id, 300.0))
    if end == "restart":
        bench.restart()
    else:
        bench.ask(messages.Refuse(proposal.id) if end == "refuse" else messages.Remove(BAD))
    assert bench.blocker.map == {}


def test_a_watch_that_a_foreign_hand_took_out_is_written_again(bench: Bench) -> None:
    bench.ask(messages.Watch(bench.propose().id, 300.0))
    bench.blocker.map.clear()
    bench.guard.tick()
    assert bench.blocker.map[BAD].count_only


def test_a_decided_proposal_is_not_watched(bench: Bench) -> None:
    proposal = bench.propose()
    bench.ask(messages.Refuse(proposal.id))
    assert "is refused" in bench.refused(messages.Watch(proposal.id, 30.0))


def test_a_review_tells_the_exact_entry_and_whether_outbound_packets_drop(bench: Bench) -> None:
    review = bench.review(bench.propose().id)
    entry = "drop from and to 203.0.113.9/32 on eth0 (native), until 1 h after the approval"
    assert (review.entry, review.outbound) == (entry, True)
    bench.blocker.links["eth0"] = bench.blocker.links["eth0"]._replace(egress="", fallen_back=("no tcx here",))
    bench.guard.tick()
    again = bench.review(bench.propose(terms("198.18.0.1/32", ttl_s=600.0)).id)
    assert (again.entry, again.outbound) == (
        "drop from 198.18.0.1/32 on eth0 (native), until 10 min after the approval",
        False,
    )
    assert bench.welcome().degraded == ("eth0: no tcx here",)


def test_ended_blocks_are_remembered_with_what_they_counted(bench: Bench) -> None:
    bench.block()
    bench.blocker.map[BAD] = replace(bench.blocker.map[BAD], packets=7, bytes=420, out_packets=2, out_bytes=90)
    bench.ask(messages.Remove(BAD))
    bench.block("203.0.113.10/32", ttl_s=60.0)
    bench.clock.advance(61)
    bench.guard.tick()
    newest, older = bench.ended()
    assert (newest.prefix, newest.ended_why, older.ended_why) == ("203.0.113.10/32", "expired", "removed")
    assert (older.packets, older.bytes, older.out_packets, older.out_bytes) == (7, 420, 2, 90)
    page = bench.ask(messages.Blocks(1, ended=True))
    assert isinstance(page, messages.BlockList)
    assert (page.blocks, page.total, page.packets) == ((older,), 2, 9)


def test_a_block_that_another_one_replaced_is_remembered_as_replaced(bench: Bench) -> None:
    bench.block()
    bench.ask(messages.Attach(("eth1",)))
    bench.approve(bench.propose(terms(ifaces=("eth0", "eth1"))))
    assert [gone.ended_why for gone in bench.ended()] == ["replaced"]


@pytest.mark.parametrize("blocked", [BAD, "203.0.113.0/24"])
def test_the_engine_is_refused_what_a_block_in_force_drops_already(bench: Bench, blocked: str) -> None:
    bench.block(blocked)
    bench.clock.advance(19 * 60)
    by = "" if blocked == BAD else f" by {blocked}"
    told = bench.refused(messages.Propose(terms(), "why", True, False))
    assert told == f"{BAD} is blocked already{by}, 41 min left"
    by_person = bench.ask(messages.Propose(terms(), "why", True, False, by_person=True))
    assert isinstance(by_person, messages.Proposed)


@pytest.mark.parametrize(
    "asked",
    [terms(ttl_s=7200.0), terms("203.0.113.0/24"), terms(ifaces=("eth0", "eth1"))],
    ids=["longer", "wider", "more"],
)
def test_the_engine_may_ask_for_more_than_a_block_in_force_drops(bench: Bench, asked: Terms) -> None:
    bench.block()
    assert isinstance(bench.ask(messages.Propose(asked, "why", True, False)), messages.Proposed)


def test_the_engine_may_ask_again_for_a_block_that_the_kernel_did_not_take(bench: Bench) -> None:
    proposal = bench.propose()
    bench.blocker.failure = OSError("map full")
    bench.approve(proposal)
    assert isinstance(bench.ask(messages.Propose(terms(), "why", True, False)), messages.Proposed)


def test_the_reply_to_an_extension_tells_what_the_entry_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.block()
    written = bench.blocker.add

    def keeps_counters(*wanted: Any) -> None:
        written(*wanted)
        bench.blocker.map[BAD] = replace(bench.blocker.map[BAD], packets=7)

    monkeypatch.setattr(bench.blocker, "add", keeps_counters)
    reply = extend(bench)
    assert isinstance(reply, messages.Approved)
    assert (reply.block.packets, reply.block.state) == (7, BlockState.LIVE)


def test_the_audit_chain_is_sealed_after_an_approval_whatever_the_kernel_did(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    bench.blocker.failure = ValueError("broken")
    bench.ask(messages.Approve(proposal.id, token, ""))
    head = json.loads((bench.folder / "audit.head").read_text())
    assert head["seq"] == bench.audited()[-2].seq
    assert bench.audited()[head["seq"] - 1].kind == "approve"
