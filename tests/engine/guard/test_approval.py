from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.guard import capacity, messages
from engine.guard import terms as durations
from engine.guard.approval import PROPOSALS_PER_MINUTE
from engine.guard.fields import list_digest
from engine.guard.quota import BURST, HOLD_S, Breaker
from engine.guard.schema import HOST_NETWORK
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
    ("seconds", "said"),
    [
        (0.0, "for ever"),
        (HOUR, "1 h"),
        (5400.0, "1 h 30 min"),
        (1505 * 60.0, "25 h 5 min"),
        (DAY, "24 h"),
        (WEEK, "7 d"),
        (45.0, "45 s"),
    ],
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


def test_forged_sources_cannot_hold_off_the_proposals_about_those_that_were_met(bench: Bench) -> None:
    for number in range(BURST):
        bench.propose(terms(f"198.18.0.{number}/32"), handshake=False)
    forged = messages.Propose(terms("198.18.1.1/32"), "why", False, False)
    assert "about sources that may be spoofed: it is held off" in bench.refused(forged)
    for number in range(PROPOSALS_PER_MINUTE):
        bench.refused(replace(forged, terms=terms(f"198.18.2.{number}/32")))
    assert "spoofed" in bench.welcome().held_off
    assert bench.propose(handshake=True).terms.prefix == BAD


def test_each_attempt_while_held_off_begins_the_wait_again() -> None:
    breaker = Breaker("anybody", most=1, hold_s=300)
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


def test_a_replacement_of_a_block_on_trial_inherits_what_is_left_of_the_trial(bench: Bench) -> None:
    bench.managed = [("203.0.113.9", "SSH session of uid 1000 from 203.0.113.9")]
    bench.block()
    trial_ends = bench.clock.boot_ns() + 60 * 10**9
    bench.managed = []  # the block itself cut it
    bench.clock.advance(20)
    asked = bench.ask(messages.Extend(BAD, 7200.0))
    assert isinstance(asked, messages.Proposed)
    review = bench.review(asked.proposal.id)
    assert (review.trial_s, review.trial_why) == (40.0, f"the block of {BAD} that it replaces is on trial")
    reply = bench.approve(asked.proposal)
    assert isinstance(reply, messages.Approved)
    assert (reply.block.keep_within_s, bench.blocker.map[BAD].deadline_ns) == (40.0, trial_ends)
    bench.approve(bench.propose(terms(ttl_s=30.0), by_person=True))
    assert bench.blocker.map[BAD].deadline_ns == bench.clock.boot_ns() + 30 * 10**9
    bench.clock.advance(41)
    bench.guard.tick()
    assert (bench.blocker.map, bench.ended()[0].ended_why) == ({}, "reverted")


def test_a_replacement_of_a_block_that_was_kept_is_on_no_trial(bench: Bench) -> None:
    bench.managed = [("203.0.113.9", "SSH session of uid 1000 from 203.0.113.9")]
    bench.block()
    bench.ask(messages.Keep(BAD))
    bench.managed = []
    extend(bench)
    assert bench.blocks()[0].keep_within_s == 0.0


def test_a_block_of_a_namespace_that_may_be_gone_gives_way_and_that_is_told(bench: Bench) -> None:
    bench.restart(network="4026532001")
    bench.block()
    bench.restart(network="4026532002")
    assert "only a guard there extends it" in bench.refused(messages.Extend(BAD, 7200.0))
    again = bench.propose(terms(ttl_s=600.0))
    assert "in another network namespace ends" in bench.review(again.id).proposal.warnings[0]
    assert isinstance(bench.approve(again), messages.Approved)
    assert bench.ledger.orders.by_prefix()[BAD].network == "4026532002"


def test_a_block_of_the_host_is_not_replaced_nor_lifted_in_another_network_namespace(bench: Bench) -> None:
    bench.block()
    waiting = bench.propose(terms(ttl_s=7200.0), by_person=True)
    bench.restart(network="4026532001")
    words = f"{BAD} is blocked by the guard of the host's own network namespace"
    assert "only a guard there extends it" in bench.refused(messages.Extend(BAD, 7200.0))
    assert bench.refused(messages.Propose(terms(ttl_s=600.0), "why", True, False)) == words
    assert words in bench.review(waiting.id).refusals
    other = ("203.0.113.10/32", BAD)
    bench.ask(messages.Stage("b", other))
    listed = bench.ask(messages.ProposeList("b", 2, list_digest(other), 600.0, ("eth0",), "feed", True))
    assert isinstance(listed, messages.Proposed)
    assert listed.proposal.listed is not None
    assert listed.proposal.listed.left_out_sample == (f"{BAD}: {words}",)
    bench.blocker.halt()
    bench.ask(messages.Resume(restore=False))
    assert bench.ledger.orders.by_prefix()[BAD].network == HOST_NETWORK


def test_what_the_kernel_has_no_room_for_is_refused_when_asked_shown_and_approved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "SINGLES", 2)
    bench.block("198.18.0.1/32")
    late = bench.propose(terms("198.18.0.2/32"))
    token = bench.review(late.id).token
    bench.block("198.18.0.3/32")
    words = "the kernel holds 2 IPv4 addresses; 1 of these would not fit"
    assert bench.refused(messages.Propose(terms("198.18.0.4/32"), "why", True, False)) == words
    assert (bench.review(late.id).refusals, bench.review(late.id).token) == ((words,), "")
    assert bench.refused(messages.Approve(late.id, token, "")) == words
    assert isinstance(bench.ask(messages.Extend("198.18.0.3/32", 60.0)), messages.Proposed)
    bench.ask(messages.Remove("198.18.0.1/32"))
    assert isinstance(bench.approve(late), messages.Approved)


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


def test_a_watch_that_is_renewed_is_noted_once(bench: Bench) -> None:
    proposal = bench.propose()
    for seconds in (30.0, 60.0, 90.0):
        assert isinstance(bench.ask(messages.Watch(proposal.id, seconds)), messages.Watched)
    assert bench.blocks()[0].remaining_s == 90.0
    assert [entry.kind for entry in bench.audited()].count("watch") == 1


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
