"""Proposals through a real guard: asked, revised, decided and undone."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from engine.decisions import Decisions
from engine.state import State
from engine.store.writer import Writer
from engine.types import Block, BlockState, Proposal, ProposalState, Terms, Verdict
from tests.engine.bench import Running, Wire, attack, guarding, live_plan, replay_plan, run, running, stored
from tests.engine.guard.bench import HOST
from tests.factories import incident, pcap_file


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
    assert ["approved by" in view.decisions[0], "removed the block" in view.decisions[1]] == [True, True]


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
    return Decisions(live_plan(folder), None, state, writer, state.apply), state


def test_a_proposal_that_nobody_decided_on_expires_and_waits_no_longer(tmp_path: Path) -> None:
    decisions, state = _decisions(tmp_path)
    waiting = Proposal("P-1", Terms("INC-1", "203.0.113.9/32", 60.0, (), ""), "", 0.0, 900.0, ProposalState.PENDING)
    state.apply(waiting)
    decisions.catch_up([waiting], now=899.0)
    assert state.proposals.newest() == (waiting,)
    decisions.catch_up([waiting], now=900.0)
    assert [one.state for one in state.proposals.newest()] == [ProposalState.EXPIRED]


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
    decisions = Decisions(live_plan(Path("nowhere"), Wire()), None, state, writer, lambda event: None)
    known = Proposal("P-1", Terms(incident().id, "203.0.113.9/32", 60.0, (), ""), "", 1.0, 2.0, ProposalState.APPROVED)
    foreign = Proposal(
        "P-2", Terms("INC-ffffffff", "203.0.113.8/32", 60.0, (), ""), "", 1.0, 2.0, ProposalState.PENDING
    )
    decisions.adopt([foreign, known])
    decisions.adopt([foreign, known])
    assert state.proposals.newest() == (known,)
    assert writer.fill()[0] == 1
