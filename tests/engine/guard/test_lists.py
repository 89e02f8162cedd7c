from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine.guard import enforce, lists, messages
from engine.guard.fields import list_digest
from engine.guard.policy import Judgement
from engine.types import Proposal, ProposalState
from tests.engine.guard.bench import AT_TERMINAL, HEADLESS, HOST, PERSON, Bench
from tests.fakes import DryRunEntry

GOOD = ("198.18.0.1/32", "198.18.1.0/24", "2001:db8:9::/64")


def stage(bench: Bench, prefixes: tuple[str, ...], batch: str = "b") -> messages.ProposeList:
    for start in range(0, len(prefixes), 1000):
        reply = bench.ask(messages.Stage(batch, prefixes[start : start + 1000]))
        assert isinstance(reply, messages.Done), reply
    return messages.ProposeList(batch, len(prefixes), list_digest(prefixes), 600.0, ("eth0",), "feed", True)


def counted_looks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with every look at the whole map."""
    looks: list[int] = []
    entries = bench.blocker.entries

    def look() -> Sequence[DryRunEntry]:
        looks.append(1)
        return entries()

    monkeypatch.setattr(bench.blocker, "entries", look)
    return looks


def propose(bench: Bench, prefixes: tuple[str, ...] = GOOD) -> Proposal:
    reply = bench.ask(stage(bench, prefixes))
    assert isinstance(reply, messages.Proposed), reply
    return reply.proposal


def test_a_list_is_one_proposal_with_its_sum(bench: Bench) -> None:
    proposal = propose(bench)
    assert (proposal.terms.action, proposal.terms.prefix) == ("block list", "")
    assert proposal.terms.evidence_digest == list_digest(GOOD)
    assert proposal.listed is not None
    assert (proposal.listed.prefixes, proposal.listed.addresses) == (3, 1 + 256 + (1 << 62) - 257)
    assert (proposal.listed.sample, proposal.typed_confirmation) == (GOOD, True)


def test_an_address_within_a_prefix_of_the_list_is_counted_once() -> None:
    sifted = lists.sift(
        ["203.0.113.0/28", "203.0.113.5/32", "198.51.100.9/32", "2001:db8::/126", "2001:db8::1/128"],
        lambda _: Judgement((), (), False),
    )
    assert sifted.listed().addresses == 16 + 1 + 4


def test_a_warning_about_one_of_a_list_names_it(bench: Bench) -> None:
    proposal = propose(bench, ("203.0.113.0/28", "198.51.100.9/32"))
    assert "203.0.113.0/28 holds 16 addresses" in proposal.warnings


def test_an_approved_list_is_one_block_a_target_and_one_decision(bench: Bench) -> None:
    reply = bench.approve(propose(bench), typed="3")
    assert isinstance(reply, messages.Approved)
    assert (reply.count, reply.failed, reply.block.prefix) == (3, 0, "198.18.0.1/32")
    assert set(bench.blocker.map) == set(GOOD)
    assert {block.proposal_id for block in bench.blocks()} == {reply.block.proposal_id}
    kinds = [entry.kind for entry in bench.audited()]
    assert (kinds.count("approve"), kinds.count("write")) == (1, 1)


def test_targets_that_the_rules_refuse_are_left_out_and_named(bench: Bench) -> None:
    proposal = propose(bench, (*GOOD, "192.0.2.1/32", "10.0.0.0/8", "nonsense"))
    assert proposal.listed is not None
    assert (proposal.listed.prefixes, proposal.listed.left_out) == (3, 3)
    assert proposal.listed.left_out_sample[0] == "192.0.2.1/32: 192.0.2.1 is a gateway of this host"
    bench.approve(proposal, typed="3")
    assert set(bench.blocker.map) == set(GOOD)


def test_a_list_of_which_nothing_is_left_is_refused(bench: Bench) -> None:
    assert "refuse all of the list" in bench.refused(stage(bench, ("192.0.2.1/32",)))


@pytest.mark.parametrize("typed", ["", "4", "198.18.0.1", "three"])
def test_the_number_of_prefixes_is_typed(bench: Bench, typed: str) -> None:
    reply = bench.approve(propose(bench), typed=typed)
    assert isinstance(reply, messages.Refused)
    assert (reply.reason, bench.blocker.writes) == ("the number of prefixes, 3, was not typed", [])


def test_a_part_that_was_lost_or_changed_on_the_way_is_noticed(bench: Bench) -> None:
    asked = stage(bench, GOOD)
    bench.ask(messages.Stage("b", ("198.18.9.9/32",)))
    assert "not the 3 that were handed over" in bench.refused(asked)
    swapped = replace(stage(bench, GOOD), digest=list_digest(GOOD[:2]))
    assert "handed over" in bench.refused(swapped)


def test_a_list_belongs_to_the_channel_that_handed_it_over(bench: Bench) -> None:
    asked = stage(bench, GOOD)
    other = replace(AT_TERMINAL, approver=replace(PERSON, tty="pts/9"))
    assert "0 prefixes" in bench.refused(asked, other)
    assert isinstance(bench.ask(asked), messages.Proposed)


def test_a_target_added_to_the_table_after_the_proposal_is_refused(bench: Bench) -> None:
    proposal = propose(bench)
    token = bench.review(proposal.id).token
    with sqlite3.connect(bench.folder / "guard.db") as db:
        db.execute("INSERT INTO targets VALUES (1, '198.18.77.7/32')")
    db.close()
    assert "not those that were proposed" in bench.refused(messages.Approve(proposal.id, token, "3"))
    assert (bench.review(proposal.id).token, bench.blocker.writes) == ("", [])


def test_a_target_that_became_vital_since_is_left_out_of_the_approval(bench: Bench) -> None:
    proposal = propose(bench)
    bench.protected = replace(bench.protected, addresses=replace(HOST, gateways=("198.18.0.1",)))
    assert "1 of the list are refused by now" in bench.review(proposal.id).proposal.warnings[0]
    reply = bench.approve(proposal, typed="3")
    assert isinstance(reply, messages.Approved)
    assert (reply.count, set(bench.blocker.map)) == (2, set(GOOD[1:]))


def test_a_target_that_cuts_a_connection_of_management_is_on_trial_and_the_others_are_not(bench: Bench) -> None:
    bench.managed = [("198.18.1.7", "SSH session")]
    proposal = propose(bench)
    assert bench.review(proposal.id).trial_s == 60.0
    bench.approve(proposal, typed="3")
    assert {block.prefix: block.keep_within_s for block in bench.blocks() if block.keep_within_s} == {GOOD[1]: 60.0}


def test_a_list_says_how_many_of_its_targets_are_blocked_already(bench: Bench) -> None:
    bench.block(GOOD[0])
    warning = "1 of the list are blocked already: this term takes the place of theirs"
    assert bench.review(propose(bench).id).proposal.warnings[0] == warning


def test_a_channel_without_a_person_proposes_a_list_as_the_engine_and_approves_none(bench: Bench) -> None:
    reply = bench.ask(stage(bench, GOOD))
    assert isinstance(reply, messages.Proposed)
    token = bench.review(reply.proposal.id).token
    assert "without the right" in bench.refused(messages.Approve(reply.proposal.id, token, "3"), HEADLESS)


def test_the_same_list_asked_twice_is_one_proposal(bench: Bench) -> None:
    assert propose(bench).id == propose(bench).id


def test_a_decided_list_keeps_its_sum_and_not_its_targets(bench: Bench) -> None:
    proposal = propose(bench)
    bench.ask(messages.Refuse(proposal.id))
    shown = bench.review(proposal.id)
    assert (shown.proposal.state, shown.proposal.listed, shown.token) == (ProposalState.REFUSED, proposal.listed, "")
    assert bench.ledger.targets(shown.proposal) == []


def test_lists_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "TARGETS", 3)
    assert "more than 3 prefixes" in bench.refused(messages.Stage("b", (*GOOD, "198.18.7.7/32")))
    assert "longer than 64" in bench.refused(messages.Stage("b", ("1" * 65,)))
    assert "a list's name" in bench.refused(messages.Stage("b\x1b", GOOD))
    for batch in ("b", "c", "d"):
        stage(bench, GOOD, batch)
    asked = messages.ProposeList("b", 3, list_digest(GOOD), 600.0, ("eth0",), "feed", True)
    assert "0 prefixes" in bench.refused(asked)


def test_a_list_counts_once_for_the_limit_of_approvals(bench: Bench) -> None:
    many = tuple(f"198.18.0.{number}/32" for number in range(200))
    assert isinstance(bench.approve(propose(bench, many), typed="200"), messages.Approved)
    assert isinstance(bench.approve(bench.propose()), messages.Approved)


def test_a_list_that_the_kernel_takes_in_part_says_how_many_failed(bench: Bench) -> None:
    proposal = propose(bench)
    token = bench.review(proposal.id).token
    bench.blocker.failure = OSError(28, "the map is full")
    reply = bench.ask(messages.Approve(proposal.id, token, "3"))
    assert isinstance(reply, messages.Approved)
    assert (reply.count, reply.failed) == (3, 3)
    bench.blocker.failure = None
    bench.guard.tick()
    assert set(bench.blocker.map) == set(GOOD)
    assert [entry.kind for entry in bench.audited()][-3:-1] == ["write_failed", "restore"]


def test_a_flushed_list_comes_back_with_one_audit_entry(bench: Bench) -> None:
    bench.approve(propose(bench), typed="3")
    bench.blocker.map.clear()
    bench.guard.tick()
    assert set(bench.blocker.map) == set(GOOD)
    [restored] = [entry for entry in bench.audited() if entry.kind == "restore"]
    assert list_digest(GOOD) in restored.body


def test_a_list_is_undone_with_one_look_and_one_audit_entry(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    prefixes = tuple(f"198.18.{n // 250}.{n % 250 + 1}/32" for n in range(1000))
    proposal = propose(bench, prefixes)
    bench.approve(proposal, typed="1000")
    bench.block()
    looks = counted_looks(bench, monkeypatch)
    reply = bench.ask(messages.RemoveAll(proposal.id))
    assert reply == messages.Done(f"1,000 blocks of {proposal.id} are not in force any more")
    assert len(looks) == 1
    assert bench.blocker.map.keys() == {"203.0.113.9/32"}
    removed = [json.loads(entry.body)["count"] for entry in bench.audited() if entry.kind == "removed"]
    assert removed == [1000]
    assert bench.refused(messages.RemoveAll(proposal.id)) == f"no block of {proposal.id} is in force"


def test_removals_one_after_another_do_not_read_a_big_map_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enforce, "MANY", 3)
    prefixes = tuple(f"198.18.0.{n}/32" for n in range(1, 101))
    bench.approve(propose(bench, prefixes), typed="100")
    bench.guard.tick()
    looks = counted_looks(bench, monkeypatch)
    for prefix in prefixes[:90]:
        assert isinstance(bench.ask(messages.Remove(prefix)), messages.Done)
    assert len(looks) <= 1
    assert {block.prefix for block in bench.blocks()} == set(prefixes[90:])


def test_no_list_is_permanent(bench: Bench) -> None:
    asked = replace(stage(bench, GOOD), ttl_s=0.0)
    assert bench.refused(asked) == "a list is never permanent: give it a term"


def test_what_takes_a_typed_address_is_not_slipped_into_a_list(bench: Bench) -> None:
    hop = "198.18.1.0/24"
    bench.protected = replace(bench.protected, logins=frozenset({"198.18.0.1"}), shared_hops=(hop,))
    bench.guard.tick()
    proposal = propose(bench)
    assert proposal.listed is not None
    assert proposal.listed.left_out_sample == (
        "198.18.0.1/32: propose it alone: somebody is logged in from 198.18.0.1",
        f"{hop}: propose it alone: {hop} is a shared hop: it stands for many sources",
    )
    bench.protected = replace(bench.protected, logins=frozenset(), shared_hops=())
    bench.guard.tick()
    late = propose(bench, ("198.18.0.1/32", "198.18.0.2/32"))
    bench.protected = replace(bench.protected, logins=frozenset({"198.18.0.1"}))
    bench.approve(late, typed="2")
    assert set(bench.blocker.map) == {"198.18.0.2/32"}


def test_a_list_as_a_whole_is_no_wider_than_one_person_may_answer_for(bench: Bench) -> None:
    slash16s = tuple(f"20.{number}.0.0/16" for number in range(256))
    assert isinstance(bench.ask(stage(bench, slash16s)), messages.Proposed)
    words = "a list holds at most 16,777,216 IPv4 addresses (a /8), this one 16,777,217"
    assert bench.refused(stage(bench, (*slash16s, "21.0.0.1/32"))) == words
    slash48s = tuple(f"2001:db8:{number:x}::/48" for number in range(0x1000, 0x1401))
    assert isinstance(bench.ask(stage(bench, slash48s[:-1])), messages.Proposed)
    assert bench.refused(stage(bench, slash48s)).endswith("1,024 /48s of IPv6 addresses, this one as many as 1,025")


def test_a_list_that_the_kernel_has_no_room_for_says_how_much_of_it(bench: Bench) -> None:
    networks = tuple(f"198.{18 + n // 65536}.{n // 256 % 256}.{n % 256 & 254}/31" for n in range(0, 2 * 16_484, 2))
    words = "the kernel holds 16,384 IPv4 networks; 100 of these would not fit"
    assert bench.refused(stage(bench, networks)) == words
    bench.approve(propose(bench, networks[:100]), typed="100")
    assert isinstance(bench.ask(stage(bench, networks[:16_384])), messages.Proposed)
    assert bench.refused(stage(bench, (*networks[101:16_384], "203.0.113.0/24", "203.0.113.128/25"))).endswith(
        "networks; 1 of these would not fit"
    )


def test_two_lists_of_the_engine_do_not_push_out_that_of_a_person_elsewhere(bench: Bench) -> None:
    at_roots_socket = replace(AT_TERMINAL, roots_terminal=True)
    bench.ask(messages.Stage("mine", GOOD), at_roots_socket)
    for batch in ("b", "c", "d"):
        stage(bench, GOOD, batch)
    asked = messages.ProposeList("mine", 3, list_digest(GOOD), 600.0, ("eth0",), "feed", True)
    assert isinstance(bench.ask(asked, at_roots_socket), messages.Proposed)


def test_a_list_of_one_is_told_as_one(bench: Bench) -> None:
    assert bench.review(propose(bench, GOOD[:1]).id).entry.startswith("drop from and to 1 prefix on eth0")
