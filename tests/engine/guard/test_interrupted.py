"""The guard stops between any two steps that last, on maps in memory: the next one finds the state right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engine.guard import messages
from engine.guard.audit import Chain
from engine.guard.fields import list_digest
from tests.engine.guard.bench import Bench, terms
from tests.fakes import DryRunBlocker

BAD, OTHER = "203.0.113.9/32", "203.0.113.10/32"
LIST = tuple(f"198.18.0.{number}/32" for number in range(3))


class KilledError(BaseException):
    """The process is gone."""


class Death:
    """Kills at the n-th step that lasts; a negative number never comes."""

    def __init__(self) -> None:
        self.left = -1

    def step(self) -> None:
        if self.left == 0:
            raise KilledError
        self.left -= 1


class Mortal(DryRunBlocker):
    """A kernel before and after each change of which the process may die."""

    death: Death

    def attach(self, iface: str, on_trial: bool = False) -> str:
        self.death.step()
        mode = super().attach(iface, on_trial)
        self.death.step()
        return mode

    def keep(self, iface: str) -> None:
        self.death.step()
        super().keep(iface)
        self.death.step()

    def detach(self, iface: str) -> bool:
        self.death.step()
        gone = super().detach(iface)
        self.death.step()
        return gone

    def add(
        self, prefix: str, deadline_boot_ns: int, entry_id: int, ifaces: Sequence[str], count_only: bool = False
    ) -> None:
        self.death.step()
        super().add(prefix, deadline_boot_ns, entry_id, ifaces, count_only)
        self.death.step()

    def remove(self, prefix: str) -> bool:
        self.death.step()
        gone = super().remove(prefix)
        self.death.step()
        return gone

    def resume(self) -> None:
        self.death.step()
        super().resume()
        self.death.step()


Act = Callable[[Bench], None]


def approve_one(bench: Bench) -> None:
    bench.approve(bench.propose(terms(OTHER)))


def approve_list(bench: Bench) -> None:
    bench.ask(messages.Stage("b", LIST))
    reply = bench.ask(messages.ProposeList("b", 3, list_digest(LIST), 600.0, ("eth0",), "feed", True))
    assert isinstance(reply, messages.Proposed)
    bench.approve(reply.proposal, typed="3")


def remove_one(bench: Bench) -> None:
    bench.ask(messages.Remove(BAD))


def extend_one(bench: Bench) -> None:
    reply = bench.ask(messages.Extend(BAD, 7200.0))
    assert isinstance(reply, messages.Proposed)
    bench.approve(reply.proposal)


def watch_one(bench: Bench) -> None:
    bench.ask(messages.Watch(bench.propose(terms(OTHER)).id, 60.0))


def expire(bench: Bench) -> None:
    bench.clock.advance(4000)
    bench.guard.tick()


def approve_on_trial(bench: Bench) -> None:
    bench.managed = [("203.0.113.10", "SSH session")]
    bench.approve(bench.propose(terms(OTHER)))


def keep_on_trial(bench: Bench) -> None:
    approve_on_trial(bench)
    bench.ask(messages.Keep(OTHER))


def revert(bench: Bench) -> None:
    approve_on_trial(bench)
    bench.clock.advance(61)
    bench.guard.tick()


def resume(bench: Bench) -> None:
    bench.blocker.halt()
    bench.ask(messages.Resume(restore=False))


def attach_more(bench: Bench) -> None:
    bench.ask(messages.Attach(("eth1",)))
    bench.ask(messages.Keep("eth1"))


ACTS: list[Act] = [
    approve_one, approve_list, remove_one, extend_one, watch_one, expire, approve_on_trial, keep_on_trial, revert,
    resume, attach_more,
]  # fmt: skip


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_stopped_at_any_step_the_next_guard_finds_the_kernel_and_its_orders_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    death = Death()
    let_commits_die(monkeypatch, death)
    steps = 0
    while dies_at(steps, tmp_path / str(steps), act, death):
        steps += 1
    assert steps > 3


def dies_at(step: int, folder: Path, act: Act, death: Death) -> bool:
    """Stop at a step of the act, start another guard, and look; False when the act has no such step."""
    folder.mkdir()
    blocker = Mortal()
    blocker.death = death
    death.left = -1
    bench = Bench(folder, blocker)
    bench.block(BAD)
    death.left = step
    try:
        act(bench)
        killed = False
    except KilledError:
        killed = True
    death.left = -1
    bench.restart()
    if not blocker.halted:
        found = {entry.prefix: (entry.deadline_ns, entry.count_only) for entry in blocker.map.values()}
        orders = bench.ledger.orders.by_prefix()
        assert found == {prefix: (order.until_ns, False) for prefix, order in orders.items()}
    for proposal in bench.ledger.proposals(10, 0):
        if proposal.state.value != "pending":
            assert isinstance(bench.approve(proposal, "3"), messages.Refused)
    audit = bench.ask(messages.VerifyAudit())
    assert isinstance(audit, messages.Audit)
    assert audit.problems == ()
    bench.ledger.close()
    return killed


def let_commits_die(monkeypatch: pytest.MonkeyPatch, death: Death) -> None:
    """Let the process die before and after each commit as well."""
    append, seal = Chain.append, Chain.seal

    def dying_append(chain: Chain, at: float, kind: str, body: str) -> None:
        death.step()
        append(chain, at, kind, body)

    def dying_seal(chain: Chain) -> None:
        death.step()
        seal(chain)

    monkeypatch.setattr(Chain, "append", dying_append)
    monkeypatch.setattr(Chain, "seal", dying_seal)
