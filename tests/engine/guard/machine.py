"""A guard under everything that can happen to it, in any order, and what must hold after every step.

The blocker and the clock are passed in: with maps in memory, or with the kernel's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from engine.guard import messages
from engine.guard.attachments import TRIAL_S
from engine.guard.blocker import Blocker
from engine.guard.clock import Clock
from engine.guard.fields import list_digest
from engine.types import BlockState, Terms
from tests.engine.guard.bench import AT_TERMINAL, HEADLESS, Bench, terms

SLACK_NS = 10**9
"""Deadlines are the same within this."""
EDITS = (
    "terms = replace(terms, '203.0.113.', '198.51.101.')",
    "terms = replace(terms, 'ttl_s\": ', 'ttl_s\": 9')",
    "terms = replace(terms, 'eth0', 'eth1')",
    "expires_at = expires_at + 86400",
    "handshake = 1 - handshake",
)


@dataclass(frozen=True)
class World:
    """What a test passes in: the kernel's side, time, and how to hurt both."""

    bench: Bench
    blocker: Blocker
    clock: Clock
    advance: Callable[[float], None]
    """Lets time pass on both clocks."""
    jump: Callable[[float], None]
    """Sets the wall clock forward or back."""
    break_writes: Callable[[bool], None]
    """Makes every write to the maps fail, as on a full map, or work again."""
    halt: Callable[[], None]
    """What panic-unblock does."""
    trial_s: int = TRIAL_S


@dataclass(frozen=True)
class Grant:
    """A drop that a person approved, and no more than that."""

    ifaces: tuple[str, ...]
    until_ns: int
    """Boot clock; 0 for ever."""
    trial_ns: int = 0

    def over(self, now: int) -> bool:
        return 0 < (self.trial_ns or self.until_ns) <= now


class Machine:
    """Dialogs, a hostile engine, foreign hands, time and crashes; it knows only what was approved."""

    def __init__(self, world: World, dice: Random, prefixes: tuple[str, ...]) -> None:
        self.world, self.bench, self.dice, self.prefixes = world, world.bench, dice, prefixes
        self.proposals: list[str] = []
        self.tokens: list[tuple[str, str]] = []
        self.reviewed: dict[str, messages.Review] = {}
        self.decided: list[str] = []
        """Every approval that went through, in order."""
        self.grants: dict[str, Grant] = {}
        self.broken = False
        self.done: dict[str, int] = {}
        """How often each step changed something."""

    # --- what the engine asks

    def propose(self) -> None:
        """One address, with or without the ladder."""
        asked = replace(terms(self.dice.choice(self.prefixes)), ttl_s=self.dice.choice([30.0, 90.0, 600.0, 0.0]))
        self._propose(asked)

    def _propose(self, asked: Terms) -> None:
        by_person, by_ladder = not asked.ttl_s or self.dice.random() < 0.5, self.dice.random() < 0.3
        self._asked(messages.Propose(asked, "why", self.dice.random() < 0.8, False, by_person, by_ladder))

    def propose_list(self) -> None:
        """Several prefixes at once, handed over whole or in part."""
        chosen = tuple(self.dice.sample(self.prefixes, 4))
        self.bench.ask(messages.Stage("batch", chosen))
        count = self.dice.choice([4, 4, 4, 5])
        self._asked(messages.ProposeList("batch", count, list_digest(chosen), 300.0, ("eth0",), "feed", True))

    def extend(self) -> None:
        """Another term for something in force."""
        self._asked(messages.Extend(self.dice.choice(self.prefixes), self.dice.choice([20.0, 1200.0])))

    def _asked(self, request: messages.Request) -> None:
        reply = self.bench.ask(request)
        if isinstance(reply, messages.Proposed):
            self._count(request)
            self.proposals.append(reply.proposal.id)

    def _count(self, request: messages.Request) -> None:
        name = type(request).__name__
        self.done[name] = self.done.get(name, 0) + 1

    def _some(self) -> str:
        return self.dice.choice(self.proposals[-4:] + self.proposals[-30:] or ["P-1"])

    # --- what a person does

    def review(self) -> None:
        """Look at a proposal and get its token."""
        shown = self.bench.ask(messages.Show(self._some()))
        if isinstance(shown, messages.Review) and shown.token:
            self.tokens.append((shown.proposal.id, shown.token))
            self.reviewed[shown.proposal.id] = shown

    def approve(self) -> None:
        """Approve with the token of this proposal, an old one, or that of another."""
        owner, token = self.dice.choice(self.tokens[-3:] + self.tokens[-30:] or [("P-1", "made.up")])
        asked = self.dice.choice([owner, owner, owner, *self.proposals[-2:]])
        shown = self.reviewed.get(owner)
        channel = self.dice.choice([AT_TERMINAL] * 9 + [HEADLESS])
        targets = self._targets(asked)
        now = self.world.clock.boot_ns()
        reply = self.bench.ask(messages.Approve(asked, token, self._typed(shown)), channel)
        if not isinstance(reply, messages.Approved):
            return
        answered = self.world.clock.boot_ns()  # the guard counted from some moment before: on a busy host, far before
        assert shown is not None
        assert (reply.block.proposal_id, asked, channel) == (owner, owner, AT_TERMINAL)
        self._count(messages.Approve("", "", ""))
        self.decided.append(owner)
        said = shown.proposal.terms
        until = answered + int(said.ttl_s * 1e9) if said.ttl_s else 0
        for target in targets:
            on_trial = self._is_managed(target) and not 0 < said.ttl_s <= self.world.trial_s
            trial = answered + self.world.trial_s * 10**9 if on_trial else 0
            before = self.grants.get(target)
            if before is not None and before.trial_ns and not before.over(now):
                trial = min(before.trial_ns, until or before.trial_ns)
            self.grants[target] = Grant(said.ifaces, until, trial)

    def _targets(self, proposal_id: str) -> list[str]:
        question = self.bench.ledger.question(proposal_id)
        return self.bench.ledger.targets(question.proposal) if question is not None else []

    def _typed(self, shown: messages.Review | None) -> str:
        if shown is None:
            return ""
        listed = shown.proposal.listed
        return str(listed.prefixes) if listed else shown.proposal.terms.prefix

    def _is_managed(self, prefix: str) -> bool:
        return any(prefix.partition("/")[0] == peer for peer, _ in self.bench.managed)

    def block(self) -> None:
        """Propose, review and approve one question, as most dialogs go."""
        self.propose()
        proposals, tokens = self.proposals, self.tokens
        self.proposals, self.tokens = proposals[-1:], []
        self.review()
        self.approve()
        self.proposals, self.tokens = proposals, tokens + self.tokens

    def refuse(self) -> None:
        """Say no."""
        self.bench.ask(messages.Refuse(self._some()))

    def remove(self) -> None:
        """Take a block out, which needs no approval."""
        prefix = self.dice.choice(self.prefixes)
        if isinstance(self.bench.ask(messages.Remove(prefix)), messages.Done):
            self._count(messages.Remove(""))
            self.grants.pop(prefix, None)

    def watch(self) -> None:
        """Count what a proposal would drop."""
        request = messages.Watch(self._some(), self.dice.choice([5.0, 120.0]))
        if isinstance(self.bench.ask(request), messages.Watched):
            self._count(request)

    def keep(self) -> None:
        """Keep a block on trial."""
        on_trial = [prefix for prefix, grant in self.grants.items() if grant.trial_ns]
        prefix = self.dice.choice(on_trial or list(self.prefixes))
        if isinstance(self.bench.ask(messages.Keep(prefix)), messages.Done):
            self._count(messages.Keep())
            self.grants[prefix] = replace(self.grants[prefix], trial_ns=0)

    def manage(self) -> None:
        """Somebody connects to manage this host, or hangs up."""
        peers = [prefix.partition("/")[0] for prefix in self.dice.sample(self.prefixes, 8)]
        self.bench.managed = [(peer, f"SSH session from {peer}") for peer in peers if self.dice.random() < 0.7]

    # --- what nobody asked for

    def edit(self) -> None:
        """A foreign hand rewrites the waiting proposals."""
        db = sqlite3.connect(self.bench.folder / "guard.db")
        with db:
            db.execute(f"UPDATE proposals SET {self.dice.choice(EDITS)} WHERE state = 'pending'")
            db.execute("UPDATE targets SET prefix = replace(prefix, '203.0.113.', '198.51.101.')")
        db.close()

    def flush(self) -> None:
        """A foreign hand empties the maps."""
        for entry in self.world.blocker.entries():
            self.world.blocker.remove(entry.prefix)

    def wait(self) -> None:
        """Time passes; the loop wakes when something is due, and every ten seconds."""
        left = float(self.dice.randrange(1, 120))
        while left > 0:
            step = min(left, 10.0, max(self.bench.guard.due_in(), 0.05))
            self.world.advance(step)
            self.bench.guard.tick()
            left -= step
        self._forget()
        self._check_complete()

    def jump(self) -> None:
        """Somebody sets the wall clock."""
        self.world.jump(self.dice.choice([-86400.0, -30.0, 30.0, 7200.0]))

    def fill(self) -> None:
        """The map is full, or has room again."""
        self.broken = not self.broken
        self.world.break_writes(self.broken)

    def halt(self) -> None:
        """Panic, and a person who resumes, with or without the blocks of before."""
        self.world.halt()
        self.check()
        self.bench.guard.tick()
        self.check()
        restore = self.dice.random() < 0.5
        assert isinstance(self.bench.ask(messages.Resume(restore), HEADLESS), messages.Refused)
        assert isinstance(self.bench.ask(messages.Resume(restore)), messages.Done)
        if not restore:
            self.grants.clear()

    def restart(self) -> None:
        """The guard is killed and another one starts."""
        self.bench.restart()

    # --- what must hold

    def _forget(self) -> None:
        now = self.world.clock.boot_ns()
        self.grants = {prefix: grant for prefix, grant in self.grants.items() if not grant.over(now)}

    def check(self) -> None:
        """No drop that was not approved, and no block told as live that the map does not hold."""
        now = self.world.clock.boot_ns()
        dropping = {}
        for entry in self.world.blocker.entries():
            if entry.count_only or 0 < entry.deadline_ns <= now:
                continue
            dropping[entry.prefix] = entry
            grant = self.grants.get(entry.prefix)
            assert grant is not None, f"{entry} was never approved"
            until = grant.trial_ns or grant.until_ns
            assert set(entry.ifaces) <= set(grant.ifaces), f"{entry} is wider than {grant}"
            assert until == 0 or 0 < entry.deadline_ns <= until + SLACK_NS, f"{entry} is longer than {grant}"
        for block in self.bench.blocks():
            if block.state is BlockState.LIVE and not block.watch:
                assert block.prefix in dropping, f"{block} is a phantom"
                assert block.remaining_s > 0, f"{block} is past its deadline"
        assert len(self.decided) == len(set(self.decided)), "an approval was used twice"

    def _check_complete(self) -> None:
        """After a tick every approved block drops; one that the map did not take is told, and is tried again later."""
        if not self.broken:
            held = {entry.prefix for entry in self.world.blocker.entries() if not entry.count_only}
            late = {block.prefix for block in self.bench.blocks() if block.state is BlockState.FAILED} - held
            wanted = set(self.grants) - late
            assert held == wanted, f"missing {wanted - held}, too many {held - wanted}"

    WEIGHTS = {  # noqa: RUF012 - by step, how often it comes
        "propose": 6.0, "propose_list": 1.0, "extend": 2.0, "review": 8.0, "approve": 10.0, "refuse": 0.7,
        "remove": 1.5, "watch": 2.0, "keep": 2.5, "manage": 1.0, "edit": 0.3, "flush": 1.0, "wait": 2.0, "jump": 0.4,
        "fill": 0.4, "halt": 0.15, "restart": 0.2,
    }  # fmt: skip

    def run(self, steps: int) -> None:
        """Take random steps, and look after each whether all holds."""
        for name in self.dice.choices(list(self.WEIGHTS), weights=list(self.WEIGHTS.values()), k=steps):
            getattr(self, name)()
            self.check()
