"""A guard that is killed at every step of a block's life: the next one has everything right within 5 s."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from engine.guard import xdp
from engine.guard.client import GuardClient, GuardError
from engine.types import BlockState, ProposalState
from tests.engine.guard.host import (
    BAD,
    MANAGEMENT_PORT,
    MANAGER,
    RIGHT_S,
    SHORT_TRIAL,
    Host,
    ask,
    block,
    boot_ns,
    gone,
    kill,
    until,
)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
]

APPEND, SEAL = "audit:Chain.append", "audit:Chain.seal"
APPROVE, KEEP, REMOVE = "approval:Approvals.approve", "enforce:Enforcer.keep", "enforce:Enforcer.remove"
WRITE, TAKE_OUT, CLEAR_HALT = "xdp:XdpBlocker.add_many", "xdp:XdpBlocker.remove_many", "xdp:XdpBlocker.resume"
RECONCILE, RESUME, REPLY = "enforce:Enforcer.reconcile", "guard:Guard._resume", "server:Server._send"
MANAGED = f"--management-port={MANAGEMENT_PORT}"
TEN = (*(f"198.18.0.{number}/32" for number in range(5)), *(f"198.19.{number}.0/24" for number in range(5)))
"""Targets that go into two maps."""
NS = 10**9


@dataclass(frozen=True)
class Death:
    """Where the guard dies."""

    at: str
    during: str
    after: bool = False
    nth: int = 1

    def __str__(self) -> str:
        when = "after" if self.after else "before"
        return f"{self.during.rpartition('.')[2]} {when} {self.nth} {self.at.rpartition(':')[2]}"


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    made = Host(tmp_path_factory.mktemp("crash"))
    made.manage()
    yield made
    made.close()


@pytest.fixture
def host(wired: Host, tmp_path: Path) -> Iterator[Host]:
    """The host as it is when no guard ever ran on it."""
    wired.state, wired.socket = tmp_path / "state", tmp_path / "run" / "guard.sock"
    yield wired
    wired.end()
    until(lambda: not wired.attached())


def dying(host: Host, death: Death, *options: str) -> GuardClient:
    """Start a guard that dies at a step."""
    return host.start(*options, at=death.at, during=death.during, nth=death.nth, after=death.after)


def dies(guard: GuardClient, doing: Callable[[], object]) -> None:
    """Do what the guard dies of."""
    with suppress(ConnectionError):
        doing()
    gone(guard)


def again(host: Host, *options: str) -> GuardClient:
    """Start the next guard, which is right soon enough to answer by then."""
    began = monotonic()
    guard = host.start(*options)
    assert guard.verify_audit().problems == ()
    assert monotonic() - began < RIGHT_S
    return guard


def refused(guard: GuardClient, proposal_id: str, token: str, typed: str = "") -> str:
    """Try to use an approval a second time."""
    with pytest.raises(GuardError) as caught:
        guard.approve(proposal_id, token, typed)
    return str(caught.value)


def parametrized(*deaths: Death) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("death", deaths, ids=str)


# --- asking


@parametrized(Death(APPEND, "ledger:Ledger.propose"), Death(SEAL, "ledger:Ledger.propose"))
def test_a_guard_killed_while_it_stores_a_proposal_has_it_whole_or_not_at_all(host: Host, death: Death) -> None:
    guard = dying(host, death)
    dies(guard, lambda: ask(guard))
    found = again(host).proposals()
    assert [(one.terms.prefix, one.terms.ttl_s, one.state) for one in found] == [
        (f"{BAD}/32", 600.0, ProposalState.PENDING)
    ] * (death.at == SEAL)
    assert host.kernel() == {}


def test_a_guard_killed_after_a_review_takes_none_of_its_tokens_back(host: Host) -> None:
    guard = host.start()
    proposal = ask(guard)
    token = guard.review(proposal.id).token
    kill(guard)
    guard = again(host)
    assert guard.proposals() == [proposal]
    assert "does not belong" in refused(guard, proposal.id, token)
    assert host.kernel() == {}
    guard.approve(proposal.id, guard.review(proposal.id).token)
    assert list(host.drops()) == [f"{BAD}/32"]


# --- the approval


@parametrized(Death(APPEND, APPROVE))
def test_an_approval_that_was_not_committed_did_not_happen(host: Host, death: Death) -> None:
    guard = dying(host, death)
    proposal = ask(guard)
    token = guard.review(proposal.id).token
    dies(guard, lambda: guard.approve(proposal.id, token))
    guard = again(host)
    assert (host.kernel(), guard.blocks(), guard.proposals()) == ({}, [], [proposal])
    assert "does not belong" in refused(guard, proposal.id, token)
    assert guard.approve(proposal.id, guard.review(proposal.id).token).state is BlockState.LIVE


@parametrized(Death(SEAL, APPROVE), Death(WRITE, APPROVE), Death(WRITE, APPROVE, after=True), Death(REPLY, APPROVE))
def test_an_approval_that_was_committed_is_enforced_once_and_for_its_term_only(host: Host, death: Death) -> None:
    guard = dying(host, death)
    proposal = ask(guard)
    token = guard.review(proposal.id).token
    before = boot_ns()
    dies(guard, lambda: guard.approve(proposal.id, token))
    after = boot_ns()
    guard = again(host)
    [standing] = guard.blocks()
    assert (standing.state, standing.proposal_id, standing.ttl_s) == (BlockState.LIVE, proposal.id, 600.0)
    [(prefix, deadline)] = host.drops().items()
    assert (prefix, before + 600 * NS <= deadline <= after + 600 * NS) == (f"{BAD}/32", True)
    assert "is approved" in refused(guard, proposal.id, token)
    assert guard.review(proposal.id).token == ""
    assert [one.terms for one in guard.proposals()] == [proposal.terms]
    assert not host.arrives(BAD)


@parametrized(Death(APPEND, APPROVE), Death("xdp:XdpBlocker._put", APPROVE, nth=2))
def test_a_list_approved_by_halves_does_not_exist(host: Host, death: Death) -> None:
    guard = dying(host, death)
    proposal = guard.propose_list(TEN, 600.0, "a feed")
    token = guard.review(proposal.id).token
    dies(guard, lambda: guard.approve_all(proposal.id, token, "10"))
    guard = again(host)
    whole = sorted(TEN) if death.at != APPEND else []
    assert sorted(host.drops()) == whole
    assert sorted(one.prefix for one in guard.blocks() if one.state is BlockState.LIVE) == whole
    refused(guard, proposal.id, token, "10")
    if not whole:
        assert guard.approve_all(proposal.id, guard.review(proposal.id).token, "10").count == 10


@parametrized(Death(APPEND, APPROVE), Death(SEAL, APPROVE), Death(WRITE, APPROVE, after=True))
def test_another_term_holds_from_its_commit_on_and_not_before(host: Host, death: Death) -> None:
    guard = host.start()
    block(guard)
    [first] = host.drops().values()
    kill(guard)
    guard = dying(host, death)
    proposal = guard.extend(f"{BAD}/32", 3600.0)
    token = guard.review(proposal.id).token
    before = boot_ns()
    dies(guard, lambda: guard.approve(proposal.id, token))
    after = boot_ns()
    guard = again(host)
    [deadline] = host.drops().values()
    if death.at == APPEND:
        assert deadline == first
    else:
        assert before + 3600 * NS <= deadline <= after + 3600 * NS
    refused(guard, proposal.id, token)
    assert [one.state for one in guard.blocks()] == [BlockState.LIVE]


# --- on trial


def test_a_guard_killed_during_a_trial_adds_nothing_to_it(host: Host) -> None:
    guard = host.start(MANAGED, **SHORT_TRIAL)
    assert block(guard, f"{MANAGER}/32").keep_within_s > 0
    [trial_ends] = host.drops().values()
    kill(guard)
    guard = again(host, MANAGED)
    assert host.drops() == {f"{MANAGER}/32": trial_ends}
    assert 0 < guard.blocks()[0].keep_within_s <= 2
    until(lambda: not host.drops())
    assert boot_ns() >= trial_ends
    until(lambda: [one.ended_why for one in guard.blocks(ended=True)] == ["reverted"])
    assert (host.kernel(), guard.blocks()) == ({}, [])


@parametrized(Death(APPEND, KEEP), Death(SEAL, KEEP), Death(WRITE, KEEP, after=True))
def test_a_block_is_kept_from_the_commit_of_that_on(host: Host, death: Death) -> None:
    guard = dying(host, death, MANAGED)
    block(guard, f"{MANAGER}/32")
    approved = boot_ns() + 600 * NS
    [on_trial] = host.drops().values()
    dies(guard, lambda: guard.keep(f"{MANAGER}/32"))
    guard = again(host, MANAGED)
    [deadline] = host.drops().values()
    if death.at == APPEND:
        assert (deadline, guard.blocks()[0].keep_within_s > 0) == (on_trial, True)
    else:
        assert approved - NS < deadline <= approved
        assert guard.blocks()[0].keep_within_s == 0


# --- the end of a block


@parametrized(Death(APPEND, REMOVE), Death(SEAL, REMOVE), Death(TAKE_OUT, REMOVE, after=True))
def test_a_removal_is_whole_or_did_not_happen(host: Host, death: Death) -> None:
    guard = dying(host, death)
    standing = block(guard)
    before = host.drops()
    dies(guard, lambda: guard.remove(BAD))
    guard = again(host)
    if death.at == APPEND:
        assert (host.drops(), [one.proposal_id for one in guard.blocks()]) == (before, [standing.proposal_id])
    else:
        assert (host.kernel(), guard.blocks()) == ({}, [])
        assert [one.ended_why for one in guard.blocks(ended=True)] == ["removed"]
        assert host.arrives(BAD)


@parametrized(Death("orders:Orders.end", RECONCILE), Death(TAKE_OUT, RECONCILE))
def test_a_guard_killed_while_a_block_expires_brings_nothing_back(host: Host, death: Death) -> None:
    guard = host.start()
    block(guard, ttl_s=1.0)
    kill(guard)
    until(lambda: not host.drops())
    with pytest.raises(ConnectionError):
        dying(host, death).hello()
    guard = again(host)
    assert (host.kernel(), guard.blocks()) == ({}, [])
    assert [one.ended_why for one in guard.blocks(ended=True)] == ["expired"]


# --- panic


def test_a_guard_killed_after_a_panic_leaves_it_halted(host: Host) -> None:
    guard = host.start()
    block(guard)
    xdp.panic(host.pins)
    kill(guard)
    guard = again(host)
    assert (host.halted(), host.kernel(), [one.state for one in guard.blocks()]) == (True, {}, [BlockState.HALTED])
    proposal = ask(guard, "203.0.113.10/32")
    assert (guard.review(proposal.id).token, guard.hello().halted) == ("", True)
    assert host.arrives(BAD)


@pytest.mark.parametrize("restore", [False, True], ids=["lifting", "restoring"])
@parametrized(Death(CLEAR_HALT, RESUME), Death(CLEAR_HALT, RESUME, after=True))
def test_a_resume_that_did_not_reach_the_kernel_leaves_it_halted(host: Host, death: Death, restore: bool) -> None:
    guard = dying(host, death)
    block(guard)
    xdp.panic(host.pins)
    dies(guard, lambda: guard.resume(restore=restore))
    guard = again(host)
    resumed = death.after
    assert (host.halted(), guard.hello().halted) == (not resumed, not resumed)
    assert list(host.drops()) == ([f"{BAD}/32"] if resumed and restore else [])


# --- the first attachment


def test_a_first_attachment_goes_with_its_guard_and_a_kept_one_stays(host: Host) -> None:
    guard = host.start()
    assert guard.hello().attached[0].keep_within_s > 0
    kill(guard)
    until(lambda: not host.attached())
    guard = again(host)
    guard.keep()
    kill(guard)
    assert host.attached()
    assert again(host).hello().attached[0].keep_within_s == 0


@parametrized(
    Death("xdp:XdpBlocker.keep", "attachments:Attachments.keep"),
    Death("xdp:XdpBlocker.keep", "attachments:Attachments.keep", after=True),
    Death(SEAL, "attachments:Attachments.keep"),
)
def test_an_attachment_is_kept_once_it_is_pinned(host: Host, death: Death) -> None:
    guard = dying(host, death)
    dies(guard, guard.keep)
    pinned = (death.at, death.after) != ("xdp:XdpBlocker.keep", False)
    assert host.attached() is pinned
    assert (again(host).hello().attached[0].keep_within_s == 0) is pinned
