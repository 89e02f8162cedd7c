from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.guard import approval, codec, guard, messages
from engine.guard import ledger as ledgers
from engine.guard.blocker import Attached
from engine.guard.codec import encode
from engine.guard.guard import Channel
from engine.host import people
from engine.types import BlockState, FiveTuple, ProposalState
from tests.engine.guard.bench import AT_TERMINAL, HEADLESS, HOST, PERSON, Bench, terms
from tests.fakes import DryRunBlocker


def test_a_proposal_a_review_and_an_approval_make_a_live_block(bench: Bench) -> None:
    proposal = bench.propose()
    review = bench.review(proposal.id)
    assert (review.proposal, review.refusals, bench.blocker.writes) == (proposal, (), [])
    reply = bench.ask(messages.Approve(proposal.id, review.token, ""))
    assert isinstance(reply, messages.Approved)
    assert (reply.block.state, reply.block.prefix, reply.block.proposal_id) == (
        BlockState.LIVE,
        "203.0.113.9/32",
        proposal.id,
    )
    assert reply.block.approver == f"{people.name_of(1000)} on pts/3 from 198.51.100.7"
    assert bench.blocker.map["203.0.113.9/32"].deadline_ns == bench.clock.boot_ns() + 3600 * 10**9


def test_a_replayed_token_is_refused(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    bench.ask(messages.Approve(proposal.id, token, ""))
    assert "is approved" in bench.refused(messages.Approve(proposal.id, token, ""))
    assert bench.blocker.writes == ["203.0.113.9/32"]


def test_a_token_of_another_proposal_is_refused(bench: Bench) -> None:
    one, other = bench.propose(), bench.propose(terms("203.0.113.10/32"))
    token = bench.review(one.id).token
    assert "does not belong" in bench.refused(messages.Approve(other.id, token, ""))


@pytest.mark.parametrize("token", ["", ".", "x", "é.é", "a" * 500], ids=str.__len__)
def test_a_made_up_token_is_refused(bench: Bench, token: str) -> None:
    assert "does not belong" in bench.refused(messages.Approve(bench.propose().id, token, ""))


def test_a_token_dies_with_the_guard(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    bench.restart()
    assert "review it again" in bench.refused(messages.Approve(proposal.id, token, ""))
    assert bench.review(proposal.id).token


@pytest.mark.parametrize(
    "edit",
    [
        "terms = replace(terms, '203.0.113.9/32', '203.0.113.0/24')",
        "terms = replace(terms, '3600.0', '604800.0')",
        "terms = replace(terms, 'eth0', 'eth1')",
        "terms = replace(terms, 'INC-00000001', 'INC-00000002')",
        "terms = replace(terms, 'abab', 'cdcd')",
        "expires_at = expires_at + 86400",
        "handshake = 0",
    ],
)
def test_terms_edited_after_the_review_are_refused(bench: Bench, edit: str) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    with sqlite3.connect(bench.folder / "guard.db") as db:
        db.execute(f"UPDATE proposals SET {edit}")
    db.close()
    bench.refused(messages.Approve(proposal.id, token, ""))
    assert bench.blocker.writes == []


def test_terms_edited_before_the_review_get_no_token(bench: Bench) -> None:
    proposal = bench.propose()
    with sqlite3.connect(bench.folder / "guard.db") as db:
        db.execute("UPDATE proposals SET terms = replace(terms, '203.0.113.9', '203.0.113.10')")
    db.close()
    review = bench.review(proposal.id)
    assert (review.token, "not those that were proposed" in review.refusals[0]) == ("", True)


def test_an_expired_proposal_is_never_executed(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    bench.clock.advance(901)
    assert "is expired" in bench.refused(messages.Approve(proposal.id, token, ""))
    assert bench.blocker.writes == []


def test_a_refused_proposal_cannot_be_approved(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    assert isinstance(bench.ask(messages.Refuse(proposal.id)), messages.Done)
    assert "is refused" in bench.refused(messages.Approve(proposal.id, token, ""))


def test_two_approvals_of_one_proposal_write_once(bench: Bench) -> None:
    proposal = bench.propose()
    first, second = bench.review(proposal.id).token, bench.review(proposal.id).token
    assert isinstance(bench.ask(messages.Approve(proposal.id, first, "")), messages.Approved)
    bench.refused(messages.Approve(proposal.id, second, ""))
    assert bench.blocker.writes == ["203.0.113.9/32"]


def test_a_channel_without_a_person_may_not_approve(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    reason = bench.refused(messages.Approve(proposal.id, token, ""), HEADLESS)
    assert reason == "this console was started without the right to approve"
    bench.refused(messages.Resume(restore=False), HEADLESS)
    bench.refused(messages.Allow("203.0.113.0/24", "mine", 0.0), HEADLESS)
    bench.refused(messages.Attach(("eth1",)), HEADLESS)
    assert bench.refused(messages.Refuse(proposal.id), HEADLESS) == reason
    assert bench.review(proposal.id).proposal.state is ProposalState.PENDING
    assert (bench.blocker.writes, set(bench.blocker.links)) == ([], {"eth0"})


@pytest.mark.parametrize("prefix", ["192.0.2.2/32", "198.51.100.7", "::ffff:192.0.2.1", "0.0.0.0/0", "nonsense"])
def test_what_is_never_blocked_is_not_even_proposed(bench: Bench, prefix: str) -> None:
    assert bench.refused(messages.Propose(terms(prefix), "why", True, False))


def test_an_address_that_became_the_operators_is_refused_at_the_approval(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    bench.protected = replace(bench.protected, addresses=replace(HOST, operators=("203.0.113.9",)))
    bench.guard.tick()
    assert "connected from" in bench.refused(messages.Approve(proposal.id, token, ""))
    assert "connected from" in bench.review(proposal.id).refusals[0]


def test_a_spoofable_source_takes_the_typed_address(bench: Bench) -> None:
    proposal = bench.propose(handshake=False)
    token = bench.review(proposal.id).token
    assert proposal.typed_confirmation
    assert "not typed" in bench.refused(messages.Approve(proposal.id, token, ""))
    assert "not typed" in bench.refused(messages.Approve(proposal.id, token, "203.0.113.99"))
    assert isinstance(bench.ask(messages.Approve(proposal.id, token, "203.0.113.9")), messages.Approved)


def test_a_login_that_came_after_the_proposal_takes_the_typed_address(bench: Bench) -> None:
    proposal = bench.propose()
    bench.protected = replace(bench.protected, logins=frozenset({"203.0.113.9"}))
    bench.guard.tick()
    assert bench.review(proposal.id).proposal.typed_confirmation
    assert isinstance(bench.approve(proposal), messages.Refused)


def test_a_login_that_ended_since_the_proposal_takes_no_typed_address(bench: Bench) -> None:
    bench.protected = replace(bench.protected, logins=frozenset({"203.0.113.9"}))
    bench.guard.tick()
    proposal = bench.propose()
    assert proposal.typed_confirmation
    bench.protected = replace(bench.protected, logins=frozenset())
    assert not bench.review(proposal.id).proposal.typed_confirmation
    assert isinstance(bench.approve(proposal), messages.Approved)


def test_what_became_protected_since_the_review_is_refused_and_spared_at_once(bench: Bench) -> None:
    first, second = bench.propose(), bench.propose(terms("203.0.113.10/32"))
    tokens = {one.id: bench.review(one.id).token for one in (first, second)}
    beats = bench.blocker.beats
    bench.protected = replace(bench.protected, endpoints=("203.0.113.9",))
    assert "endpoint" in bench.refused(messages.Approve(first.id, tokens[first.id], ""))
    assert "203.0.113.9/32" in bench.blocker.allow
    assert isinstance(bench.ask(messages.Approve(second.id, tokens[second.id], "")), messages.Approved)
    assert bench.blocker.beats == beats + 1


def test_a_bare_ipv6_address_is_proposed_with_its_network(bench: Bench) -> None:
    assert bench.propose(terms("2001:db8:9:9::9")).terms.prefix == "2001:db8:9:9::/64"
    assert bench.propose(terms("::ffff:203.0.113.9")).terms.prefix == "203.0.113.9/32"


def test_no_interface_named_means_those_that_are_attached(bench: Bench) -> None:
    assert bench.propose(terms(ifaces=())).terms.ifaces == ("eth0",)


def test_a_proposal_for_other_interfaces_is_refused(bench: Bench) -> None:
    proposal = bench.propose(terms(ifaces=("eth0", "eth1")))
    assert bench.review(proposal.id).refusals == (f"{proposal.id} is for eth0, eth1, the guard is attached to eth0",)


@pytest.mark.parametrize(("restore", "back"), [(False, set()), (True, {"203.0.113.8/32"})])
def test_while_halted_nothing_is_approved_until_a_person_resumes(bench: Bench, restore: bool, back: set[str]) -> None:
    bench.block("203.0.113.8/32")
    bench.blocker.halt()
    proposal = bench.propose()
    review = bench.review(proposal.id)
    assert (review.halted, review.refusals, review.token) == (True, (), "")
    assert "halted by panic-unblock" in bench.refused(messages.Approve(proposal.id, review.token, ""))
    assert isinstance(bench.ask(messages.Resume(restore)), messages.Done)
    assert set(bench.blocker.map) == back
    assert isinstance(bench.approve(proposal), messages.Approved)


def test_resuming_what_is_not_halted_lifts_nothing(bench: Bench) -> None:
    bench.block("203.0.113.8/32")
    bench.ask(messages.Resume(restore=False))
    assert set(bench.blocker.map) == {"203.0.113.8/32"}


def test_without_a_data_plane_the_reason_is_told_and_nothing_is_approved(bench: Bench) -> None:
    bench.ledger.close()
    bench.blocker.links.clear()
    bench.start(ifaces=())
    proposal = bench.propose()
    assert bench.review(proposal.id).refusals == ("monitor only: the guard was started for no interface",)
    assert isinstance(bench.approve(proposal), messages.Refused)


class Fleeting(DryRunBlocker):
    """Attaches to interfaces of which one is deleted at that moment."""

    def attached(self) -> dict[str, Attached]:
        """Return how each interface that is still there is attached."""
        return {iface: found for iface, found in super().attached().items() if iface != "eth7"}


@pytest.mark.parametrize("others", [(), ("eth0",)], ids=["alone", "beside another"])
def test_an_interface_that_went_away_while_it_was_attached_is_named(tmp_path: Path, others: tuple[str, ...]) -> None:
    bench = Bench(tmp_path, Fleeting())
    bench.ledger.close()
    bench.blocker.links.clear()
    bench.start(ifaces=("eth7", *others))
    told = bench.welcome().dataplane
    assert told.endswith("nothing is attached to eth7: it went away, or is not attached yet"), told
    assert "started for no interface" not in told
    if not others:
        refusals = bench.review(bench.propose().id).refusals
        assert refusals == ("nothing is attached to eth7: it went away, or is not attached yet",)


def test_a_guard_that_cannot_read_the_addresses_approves_nothing(bench: Bench) -> None:
    proposal = bench.propose()
    bench.blind = "netlink is closed"
    bench.guard.tick()
    assert "netlink is closed" in bench.review(proposal.id).refusals[0]


def test_a_removed_block_is_out_of_the_map_and_stays_out(bench: Bench) -> None:
    bench.block()
    assert isinstance(bench.ask(messages.Remove("203.0.113.9"), HEADLESS), messages.Done)
    bench.guard.tick()
    assert bench.blocker.map == {}
    assert "is not blocked" in bench.refused(messages.Remove("203.0.113.9"))


def test_an_allowed_prefix_is_spared_at_once(bench: Bench) -> None:
    assert isinstance(bench.ask(messages.Allow("203.0.113.0/24", "office", 0.0)), messages.Done)
    assert "203.0.113.0/24" in bench.blocker.allow
    assert "office" in bench.refused(messages.Propose(terms(), "why", True, False))
    assert isinstance(bench.ask(messages.Disallow("203.0.113.0/24")), messages.Done)
    assert "203.0.113.0/24" not in bench.blocker.allow


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("0.0.0.0/0", "0.0.0.0/0 is wider than /16: allowing everything ends all blocking"),
        ("::/0", "::/0 is wider than /48: allowing everything ends all blocking"),
        ("20.0.0.0/15", "20.0.0.0/15 is wider than /16: no block would hold for so many"),
        ("2001:db8::/47", "2001:db8::/47 is wider than /48: no block would hold for so many"),
    ],
)
def test_nobody_allows_a_large_part_of_the_internet(bench: Bench, prefix: str, words: str) -> None:
    before = bench.blocker.allow
    assert bench.refused(messages.Allow(prefix, "everybody", 0.0)) == words
    assert bench.blocker.allow == before


@pytest.mark.parametrize("prefix", ["20.0.0.0/16", "2001:db8::/48"])
def test_the_widest_prefix_that_may_be_blocked_may_be_allowed(bench: Bench, prefix: str) -> None:
    assert isinstance(bench.ask(messages.Allow(prefix, "mine", 0.0)), messages.Done)


def test_the_allow_list_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "ALLOWED", 2)
    for prefix in ("20.0.0.0/16", "20.1.0.0/16"):
        bench.ask(messages.Allow(prefix, "mine", 0.0))
    assert "holds 2 prefixes already" in bench.refused(messages.Allow("20.2.0.0/16", "mine", 0.0))
    assert isinstance(bench.ask(messages.Allow("20.1.0.0/16", "still mine", 60.0)), messages.Done)


@pytest.mark.parametrize(
    ("channel", "most"),
    [(HEADLESS, guard.NOTES_PER_MINUTE[True]), (AT_TERMINAL, guard.NOTES_PER_MINUTE[False])],
    ids=["nobody", "person"],
)
def test_what_only_leaves_a_note_is_limited_for_each_kind_of_channel(bench: Bench, channel: Channel, most: int) -> None:
    other = AT_TERMINAL if channel is HEADLESS else HEADLESS
    for _ in range(most):
        assert isinstance(bench.ask(messages.ExportAudit(), channel), messages.AuditPage)
    words = f"more than {most} watches and exports a minute: wait"
    assert bench.refused(messages.ExportAudit(), channel) == words
    assert bench.refused(messages.Watch(bench.propose().id, 60.0), channel) == words
    assert isinstance(bench.ask(messages.ExportAudit(1), channel), messages.AuditPage)
    assert isinstance(bench.ask(messages.ExportAudit(), other), messages.AuditPage)
    bench.clock.advance(60)
    assert isinstance(bench.ask(messages.ExportAudit(), channel), messages.AuditPage)


def test_the_never_block_set_is_in_the_kernel_from_the_start(bench: Bench) -> None:
    assert {"192.0.2.2/32", "192.0.2.1/32", "198.51.100.7/32", "203.0.113.200/32"} <= set(bench.blocker.allow)


def test_more_than_thirty_approvals_a_minute_are_refused(bench: Bench) -> None:
    for number in range(approval.WRITES_PER_MINUTE):
        bench.block(f"203.0.113.{number}/32")
    proposal = bench.propose(terms("203.0.113.100/32"), by_person=True)
    reply = bench.approve(proposal)
    assert isinstance(reply, messages.Refused)
    assert "approvals a minute" in reply.reason
    bench.clock.advance(61)
    assert isinstance(bench.approve(proposal), messages.Approved)


def test_many_blocks_come_in_pages(bench: Bench) -> None:
    for number in range(300):
        bench.blocker.add(f"198.18.{number // 256}.{number % 256}/32", 0, 1, ("eth0",))
    first = bench.ask(messages.Blocks())
    assert isinstance(first, messages.BlockList)
    assert (first.more, first.total, len(bench.blocks())) == (True, 300, 300)
    assert len(codec.encode(first, 1)) <= codec.PACKET_BYTES


def test_long_warnings_and_reasons_still_fit_a_packet(bench: Bench) -> None:
    for number in range(64):
        bench.ask(messages.Allow(f"203.0.113.{number}/32", "\U0001d538" * 512, 0.0))
    wide = replace(terms("203.0.113.0/24"), ifaces=tuple(f"eth{number}" for number in range(64)))
    reply = bench.ask(messages.Propose(wide, "\U0001d538" * 512, False, True))
    assert isinstance(reply, messages.Proposed)
    assert isinstance(bench.ask(messages.Proposals()), messages.ProposalList)
    assert isinstance(bench.ask(messages.Show(reply.proposal.id)), messages.Review)


def test_a_closed_database_is_a_refusal_and_not_a_crash(bench: Bench) -> None:
    proposal = bench.propose()
    bench.ledger.close()
    assert "cannot do" in bench.refused(messages.Show(proposal.id))
    bench.guard.tick()
    bench.ledger = type(bench.ledger)(bench.folder)


def test_every_step_of_a_block_is_in_the_audit_chain(bench: Bench) -> None:
    bench.block()
    bench.refused(messages.Approve("P-1", "made up", ""))
    bench.ask(messages.Remove("203.0.113.9/32"))
    bench.guard.stop("test")
    with sqlite3.connect(bench.folder / "guard.db") as db:
        kinds = [kind for (kind,) in db.execute("SELECT kind FROM audit ORDER BY seq")]
    db.close()
    assert kinds == ["start", "attach", "kept", "propose", "approve", "write", "refused", "removed", "stop"]
    audit = bench.ask(messages.VerifyAudit())
    assert isinstance(audit, messages.Audit)
    assert (audit.entries, audit.problems) == (9, ())


def test_facts_of_the_host_are_answered(bench: Bench) -> None:
    owner = bench.ask(messages.FindOwner(FiveTuple("203.0.113.9", 1, "192.0.2.2", 1, "tcp")))
    facts = bench.ask(messages.Describe(1, 0.0))
    assert isinstance(owner, messages.Owner)
    assert isinstance(facts, messages.Process)


FIELDS = st.text(max_size=30) | st.integers() | st.booleans() | st.floats() | st.none() | st.lists(st.text(max_size=5))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(messages.REQUESTS)), st.lists(FIELDS, max_size=4), st.binary(max_size=100))
def test_garbage_is_answered_and_never_writes_the_map(
    bench: Bench, kind: str, values: list[object], raw: bytes
) -> None:
    names = list(messages.REQUESTS[kind].__dataclass_fields__)
    body = dict(zip(names, values, strict=False))
    envelope = {"v": 1, "n": 1, "type": kind, "body": body}
    for packet in (json.dumps(envelope).encode(), raw):
        reply, _ = messages.decode_reply(bench.guard.answer(packet, AT_TERMINAL))
        assert not isinstance(reply, messages.Approved)
    assert bench.blocker.writes == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=20), st.text(max_size=70), st.text(max_size=20), st.floats(allow_nan=False))
def test_well_formed_nonsense_never_writes_the_map(
    bench: Bench, name: str, token: str, prefix: str, ttl: float
) -> None:
    bench.clock.advance(2)
    requests: list[messages.Request] = [
        messages.Approve(name, token, prefix),
        messages.Approve(bench.propose().id, token, "203.0.113.9"),
        messages.Propose(terms(prefix, ttl), name, True, False),
        messages.Show(name),
        messages.Refuse(name),
        messages.Remove(prefix),
        messages.Blocks(-5),
    ]
    for request in requests:
        try:
            packet = encode(request, 1)
        except ValueError:
            continue
        messages.decode_reply(bench.guard.answer(packet, AT_TERMINAL))
    assert bench.blocker.writes == []


def test_a_proposal_made_twice_is_one_proposal(bench: Bench) -> None:
    assert bench.propose() == bench.propose()
    reply = bench.ask(messages.Proposals())
    assert isinstance(reply, messages.ProposalList)
    assert [proposal.state for proposal in reply.proposals] == [ProposalState.PENDING]


def test_a_proposal_of_the_engine_that_a_person_asks_for_too_stands_for_their_reason(bench: Bench) -> None:
    first = bench.propose()
    again = messages.Propose(terms(), "the customer called", True, False, by_person=True)
    for _ in range(3):
        reply = bench.ask(again)
        assert isinstance(reply, messages.Proposed)
        assert reply.proposal == replace(first, reason="the customer called")
    assert bench.review(first.id).proposal.reason == "the customer called"
    assert bench.propose().reason == "the customer called"
    assert [entry.kind for entry in bench.audited()].count("asked_again") == 1


def test_the_person_at_the_channel_is_told(bench: Bench) -> None:
    welcome = bench.ask(messages.Hello())
    assert isinstance(welcome, messages.Welcome)
    assert (welcome.approver, welcome.may_approve, welcome.blocking, welcome.dataplane) == (
        PERSON,
        True,
        True,
        "XDP native",
    )


def test_the_peer_of_a_person_who_talks_to_the_guard_is_protected_from_then_on(bench: Bench) -> None:
    other = Channel(replace(PERSON, ssh_peer="::ffff:203.0.113.9"))
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    assert "connected from" in bench.refused(messages.Approve(proposal.id, token, ""), other)
    bench.guard.tick()
    assert "connected from" in bench.review(proposal.id).refusals[0]
    assert "203.0.113.9/32" in bench.blocker.allow


def test_a_block_on_other_interfaces_that_an_approval_would_end_is_told(bench: Bench) -> None:
    bench.block()
    bench.blocker.links["eth1"] = Attached("native")
    bench.guard.tick()
    proposal = bench.propose(terms(ifaces=("eth1",)))
    assert bench.review(proposal.id).proposal.warnings == ("the block on eth0 ends: this one takes its place",)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"incident_id": "INC\x1b]0;x\x07"}, id="escape in the incident id"),
        pytest.param({"incident_id": "I" * 65}, id="long incident id"),
        pytest.param({"evidence_digest": "zz"}, id="digest that is not hex"),
        pytest.param({"evidence_digest": "a" * 65}, id="long digest"),
        pytest.param({"ifaces": ("eth0\0",)}, id="NUL in an interface"),
        pytest.param({"ifaces": ("eth0 ",)}, id="space in an interface"),
        pytest.param({"ifaces": ("e" * 16,)}, id="long interface"),
        pytest.param({"ifaces": ("",)}, id="empty interface"),
        pytest.param({"action": "\x1b[2Jblock"}, id="another action"),
    ],
)
def test_a_field_that_holds_what_it_must_not_is_refused_without_repeating_it(
    bench: Bench, wrong: dict[str, Any]
) -> None:
    reason = bench.refused(messages.Propose(replace(terms(), **wrong), "why", True, False))
    assert reason.isprintable()


def test_control_characters_in_a_reason_are_not_kept(bench: Bench) -> None:
    reply = bench.ask(messages.Propose(terms(), "GET \x1b]0;x\x07/\u202eevil\n", True, False))
    assert isinstance(reply, messages.Proposed)
    assert reply.proposal.reason == "GET  ]0;x / evil "


@pytest.mark.parametrize("name", ["eth0\0", "eth0/../x", "e" * 16, "", "\x1b[31m"])
def test_a_hostile_interface_name_is_refused_and_the_guard_lives(bench: Bench, name: str) -> None:
    assert bench.refused(messages.Attach((name,))).isprintable()
    assert isinstance(bench.ask(messages.Hello()), messages.Welcome)


def test_a_value_error_anywhere_is_a_refusal(bench: Bench) -> None:
    bench.blocker.failure = ValueError("embedded null byte")
    assert "embedded null byte" in bench.refused(messages.Attach(("eth1",)))


def test_what_the_engine_asks_for_leaves_room_for_a_person(bench: Bench) -> None:
    for _ in range(approval.PROPOSALS_PER_MINUTE):
        bench.propose(terms("198.18.0.1/32"), handshake=False)
    spoofed = messages.Propose(terms("198.19.0.1/32"), "why", False, False)
    assert "proposals a minute" in bench.refused(spoofed)
    assert isinstance(bench.ask(replace(spoofed, by_person=True)), messages.Proposed)
    at_roots_socket = replace(AT_TERMINAL, roots_terminal=True)
    assert isinstance(bench.ask(spoofed, at_roots_socket), messages.Proposed)


def test_a_console_that_may_not_approve_has_no_persons_quota(bench: Bench) -> None:
    for _ in range(approval.PROPOSALS_PER_MINUTE):
        bench.propose(terms("198.18.0.1/32"))
    claimed = messages.Propose(terms(), "why", True, False, by_person=True)
    assert "proposals a minute" in bench.refused(claimed, HEADLESS)


def test_pending_questions_about_spoofable_sources_give_way_and_a_persons_stay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "PENDING_LIMIT", 3)
    mine = messages.Propose(terms("203.0.113.1/32"), "why", False, False, by_person=True)
    assert isinstance(bench.ask(mine), messages.Proposed)
    met = bench.propose(terms("203.0.113.2/32"))
    for number in range(10):
        bench.propose(terms(f"198.18.0.{number}/32"), handshake=False)
    reply = bench.ask(messages.Proposals())
    assert isinstance(reply, messages.ProposalList)
    waiting = [found.terms.prefix for found in reply.proposals if found.state is ProposalState.PENDING]
    assert waiting == ["198.18.0.9/32", "198.18.0.8/32", met.terms.prefix, "203.0.113.1/32"]


def test_a_question_that_a_person_asks_again_does_not_give_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "PENDING_LIMIT", 1)
    first = bench.propose(handshake=False)
    bench.ask(messages.Propose(terms(), "mine", False, False, by_person=True))
    bench.propose(terms("198.18.0.1/32"), handshake=False)
    bench.propose(terms("198.18.0.2/32"), handshake=False)
    assert bench.review(first.id).token


def test_an_address_that_became_vital_a_moment_ago_is_refused_at_review_and_approval(bench: Bench) -> None:
    proposal = bench.propose()
    token = bench.review(proposal.id).token
    bench.protected = replace(bench.protected, addresses=replace(HOST, gateways=("203.0.113.9",)))
    assert "gateway" in bench.refused(messages.Approve(proposal.id, token, ""))
    assert "gateway" in bench.review(proposal.id).refusals[0]


def test_an_approval_lets_the_kernel_spare_what_became_vital_a_moment_ago(bench: Bench) -> None:
    proposal = bench.propose(terms("203.0.113.0/24"))
    token = bench.review(proposal.id).token
    bench.protected = replace(bench.protected, addresses=replace(HOST, resolvers=("203.0.113.53",)))
    assert isinstance(bench.ask(messages.Approve(proposal.id, token, "")), messages.Approved)
    assert "203.0.113.53/32" in bench.blocker.allow


def test_resuming_what_is_not_halted_says_so(bench: Bench) -> None:
    bench.block("203.0.113.8/32")
    said = bench.ask(messages.Resume(restore=False))
    assert isinstance(said, messages.Done)
    assert said.detail == "blocking is not halted: nothing was changed"


ROOTS = Channel(replace(PERSON, tty=""), "no terminal", roots=True)


def _halts_noted(bench: Bench) -> list[Any]:
    return [json.loads(body) for _, _, kind, body, _ in bench.ledger.book.chain.entries(999, 0, 0) if kind == "halted"]


def test_the_record_names_who_halted_even_without_a_terminal_and_only_once(bench: Bench) -> None:
    bench.blocker.halt()
    assert bench.ask(messages.NoteHalt(), ROOTS) == messages.Done("noted")
    bench.guard.tick()
    assert bench.ask(messages.NoteHalt(), ROOTS) == messages.Done("it is noted already")
    who = f"{people.name_of(1000)} from 198.51.100.7"
    assert _halts_noted(bench) == [{"by": who}]
    assert bench.ask(messages.LastHalt(), HEADLESS) == messages.Done(who)


def test_who_halted_is_noted_after_the_guard_saw_the_halt_by_itself(bench: Bench) -> None:
    bench.blocker.halt()
    bench.guard.tick()
    assert bench.ask(messages.LastHalt()) == messages.Done("")
    bench.ask(messages.NoteHalt(), ROOTS)
    assert [told.get("by", "") != "" for told in _halts_noted(bench)] == [False, True]


def test_nobody_but_root_s_own_socket_says_who_halted_and_only_of_a_halt(bench: Bench) -> None:
    assert bench.refused(messages.NoteHalt(), ROOTS) == "nothing is halted"
    bench.blocker.halt()
    for channel in (AT_TERMINAL, HEADLESS):
        assert bench.refused(messages.NoteHalt(), channel) == "only root's own socket tells who halted"


def test_a_resumed_halt_names_who_resumed_and_the_next_one_starts_anew(bench: Bench) -> None:
    bench.blocker.halt()
    bench.ask(messages.NoteHalt(), ROOTS)
    bench.ask(messages.Resume(restore=True))
    assert bench.ask(messages.LastHalt()) == messages.Done(people.in_words(PERSON))
    bench.blocker.halt()
    assert bench.ask(messages.NoteHalt(), ROOTS) == messages.Done("noted")


def test_it_tells_who_removed_a_block_as_long_as_that_is_the_last_that_became_of_it(bench: Bench) -> None:
    prefix = "203.0.113.8/32"
    asked = messages.Remover(prefix)
    bench.block(prefix)
    assert bench.ask(asked, HEADLESS) == messages.Done("")
    bench.ask(messages.Remove(prefix))
    assert bench.ask(asked, HEADLESS) == messages.Done(people.in_words(PERSON))
    bench.block(prefix)
    assert bench.ask(asked, HEADLESS) == messages.Done("")


def test_the_audit_chain_is_exported_whole_in_pages(bench: Bench) -> None:
    for number in range(700):
        bench.ledger.book.note(1.0, "test", number=number)
    found: list[messages.AuditEntry] = []
    more = True
    while more:
        page = bench.ask(messages.ExportAudit(len(found)))
        assert isinstance(page, messages.AuditPage)
        found, more = [*found, *page.entries], page.more
    assert [entry.seq for entry in found] == list(range(1, len(found) + 1))
    assert (len(found), found[-1].kind) == (704, "export")


def test_the_allow_list_is_told_with_its_reasons_and_ends(bench: Bench) -> None:
    bench.ask(messages.Allow("203.0.113.0/24", "office", 60.0))
    told = bench.ask(messages.Allowed())
    assert isinstance(told, messages.AllowList)
    office = messages.AllowedPrefix("203.0.113.0/24", "office", bench.clock.wall() + 60)
    assert (told.items, told.more) == ((office,), False)
    bench.clock.advance(61)
    bench.guard.tick()
    assert "203.0.113.0/24" not in bench.blocker.allow
    assert [entry.kind for entry in bench.audited()][-2:] == ["disallow", "export"]
