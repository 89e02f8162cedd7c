from __future__ import annotations

import math

import pytest

from engine.guard import messages
from engine.guard.blocker import Attached
from engine.types import BlockState
from tests.engine.guard.bench import AT_TERMINAL, HEADLESS, Bench, terms

BAD = "203.0.113.9/32"


@pytest.fixture
def fresh(bench: Bench) -> Bench:
    """A guard for an interface that it never saw: ``eth1``, which nobody kept."""
    bench.ledger.close()
    bench.start(ifaces=("eth0", "eth1"))
    return bench


def managed(bench: Bench) -> Bench:
    bench.managed = [("203.0.113.9", "SSH session of uid 1000 from 203.0.113.9")]
    return bench


def on_trial(bench: Bench) -> dict[str, float]:
    return {one.iface: one.keep_within_s for one in bench.welcome().attached if one.keep_within_s}


def test_a_first_attachment_is_held_by_this_process_only_until_a_key_of_a_person_keeps_it(fresh: Bench) -> None:
    assert on_trial(fresh) == {"eth1": 60.0}
    assert fresh.blocker.links["eth1"].on_trial
    fresh.clock.advance(20)
    assert on_trial(fresh) == {"eth1": 40.0}
    assert fresh.ask(messages.Keep()) == messages.Done("eth1 kept")
    assert (on_trial(fresh), fresh.blocker.links["eth1"].on_trial) == ({}, False)
    fresh.clock.advance(1000)
    fresh.guard.tick()
    assert set(fresh.blocker.links) == {"eth0", "eth1"}


def test_a_first_attachment_that_nobody_keeps_is_taken_off_and_said(fresh: Bench) -> None:
    assert fresh.guard.due_in() == 60.0
    fresh.clock.advance(60)
    assert fresh.guard.due_in() == 0.0
    fresh.guard.tick()
    words = "eth1: taken off, nobody kept it within 60 s; reviewing a proposal attaches it again"
    assert (set(fresh.blocker.links), fresh.welcome().degraded) == ({"eth0"}, (words,))
    assert words in fresh.welcome().dataplane
    assert fresh.audited()[-2].kind == "reverted"
    fresh.clock.advance(100)
    fresh.guard.tick()
    assert (set(fresh.blocker.links), fresh.guard.due_in()) == ({"eth0"}, math.inf)


def test_what_was_taken_off_is_attached_again_by_a_persons_review_and_kept_by_their_approval(bench: Bench) -> None:
    bench.ledger.close()
    bench.start(ifaces=("eth1",))
    bench.clock.advance(61)
    bench.guard.tick()
    proposal = bench.propose(terms(ifaces=("eth1",)))
    assert bench.ask(messages.Show(proposal.id), HEADLESS) is not None
    assert "eth1" not in bench.blocker.links
    review = bench.review(proposal.id)
    assert (review.refusals, on_trial(bench)) == ((), {"eth1": 60.0})
    assert isinstance(bench.ask(messages.Approve(proposal.id, review.token, "")), messages.Approved)
    assert on_trial(bench) == {}


def test_a_proposal_without_interfaces_is_for_those_that_were_taken_off_too(fresh: Bench) -> None:
    fresh.clock.advance(61)
    fresh.guard.tick()
    assert fresh.propose(terms(ifaces=())).terms.ifaces == ("eth0", "eth1")


@pytest.mark.parametrize("asked", [messages.Hello(), messages.Blocks(), messages.Proposals(), messages.Addresses()])
def test_what_a_console_asks_by_itself_keeps_nothing(fresh: Bench, asked: messages.Request) -> None:
    fresh.ask(asked)
    assert on_trial(fresh) == {"eth1": 60.0}


@pytest.mark.parametrize(
    "asked",
    [
        messages.Propose(terms(), "why", True, False, by_person=True),
        messages.ProposeList("b", 1, "", 60.0, ("eth1",), "feed", by_person=True),
        messages.Show("P-1"),
        messages.Refuse("P-1"),
        messages.Remove(BAD),
        messages.RemoveAll("P-1"),
        messages.Extend(BAD, 60.0),
        messages.Watch("P-1", 60.0),
        messages.Resume(restore=True),
        messages.Allow("198.51.100.0/24", "office", 0.0),
        messages.Disallow("198.51.100.0/24"),
    ],
    ids=lambda asked: type(asked).__name__,
)
def test_what_a_command_may_send_without_a_key_keeps_no_attachment(fresh: Bench, asked: messages.Request) -> None:
    fresh.propose()
    fresh.ask(asked)
    fresh.clock.advance(60)
    fresh.guard.tick()
    assert set(fresh.blocker.links) == {"eth0"}


def test_a_block_asked_for_and_shown_over_a_connection_that_the_program_broke_reverts(fresh: Bench) -> None:
    proposal = fresh.propose(by_person=True)
    assert fresh.review(proposal.id).token
    assert on_trial(fresh) == {"eth1": 60.0}
    fresh.approve(proposal)
    assert on_trial(fresh) == {}


@pytest.mark.parametrize("asked", [messages.Keep(), messages.Keep("eth1"), messages.Remove(BAD), messages.Show("P-1")])
def test_a_channel_without_a_person_keeps_nothing(fresh: Bench, asked: messages.Request) -> None:
    fresh.ask(asked, HEADLESS)
    assert on_trial(fresh) == {"eth1": 60.0}


def test_an_attachment_of_an_earlier_guard_counts_as_kept(fresh: Bench) -> None:
    fresh.ledger.close()
    fresh.blocker.keep("eth1")
    fresh.start(ifaces=("eth0", "eth1"))
    assert on_trial(fresh) == {}
    fresh.blocker.links.pop("eth1")
    fresh.guard.tick()
    assert (on_trial(fresh), fresh.blocker.links["eth1"].on_trial) == ({}, False)


def test_an_interface_that_was_kept_is_attached_for_good_after_a_reboot(bench: Bench) -> None:
    bench.blocker.links.clear()
    bench.clock.reboot(60)
    bench.restart()
    assert not bench.blocker.links["eth0"].on_trial


def test_a_guard_that_dies_takes_an_attachment_on_trial_with_it(fresh: Bench) -> None:
    fresh.restart()
    assert set(fresh.blocker.links) == {"eth0"}


def test_a_block_that_cuts_a_connection_of_management_is_shown_and_written_on_trial(bench: Bench) -> None:
    proposal = managed(bench).propose()
    review = bench.review(proposal.id)
    assert (review.trial_s, review.trial_why) == (60.0, "SSH session of uid 1000 from 203.0.113.9")
    reply = bench.approve(proposal)
    assert isinstance(reply, messages.Approved)
    assert (reply.block.keep_within_s, reply.block.remaining_s) == (60.0, 3600.0)
    assert bench.blocker.map[BAD].deadline_ns == bench.clock.boot_ns() + 60 * 10**9


def test_a_block_reverts_by_itself_when_nobody_keeps_it(bench: Bench) -> None:
    managed(bench).block()
    assert bench.guard.due_in() == 60.0
    bench.clock.advance(60)
    assert [block.state for block in bench.blocks()] == [BlockState.EXPIRED]
    bench.guard.tick()
    assert (bench.blocker.map, bench.blocks()) == ({}, [])
    [gone] = bench.ended()
    assert (gone.prefix, gone.ended_why, gone.ended_at) == (BAD, "reverted", bench.clock.wall())


def test_a_block_that_a_person_keeps_lasts_as_long_as_was_approved(bench: Bench) -> None:
    managed(bench).block()
    deadline = bench.clock.boot_ns() + 3600 * 10**9
    bench.clock.advance(50)
    assert "without the right" in bench.refused(messages.Keep(BAD), HEADLESS)
    assert isinstance(bench.ask(messages.Keep("203.0.113.9")), messages.Done)
    assert (bench.blocker.map[BAD].deadline_ns, bench.guard.due_in()) == (deadline, math.inf)
    bench.clock.advance(100)
    bench.guard.tick()
    assert [(block.state, block.keep_within_s) for block in bench.blocks()] == [(BlockState.LIVE, 0.0)]
    assert "is not on trial" in bench.refused(messages.Keep(BAD))


def test_a_key_of_the_person_keeps_no_block(bench: Bench) -> None:
    managed(bench).block()
    bench.ask(messages.Keep())
    assert bench.blocks()[0].keep_within_s == 60.0


@pytest.mark.parametrize("after_s", [30.0, 61.0])
def test_a_guard_killed_while_a_block_is_on_trial_changes_nothing_about_it(bench: Bench, after_s: float) -> None:
    managed(bench).block()
    bench.clock.advance(after_s)
    bench.restart()
    left = [block.keep_within_s for block in bench.blocks()]
    assert left == ([60 - after_s] if after_s < 60 else [])


def test_a_trial_does_not_outlast_its_boot(bench: Bench) -> None:
    managed(bench).block()
    bench.blocker.map.clear()
    bench.clock.reboot(5)
    bench.restart()
    assert (bench.blocks(), bench.ended()[0].ended_why) == ([], "reverted")


def test_a_block_that_ends_within_the_trial_is_on_none(bench: Bench) -> None:
    managed(bench)
    assert bench.review(bench.propose(terms(ttl_s=45.0)).id).trial_s == 0.0
    bench.block(ttl_s=45.0)
    assert bench.blocks()[0].keep_within_s == 0.0


def test_a_connection_that_came_after_the_review_puts_the_block_on_trial_all_the_same(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    managed(bench)
    reply = bench.ask(messages.Approve(proposal.id, token, ""), AT_TERMINAL)
    assert isinstance(reply, messages.Approved)
    assert reply.block.keep_within_s == 60.0


def test_what_fell_back_is_told_again_by_the_next_guard(bench: Bench) -> None:
    why = "native XDP is refused, generic is used"
    bench.ask(messages.Attach(("eth1",)))
    found = Attached("generic", "tcx", fallen_back=(why,))
    bench.ledger.grants.note_attached("eth1", found)
    bench.blocker.links["eth1"] = found._replace(fallen_back=())
    bench.restart()
    assert bench.welcome().degraded == (f"eth1: {why}",)
    bench.blocker.links["eth1"] = Attached("generic", "")
    bench.restart()
    assert bench.welcome().degraded == ("eth1: generic XDP: slower than native", "eth1: outbound packets still leave")


def test_a_title_that_a_user_chose_steers_no_terminal(bench: Bench) -> None:
    bench.managed = [("203.0.113.9", "SSH session \x1b]0;root\x07 from\u202e 203.0.113.9")]
    review = bench.review(bench.propose().id)
    assert review.trial_why.isprintable()
    assert "SSH session" in review.trial_why
