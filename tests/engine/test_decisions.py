"""Proposals through a real guard: asked, revised, decided and undone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine import wire as codec
from engine.books import stamp
from engine.core import Engine
from engine.decisions import HALTED, RESUMED, UNSEEN_PER_MINUTE, Decisions
from engine.guard.messages import Attachment, Welcome
from engine.host.people import in_words
from engine.state import State
from engine.store.database import open_store
from engine.store.rows import put_incident, put_proposal
from engine.store.writer import Writer
from engine.types import (
    Approver,
    Block,
    BlockState,
    Enforced,
    Event,
    Fault,
    Impact,
    Listed,
    Proposal,
    ProposalState,
    Terms,
    Verdict,
)
from tests.engine.bench import Running, Wire, attack, guarding, live_plan, replay_plan, run, running, settings, stored
from tests.engine.guard.bench import HOST, PERSON
from tests.factories import ATTACKER, incident, pcap_file


async def _approved(at_work: Running, proposal: Proposal) -> Block:
    review = await at_work.engine.review(proposal.id)
    block = await at_work.engine.decide(proposal.id, review.token, approve=True, typed=proposal.terms.prefix)
    assert block is not None
    return block


async def test_an_attack_leads_to_a_proposal_and_a_person_s_yes_to_a_block(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack())
            proposal = await at_work.hears(Proposal)
            assert guard.bench.blocker.map == {}
            block = await _approved(at_work, proposal)
            assert (block.prefix, block.state, block.incident_id) == (
                "203.0.113.9/32", BlockState.LIVE, proposal.terms.incident_id
            )  # fmt: skip
            assert list(guard.bench.blocker.map) == ["203.0.113.9/32"]
            assert [shown.prefix for shown in at_work.engine.snapshot().blocks] == ["203.0.113.9/32"]
            await at_work.engine.unblock(block.prefix)
            assert guard.bench.blocker.map == {}
    (view,) = await stored(tmp_path)
    assert [item.state for item in view.proposals] == [ProposalState.APPROVED]
    who = in_words(PERSON)
    assert f"approved by {who}: " in view.decisions[0]
    assert view.decisions[1].endswith(f"removed the block of 203.0.113.9/32, by {who}")


async def test_a_removal_with_a_command_is_told_once_to_the_incident_whose_block_it_was(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack())
            block = await _approved(at_work, await at_work.hears(Proposal))
            await guard.door.ask(lambda client: client.remove(block.prefix))
            for _ in range(2):
                await at_work.engine.decisions.look()
    (view,) = await stored(tmp_path)
    (told,) = view.decisions[1:]
    assert told.endswith(f"removed the block of {block.prefix}, by {in_words(PERSON)}")


async def test_a_panic_is_told_to_the_incident_whose_block_it_lifted(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack())
            block = await _approved(at_work, await at_work.hears(Proposal))
            guard.bench.blocker.halt()
            for _ in range(2):  # who it was may follow after the first look
                await at_work.engine.decisions.look()
            assert (await at_work.hears(Fault)).message == HALTED
            await guard.door.ask(lambda client: client.resume(restore=True))
            await at_work.engine.decisions.look()
            over = await at_work.hears(Fault)
            assert (over.cleared, over.message) == (True, RESUMED)
    (view,) = await stored(tmp_path)
    told = [line.partition(block.prefix)[0][24:] + line.partition(block.prefix)[2] for line in view.decisions[1:]]
    assert told == [
        "panic-unblock lifted the block of : every packet passes; who ran it is not recorded",
        f"{in_words(PERSON)} ended the halt: the block of  is in force again",
    ]


async def test_a_token_serves_once_and_for_its_own_terms_only(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack())
            proposal = await at_work.hears(Proposal)
            token = (await at_work.engine.review(proposal.id)).token
            revised = await at_work.engine.revise(proposal.id, "203.0.113.9/32", 600.0)
            assert revised.id != proposal.id
            for wrong in (proposal.id, revised.id):
                with pytest.raises(PermissionError):
                    await at_work.engine.decide(wrong, token, approve=True, typed="203.0.113.9/32")
            assert guard.bench.blocker.map == {}
            states = [(await at_work.engine.review(one.id)).proposal.state for one in (proposal, revised)]
            assert states == [ProposalState.REFUSED, ProposalState.PENDING]


async def test_no_decision_is_a_refusal_that_is_kept(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack())
            proposal = await at_work.hears(Proposal)
            assert await at_work.engine.decide(proposal.id, "", approve=False) is None
    (view,) = await stored(tmp_path)
    assert [item.state for item in view.proposals] == [ProposalState.REFUSED]


async def test_what_the_guard_refuses_to_propose_is_a_note_and_not_the_end(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack(HOST.operators[0]))
            verdict = await at_work.hears(Verdict)
            async with asyncio.timeout(10):
                while not (await at_work.engine.incident(verdict.incident_id)).decisions:  # noqa: ASYNC110 - polled
                    await asyncio.sleep(0.02)
    (view,) = await stored(tmp_path)
    assert view.proposals == ()
    assert f"no proposal for {HOST.operators[0]}/32: " in view.decisions[0]


async def test_a_replay_proposes_without_a_guard_and_nothing_can_be_decided(tmp_path: Path) -> None:
    engine, events = await run(replay_plan(tmp_path, pcap_file(tmp_path / "a.pcap", attack(at=1000))))
    (proposal,) = [event for event in events if isinstance(event, Proposal)]
    assert proposal.state is ProposalState.REPLAY
    with pytest.raises(PermissionError, match="replay"):
        await engine.propose("203.0.113.9", proposal.terms.incident_id)


async def test_a_prefix_without_the_target_is_proposed_without_its_handshake(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack())
            proposal = await at_work.hears(Proposal)
            assert not proposal.typed_confirmation
            wider = await at_work.engine.revise(proposal.id, "203.0.113.0/24", 600.0)
            elsewhere = await at_work.engine.revise(wider.id, "198.51.100.200/32", 600.0)
    assert (wider.typed_confirmation, elsewhere.typed_confirmation) == (False, True)


@pytest.mark.parametrize("approve", [True, False], ids=["approved", "refused"])
async def test_what_another_terminal_decides_is_learnt(tmp_path: Path, approve: bool) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack())
            proposal = await at_work.hears(Proposal)
            review = await guard.door.ask(lambda client: client.review(proposal.id))
            if approve:
                await guard.door.ask(lambda client: client.approve(proposal.id, review.token))
            else:
                await guard.door.ask(lambda client: client.refuse(proposal.id))
            learnt = await at_work.hears(Proposal)
    state = ProposalState.APPROVED if approve else ProposalState.REFUSED
    assert (learnt.id, learnt.state) == (proposal.id, state)
    (view,) = await stored(tmp_path)
    assert [item.state for item in view.proposals] == [state]
    assert "not decided at this console" in view.decisions[0]


def _decisions(folder: Path) -> tuple[Decisions, State]:
    state = State()
    writer = Writer(lambda _: None, lambda _: None)
    return Decisions(live_plan(folder), None, state, writer, state.apply, _no_traffic), state


async def _no_traffic(_: Sequence[str]) -> Impact:
    return Impact(600.0, 0, 0, 0, 0, 0, (), 0, (), 0.0)


WAITING = Proposal("P-1", Terms("INC-1", "203.0.113.9/32", 60.0, (), ""), "", 0.0, 900.0, ProposalState.PENDING)


@pytest.mark.parametrize(
    ("told", "now", "line"),
    [
        (ProposalState.PENDING, 900.0, "nobody answered P-1 within 15 min: nothing was done"),
        (ProposalState.EXPIRED, 900.0, "nobody answered P-1 within 15 min: nothing was done"),
        (ProposalState.EXPIRED, 300.0, "P-1 gave way to newer ones before anybody answered: nothing was done"),
    ],
    ids=["by the clock here", "by the guard's", "full of others"],
)
async def test_a_proposal_that_nobody_decided_on_expires_waits_no_longer_and_its_incident_tells_so_once(
    tmp_path: Path, told: ProposalState, now: float, line: str
) -> None:
    decisions, state = _decisions(tmp_path)
    state.apply(WAITING)
    decisions.catch_up([WAITING], now=min(899.0, now))
    assert state.proposals.newest() == (WAITING,)
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_incident(incident(id="INC-1"), "live")])
        for _ in range(2):
            decisions.catch_up([replace(WAITING, state=told)], now=now)
        await decisions._writer.finish(store)
        view = await store.view("INC-1")
    assert view is not None
    assert [one.state for one in state.proposals.newest()] == [one.state for one in view.proposals] == ["expired"]
    assert [one.partition(" ")[2].partition(" ")[2].partition(" ")[2] for one in view.decisions] == [line]


async def test_what_lapsed_while_no_console_ran_is_told_once_with_its_moment(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_incident(incident(id="INC-1"), "live"), put_proposal(WAITING)])
        for _ in range(2):
            decisions, state = _decisions(tmp_path)
            state.apply(incident(id="INC-1"))
            decisions.adopt([replace(WAITING, state=ProposalState.EXPIRED)])
            await decisions._writer.finish(store)
        view = await store.view("INC-1")
    assert view is not None
    assert view.decisions == (f"{stamp(900.0)} nobody answered P-1 within 15 min: nothing was done",)
    assert [one.state for one in view.proposals] == [ProposalState.EXPIRED]


def _outcome(label: str, severity: str, *evidence: str) -> Any:
    reason = f"{label} ({severity}, rules): found"
    return SimpleNamespace(
        evidence=[SimpleNamespace(id=one) for one in evidence], block_reason=reason, reported_only=False
    )


async def test_a_proposal_of_the_analyst_gives_way_to_one_that_names_what_is_graver(tmp_path: Path) -> None:
    about = incident(id="INC-met", target_ip="203.0.113.9", handshake=True)
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path), guard.door) as at_work:
            decisions = at_work.engine.decisions
            await decisions.propose_for(about, _outcome("file.traversal", "high", "E-1"), ())
            first = await at_work.hears(Proposal)
            token = (await at_work.engine.review(first.id)).token
            await decisions.propose_for(about, _outcome("file.traversal", "high", "E-1", "E-2"), ())
            await decisions.propose_for(about, _outcome("log4shell.jndi", "critical", "E-1", "E-3"), ())
            graver, over = await at_work.hears(Proposal), await at_work.hears(Proposal)
            with pytest.raises(PermissionError, match="expired"):
                await at_work.engine.decide(first.id, token, approve=True)
            await decisions.look()
            shown = {one.id: one.state for one in at_work.engine.snapshot().proposals}
            assert (await _approved(at_work, graver)).reason == graver.reason
    assert (graver.state, graver.reason[:14]) == (ProposalState.PENDING, "log4shell.jndi")
    assert (over.id, over.state) == (first.id, ProposalState.EXPIRED)
    assert shown == {first.id: ProposalState.EXPIRED, graver.id: ProposalState.PENDING}


async def test_what_a_person_asked_for_does_not_give_way(tmp_path: Path) -> None:
    about = incident(id="INC-met", target_ip="203.0.113.9", handshake=True)
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path), guard.door) as at_work:
            decisions = at_work.engine.decisions
            await decisions.propose_for(about, _outcome("file.traversal", "high", "E-1"), ())
            revised = await at_work.engine.revise((await at_work.hears(Proposal)).id, "203.0.113.0/24", 600.0)
            await decisions.propose_for(about, _outcome("log4shell.jndi", "critical", "E-1", "E-2"), ())
            waiting = [one for one in at_work.engine.snapshot().proposals if one.state is ProposalState.PENDING]
    assert [one.id for one in waiting] == [revised.id]


async def test_a_replay_shows_the_gravest_that_was_found_at_last(tmp_path: Path) -> None:
    state = State()
    writer = Writer(lambda _: None, lambda _: None)
    decisions = Decisions(replay_plan(tmp_path), None, state, writer, state.apply, _no_traffic)
    for label, severity in (("file.traversal", "high"), ("log4shell.jndi", "critical")):
        await decisions.propose_for(incident(), _outcome(label, severity), ())
    (shown,) = state.proposals.newest()
    assert (shown.state, shown.reason) == (ProposalState.REPLAY, "log4shell.jndi (critical, rules): found")


@pytest.mark.parametrize(
    ("proposal", "block", "again"),
    [
        (ProposalState.PENDING, None, False),
        (ProposalState.REPLAY, None, False),
        (ProposalState.EXPIRED, None, True),
        (ProposalState.REFUSED, None, True),
        (ProposalState.APPROVED, "203.0.113.0/24", False),
        (ProposalState.APPROVED, None, True),
    ],
)
def test_a_further_proposal_is_made_where_none_waits_and_no_block_is_in_force(
    tmp_path: Path, proposal: ProposalState, block: str | None, again: bool
) -> None:
    decisions, state = _decisions(tmp_path)
    terms = Terms("INC-1", "203.0.113.9/32", 60.0, (), "")
    state.apply(Proposal("P-1", terms, "", 0.0, time.time() + 900, proposal))
    state.blocks = (Block(block, BlockState.LIVE, (), 60.0, 0, 0, 0.0),) if block else ()
    assert decisions.may_ask(incident(id="INC-1", target_ip="203.0.113.9")) is again


def test_what_was_decided_while_no_engine_ran_is_taken_over_for_the_incidents_known_here() -> None:
    state = State()
    state.apply(incident())
    writer = Writer(lambda reason: None, lambda reason: None)
    decisions = Decisions(live_plan(Path("nowhere"), Wire()), None, state, writer, lambda event: None, _no_traffic)
    known = Proposal("P-1", Terms(incident().id, "203.0.113.9/32", 60.0, (), ""), "", 1.0, 2.0, ProposalState.APPROVED)
    foreign = Proposal(
        "P-2", Terms("INC-ffffffff", "203.0.113.8/32", 60.0, (), ""), "", 1.0, 2.0, ProposalState.PENDING
    )
    decisions.adopt([foreign, known])
    decisions.adopt([foreign, known])
    assert state.proposals.newest() == (known,)
    assert writer.fill()[0] == 1


# --- what a person asks for ---------------------------------------------------------------------


async def test_a_proposal_is_watched_approved_extended_and_kept_through_the_guard(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            engine = at_work.engine
            asked = await engine.propose("198.51.100.77", "")
            watched = await engine.watch(asked.id, 60.0)
            assert (watched.prefix, watched.watch) == ("198.51.100.77/32", True)
            assert [block.watch for block in engine.snapshot().blocks] == [True]
            assert [entry.count_only for entry in guard.bench.blocker.entries()] == [True]
            block = await _approved(at_work, asked)
            assert (block.state, block.watch) == (BlockState.LIVE, False)
            assert [entry.count_only for entry in guard.bench.blocker.entries()] == [False]
            longer = await engine.extend(block.prefix, 7200.0)
            assert (longer.terms.prefix, longer.terms.ttl_s) == (block.prefix, 7200.0)
            assert 7100 < (await _approved(at_work, longer)).remaining_s <= 7200
            with pytest.raises(PermissionError):
                await engine.keep("203.0.113.1/32")
            await engine.unblock(block.prefix)
            ended = await engine.ended_blocks()
            assert (ended[0].prefix, ended[0].ended_why) == (block.prefix, "removed")
            assert engine.snapshot().blocks_total == 0


async def test_a_block_that_touches_a_live_management_flow_is_on_trial_until_the_person_keeps_it(
    tmp_path: Path,
) -> None:
    with guarding(tmp_path) as guard:
        guard.bench.managed.append(("198.51.100.77", "an SSH session of uid 1000"))
        async with running(live_plan(tmp_path, Wire()), guard.door) as at_work:
            asked = await at_work.engine.propose("198.51.100.77", "")
            assert (await at_work.engine.review(asked.id)).trial_s == 60.0
            block = await _approved(at_work, asked)
            on_trial = [shown.keep_within_s for shown in at_work.engine.snapshot().blocks]
            await at_work.engine.keep(block.prefix)
            kept = [shown.keep_within_s for shown in at_work.engine.snapshot().blocks]
    assert 0 < block.keep_within_s <= 60 and on_trial == [block.keep_within_s]
    assert kept == [0.0]


async def test_many_targets_are_one_proposal_and_one_approval(tmp_path: Path) -> None:
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, Wire()), guard.door) as at_work:
            targets = [f"198.51.100.{last}" for last in range(101, 151)]
            others = (targets[0], "203.0.113.64/26", HOST.operators[0])
            listed = await at_work.engine.propose_list([*targets, *others], "a feed")
            assert listed.listed is not None
            assert (listed.terms.prefix, listed.listed.prefixes, listed.listed.left_out) == ("", 51, 1)
            with pytest.raises(ValueError, match="cannot be edited"):
                await at_work.engine.revise(listed.id, "203.0.113.0/24", 600.0)
            review = await at_work.engine.review(listed.id)
            made = await at_work.engine.decide(listed.id, review.token, approve=True, typed="51")
            assert isinstance(made, Enforced)
            assert (made.count, made.failed, made.proposal_id) == (51, 0, listed.id)
            snapshot = at_work.engine.snapshot()
            assert len(snapshot.blocks) == snapshot.blocks_total == len(guard.bench.blocker.map) == 51
            (told,) = snapshot.proposals
            assert (told.id, told.state) == (listed.id, ProposalState.APPROVED)


async def test_a_person_s_target_needs_no_typing_once_the_record_of_flows_holds_its_handshake(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack("203.0.113.40", request=b"GET / HTTP/1.1\r\n\r\n"))
            async with asyncio.timeout(10):
                while not (await at_work.engine.impact(["203.0.113.40"])).handshake_at:  # noqa: ASYNC110 - polled
                    await asyncio.sleep(0.02)
            real = await at_work.engine.propose("203.0.113.40", "")
            unseen = await at_work.engine.propose("203.0.113.41", "")
            wider = await at_work.engine.propose("203.0.113.0/26", "")
            impact = await at_work.engine.impact(["203.0.113.0/24"])
    assert [one.typed_confirmation for one in (real, unseen, wider)] == [False, True, True]
    assert (impact.sources, impact.services) == (("203.0.113.40",), ("tcp/8080",))
    assert impact.packets + impact.out_packets == len(attack())


async def test_an_address_that_comes_back_is_proposed_for_longer_by_the_analyst_and_as_asked_by_a_person(
    tmp_path: Path,
) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            first = await at_work.engine.propose(ATTACKER, "")
            await at_work.engine.unblock((await _approved(at_work, first)).prefix)
            again = await at_work.engine.propose(ATTACKER, "")
            await at_work.engine.decide(again.id, "", approve=False)
            wire.send(attack())
            proposal = await at_work.hears(Proposal, lambda one: bool(one.terms.incident_id))
    assert again.terms.ttl_s == first.terms.ttl_s == settings().block_ttl
    assert (proposal.prior_blocks, proposal.terms.ttl_s >= 86_400) == (1, True)


async def test_a_person_s_allow_list_grows_from_the_console(tmp_path: Path) -> None:
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, Wire()), guard.door) as at_work:
            await at_work.engine.allow("198.51.100.0/24", "our office")
            allowed = await guard.door.ask(lambda client: client.allowed())
            with pytest.raises(PermissionError):
                await at_work.engine.propose("198.51.100.7", "")
    assert [(one.prefix, one.reason) for one in allowed] == [("198.51.100.0/24", "our office")]


@pytest.mark.parametrize("target", ["x", "203.0.113.9/33", "203.0.113.9/24", ""])
async def test_what_is_no_target_is_not_asked_for(tmp_path: Path, target: str) -> None:
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, Wire()), guard.door) as at_work:
            with pytest.raises(ValueError, match="is not"):
                await at_work.engine.propose(target, "")
            with pytest.raises(ValueError, match="is not"):
                await at_work.engine.propose_list(["203.0.113.9", target], "a feed")


def test_an_entry_that_only_counts_keeps_no_analyst_from_asking(tmp_path: Path) -> None:
    decisions, state = _decisions(tmp_path)
    state.blocks = (Block("203.0.113.9/32", BlockState.LIVE, (), 60.0, 0, 0, 0.0, watch=True),)
    assert decisions.may_ask(incident(id="INC-1", target_ip="203.0.113.9"))


def test_a_list_waits_and_expires_as_any_proposal_and_stands_in_nobody_s_way(tmp_path: Path) -> None:
    decisions, state = _decisions(tmp_path)
    listed = Listed(3, 258, ("203.0.113.0/24",), 1, ("192.0.2.1/32: this host",))
    terms = Terms("", "", 60.0, ("eth0",), "00" * 32, "block list")
    waiting = Proposal("P-1", terms, "", 0.0, time.time() + 900, ProposalState.PENDING, listed=listed)
    state.apply(waiting)
    assert decisions.may_ask(incident(target_ip="203.0.113.9"))
    decisions.adopt([waiting])
    decisions.catch_up([replace(waiting, state=ProposalState.REFUSED)], time.time())
    assert [one.state for one in state.proposals.newest()] == [ProposalState.REFUSED]
    assert codec.loads(Proposal, codec.dumps(waiting)) == waiting


# --- what the guard can do ----------------------------------------------------------------------

WELCOME = Welcome(
    1, (Attachment("eth0", "native", "tcx"),), "XDP native", True, False, True, "",
    Approver(0, 1000, "pts/0", "", "aegis-tui"), (),
)  # fmt: skip


@pytest.mark.parametrize(
    ("attached", "words"),
    [
        ((Attachment("eth0", "native", "tcx"),), "XDP native, tcx egress"),
        ((Attachment("eth0", "native", ""),), "XDP native, no egress"),
        ((Attachment("eth0", "native", "tcx"), Attachment("eth1", "native", "")), "XDP native, none + tcx egress"),
        ((), "XDP native"),
    ],
)
def test_the_header_tells_what_drops_inbound_and_outbound(
    tmp_path: Path, attached: tuple[Attachment, ...], words: str
) -> None:
    decisions, _ = _decisions(tmp_path)
    decisions.take_in(replace(WELCOME, attached=attached))
    assert decisions.dataplane == words


def test_the_longest_of_the_first_attachments_is_waited_for(tmp_path: Path) -> None:
    decisions, _ = _decisions(tmp_path)
    trials = (Attachment("eth0", "native", "tcx", 12.0), Attachment("eth1", "native", "tcx", 40.0))
    decisions.take_in(replace(WELCOME, attached=trials))
    assert decisions.keep_within_s == 40.0
    decisions.take_in(WELCOME)
    assert decisions.keep_within_s == 0.0


async def test_the_console_is_told_which_interfaces_are_on_trial_and_which_were_kept_before(tmp_path: Path) -> None:
    engine = Engine(live_plan(tmp_path))
    kept, tried = Attachment("eth0", "native", "tcx"), Attachment("eth1", "native", "tcx", 40.0)
    engine.decisions.take_in(replace(WELCOME, attached=(kept, tried)))
    assert (engine.snapshot().status.keep_within_s, engine.snapshot().status.on_trial) == (40.0, ("eth1",))
    engine.decisions.take_in(replace(WELCOME, attached=(kept, kept)))
    assert engine.snapshot().status.on_trial == ()


@pytest.mark.parametrize(
    ("ability", "trouble"),
    [
        ("blocking", {"degraded": ("eth0: tcx is refused, clsact drops outbound packets",)}),
        ("proposals", {"held_off": "31 proposals in 60 s: more in 300 s"}),
        ("blocking", {"blocking": False, "dataplane": "no BPF"}),
    ],
    ids=["degraded", "held off", "not blocking"],
)
def test_what_the_guard_lacks_is_told_once_and_once_when_it_is_back(
    tmp_path: Path, ability: str, trouble: dict[str, Any]
) -> None:
    told: list[Event] = []
    state = State()
    writer = Writer(lambda _: None, lambda _: None)

    def publish(event: Event) -> None:
        told.append(event)
        state.apply(event)

    decisions = Decisions(live_plan(tmp_path), None, state, writer, publish, _no_traffic)
    for welcome in (WELCOME, replace(WELCOME, **trouble), replace(WELCOME, **trouble), WELCOME, WELCOME):
        decisions.take_in(welcome)
    faults = [event for event in told if isinstance(event, Fault)]
    assert [(fault.ability, fault.cleared) for fault in faults] == [(ability, False), (ability, True)]


def test_a_reason_that_counts_down_is_no_other_fault_each_second(tmp_path: Path) -> None:
    decisions, state = _decisions(tmp_path)
    for seconds in (300, 299):
        decisions.take_in(replace(WELCOME, held_off=f"too many proposals at once: more in {seconds} s"))
    assert [fault.message for fault in state.faults()] == ["too many proposals at once: more in 300 s"]


async def test_a_flood_of_reports_and_programs_leaves_the_guard_to_what_was_seen(tmp_path: Path) -> None:
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path), guard.door) as at_work:
            decisions = at_work.engine.decisions
            met = incident(id="INC-met", handshake=True, target_ip="203.0.112.200")
            first = await decisions.propose_by_program(met, reported_only=False)
            assert {(await decisions.propose_by_program(met, reported_only=False)).id for _ in range(200)} == {first.id}
            told = [incident(id=f"INC-{n}", handshake=True, target_ip=f"203.0.112.{n}") for n in range(1, 100)]
            for one in told[: UNSEEN_PER_MINUTE - 1]:
                await decisions.propose_by_program(one, reported_only=False)
            with pytest.raises(PermissionError, match="proposals for programs outside within a minute"):
                await decisions.propose_by_program(told[50], reported_only=False)
            report: Any = SimpleNamespace(evidence=(), block_reason="told", reported_only=True)
            sight: Any = SimpleNamespace(evidence=(), block_reason="seen", reported_only=False)
            for one in told[51:90]:
                await decisions.propose_for(one, report, ())
            assert len(at_work.engine.snapshot().proposals) == 2 * UNSEEN_PER_MINUTE
            for one in told[90:]:
                await decisions.propose_for(one, sight, ())
            assert len(at_work.engine.snapshot().proposals) == 2 * UNSEEN_PER_MINUTE + 9
