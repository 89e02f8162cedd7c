"""Proposals, what people decide on them, and what the kernel does about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from engine.alerts import content_id
from engine.books import stamp
from engine.guard.client import GuardClient
from engine.guard.clock import RateLimit
from engine.guard.messages import Attachment, Welcome
from engine.guard.policy import default_prefix
from engine.halting import Halting
from engine.petitions import Petitions, holds
from engine.plan import Plan
from engine.state import State
from engine.store.rows import Row, put_decision, put_lapse, put_proposal
from engine.store.writer import Writer
from engine.types import Block, BlockState, Event, Fault, Impact, Incident, Proposal, ProposalState, Terms

if TYPE_CHECKING:
    from engine.agent.case import Outcome
    from engine.hostdoor import HostDoor

GUARD_POLL_S = 1.0
POLLED_BLOCKS = 500
"""Blocks read at each poll; of the others only the totals are asked for."""
UNSEEN_PER_MINUTE = 10
"""Proposals a minute about what was only reported, and as many that programs outside ask for: so few that the guard,
which holds off whatever asks too often, goes on to take those about what was seen."""
NO_GUARD = "no guard"
HALTED = "halted by panic-unblock: every packet passes"
RESUMED = "the halt has ended: what is blocked is dropped again"
SPOOFABLE = "no completed handshake of the source is known here: it may be spoofed"


class Decisions(Petitions):
    """The engine's side of blocking. The guard decides what is enforced; this only asks it."""

    def __init__(
        self,
        plan: Plan,
        door: HostDoor | None,
        state: State,
        writer: Writer,
        publish: Callable[[Event], None],
        impact: Callable[[Sequence[str]], Awaitable[Impact]],
    ) -> None:
        """Take ``impact``, which tells from the record of flows whether an address completed a handshake here."""
        self.dataplane = NO_GUARD if plan.live else "off"
        self.blocking = False
        self.keep_within_s = 0.0
        """Seconds left to keep a first attachment; 0 when none is on trial."""
        self.on_trial: tuple[str, ...] = ()
        """Interfaces that are attached for the first time and not kept yet."""
        self._plan = plan
        self._door = door
        self._state = state
        self._writer = writer
        self._publish = publish
        self._impact = impact
        self.block_ttl_s, self.connected = plan.settings.block_ttl, plan.connected
        self._for_reports, self._for_programs = RateLimit(UNSEEN_PER_MINUTE), RateLimit(UNSEEN_PER_MINUTE)
        self._halting = Halting()
        self._analysts: set[str] = set()
        """Proposals that wait and that the analyst asked for in this run, and no person since."""
        self._instead: dict[str, str] = {}
        """By such a proposal, the one that was asked for in its place."""
        self.file: Callable[[str], None] | None = None
        """Told of each incident whose report is to be written anew."""

    def in_force(self) -> int | None:
        """Return how many blocks were in force when the guard was asked last; None where it does not answer."""
        if self.dataplane == NO_GUARD:
            return None
        read = self._state.blocks
        live = sum(block.state is BlockState.LIVE and not block.watch for block in read)
        return live + max(0, self._state.blocks_total - len(read))

    def waiting(self) -> int:
        """Return how many proposals wait for a person."""
        now = time.time()
        return sum(_waits(proposal, now) for proposal in self._state.proposals.newest())

    def may_ask(self, incident: Incident) -> bool:
        """Whether no proposal of an incident waits for a person, and no block of its target is in force."""
        return not self._asked_for(incident) and not self._is_blocked(incident)

    def _asked_for(self, incident: Incident) -> list[Proposal]:
        """Return the proposals of an incident that wait, or that a replay shows."""
        now = time.time()
        asked = [one for one in self._state.proposals.newest() if one.terms.incident_id == incident.id]
        return [one for one in asked if one.state is ProposalState.REPLAY or _waits(one, now)]

    def _is_blocked(self, incident: Incident) -> bool:
        live = [block for block in self._state.blocks if block.state is BlockState.LIVE and not block.watch]
        return any(holds(block.prefix, incident.target_ip) for block in live)

    def _is_stale(self, proposal: Proposal, reason: str) -> bool:
        """Whether it is the analyst's own and does not name what the analyst now finds the gravest."""
        own = proposal.state is ProposalState.REPLAY or proposal.id in self._analysts
        return own and _gravest(reason) != _gravest(proposal.reason)

    async def propose_for(self, incident: Incident, outcome: Outcome, ifaces: Sequence[str]) -> None:
        """Make the proposal that an investigation ended in, unless one of this incident waits or is in force.

        One of the analyst's that waits and names less than what was found since gives way to the new one: what a person
        approves is always what they reviewed, and what they review names the gravest.
        """
        waiting = self._asked_for(incident)
        if self._is_blocked(incident) or not all(self._is_stale(one, outcome.block_reason) for one in waiting):
            return
        self._ifaces = tuple(ifaces) if self._plan.live else ()
        prefix = default_prefix(incident.target_ip, self._plan.connected)
        terms = self._terms(prefix, incident.id, [evidence.id for evidence in outcome.evidence])
        if not self._plan.live:
            self._propose_in_replay(terms, incident, outcome.block_reason)
            return
        try:
            if outcome.reported_only:
                _count(self._for_reports, "about reported events")
            made = await self._propose(
                terms,
                outcome.block_reason,
                incident.handshake,
                by_person=False,
                reported_only=outcome.reported_only,
            )
        except OSError as error:
            self._note(incident.id, f"no proposal for {terms.prefix}: {error}")
            return
        self._analysts.add(made.id)
        self._instead |= {one.id: made.id for one in waiting if one.id != made.id}
        if waiting:
            await self._read_blocks()  # the guard tells what became of those: a person may have been faster

    async def propose_by_program(self, incident: Incident, reported_only: bool) -> Proposal:
        """Ask a person to block an incident's target because a program outside wants it.

        Raises:
            PermissionError: the guard refuses, there is none, or programs ask too often.
        """
        self._guard()
        asked = (one for one in self._state.proposals.newest() if one.terms.incident_id == incident.id)
        waiting = next((one for one in asked if _waits(one, time.time())), None)
        if waiting is not None:
            return waiting
        _count(self._for_programs, "for programs outside")
        prefix = default_prefix(incident.target_ip, self._plan.connected)
        terms = self._terms(prefix, incident.id, evidence_ids=incident.alert_ids)
        reason = f"asked for by a program outside; incident {incident.id}, severity {incident.severity}"
        handshake = incident.handshake and not reported_only
        return await self._propose(terms, reason, handshake, by_person=False, reported_only=reported_only)

    async def follow(self) -> NoReturn:
        """Keep the state of blocks as the kernel has it, and that of proposals as the guard has it."""
        while True:
            await self._read_blocks()
            await asyncio.sleep(GUARD_POLL_S)

    def catch_up(self, told: Iterable[Proposal], now: float) -> None:
        """Take over what was decided elsewhere, and what nobody decided in time."""
        states = {proposal.id: proposal.state for proposal in told}
        for proposal in self._state.proposals.newest():
            if proposal.state is not ProposalState.PENDING:
                continue
            state = states.get(proposal.id, ProposalState.PENDING)
            if state is ProposalState.EXPIRED or (state is ProposalState.PENDING and not _waits(proposal, now)):
                instead = self._instead.get(proposal.id)
                told_so = f"{instead} takes the place of {proposal.id}: it names what was found since"
                self._change(proposal, ProposalState.EXPIRED, told_so if instead else _lapsed(proposal, now))
            elif state is not ProposalState.PENDING:
                self._change(proposal, state, f"{proposal.id} is {state.value}, not decided at this console")

    def _propose_in_replay(self, terms: Terms, incident: Incident, reason: str) -> None:
        proposal_id = content_id("P-", 8, incident.id, terms.prefix)
        at = incident.updated_at
        warnings = () if incident.handshake else (SPOOFABLE,)
        proposal = Proposal(proposal_id, terms, reason, at, at, ProposalState.REPLAY, warnings)
        self._writer.add([put_proposal(proposal)])
        self._publish(proposal)

    def _guard(self) -> HostDoor:
        if self._door is None:
            msg = "blocking is off: no guard runs" if self._plan.live else "blocking is off: this is a replay"
            raise PermissionError(msg)
        return self._door

    def _proposal(self, proposal_id: str) -> Proposal | None:
        return self._state.proposals.get(proposal_id)

    def _incident(self, incident_id: str) -> Incident | None:
        return self._state.incidents.get(incident_id)

    def _blocks(self) -> Sequence[Block]:
        return self._state.blocks

    async def _traffic(self, prefixes: Sequence[str]) -> Impact:
        return await self._impact(prefixes)

    async def _completed_handshake(self, target: str) -> bool:
        return self._door is not None and await super()._completed_handshake(target)

    async def _asked(self, proposal: Proposal) -> None:
        self._analysts.discard(proposal.id)  # a person who asks for the same makes it their own
        self._writer.add([put_proposal(proposal)])
        self._publish(proposal)

    async def _decided(self, proposal_id: str, approve: bool, line: str, block: Block | None) -> None:
        self._settle(proposal_id, approve, line)
        if block is not None:
            self._publish(block)
            await self._read_blocks()

    async def _done(self, incident_id: str, line: str) -> None:
        self._note(incident_id, line)
        await self._read_blocks()

    async def learn(self, proposal_id: str, line: str) -> None:
        """Take over from the guard what became of a proposal at an attached console, and what it says about it."""
        told = await self._guard().ask(lambda guard: guard.proposals())
        now = next((proposal for proposal in told if proposal.id == proposal_id), None)
        if now is None:
            return
        self._note(now.terms.incident_id, line)
        await self._asked(now)
        await self._read_blocks()
        for block in self._state.blocks:
            if line and block.proposal_id == proposal_id and now.state is ProposalState.APPROVED:
                self._publish(block)
                return

    async def look(self, incident_id: str = "", line: str = "") -> None:
        """Look at the kernel again after an attached console did something, and note what that was."""
        await self._done(incident_id, line)

    def _settle(self, proposal_id: str, approve: bool, line: str) -> None:
        proposal = self._state.proposals.get(proposal_id)
        if proposal is not None:
            self._change(proposal, ProposalState.APPROVED if approve else ProposalState.REFUSED, line)

    def _change(self, proposal: Proposal, state: ProposalState, line: str) -> None:
        changed = replace(proposal, state=state)
        self._analysts.discard(proposal.id)
        self._instead.pop(proposal.id, None)
        self._writer.add([put_proposal(changed)])
        self._note(proposal.terms.incident_id, line)
        self._publish(changed)

    def _note(self, incident_id: str, text: str) -> None:
        """Write a decision down with its incident; one without an incident is in the guard's audit chain only."""
        if not (incident_id and text):
            return
        now = time.time()
        self._writer.add([put_decision(incident_id, now, f"{stamp(now)} {text}")])
        if self.file is not None:
            self.file(incident_id)

    async def _read_blocks(self) -> None:
        guard = self._guard()
        try:
            welcome = await guard.ask(lambda client: client.hello())
            blocks, page = await guard.ask(lambda client: client.block_list(limit=POLLED_BLOCKS))
            told = await guard.ask(lambda client: client.proposals())
        except OSError as error:
            self.blocking, self.dataplane, self.keep_within_s, self.on_trial = False, NO_GUARD, 0.0, ()
            remedy = "start aegis-tui again; blocks stay in force"
            if not any(fault.ability == "guard" for fault in self._state.faults()):
                self._publish(Fault("guard", f"the guard does not answer: {error}", remedy, time.time()))
            return
        self.catch_up(told, time.time())
        self.adopt(told)
        self.take_in(welcome)
        if self._halting.changes(welcome.halted):
            await self._tell_halt(blocks)
        there = {block.prefix for block in blocks}
        gone = [block for block in self._state.blocks if block.prefix not in there]
        self._state.blocks = tuple(blocks)
        self._state.blocks_total, self._state.dropped_packets = page.total, page.packets
        await self._tell_removed(gone)

    async def _tell_halt(self, blocks: Sequence[Block]) -> None:
        """Tell each incident whose block a halt lifted, or what became of it when the halt ended."""
        try:
            who = await self._guard().ask(lambda client: client.last_halt())
        except OSError:
            who = ""
        for incident_id, line in self._halting.told(who, self._state.blocks, blocks):
            self._note(incident_id, line)

    async def _tell_removed(self, gone: Sequence[Block]) -> None:
        """Tell each incident whose block a person removed, here or with a command."""
        for prefix, incident_id in [(one.prefix, one.incident_id) for one in gone if one.incident_id]:
            try:
                who = await self._guard().ask(partial(GuardClient.remover, prefix=prefix))
            except OSError:
                return
            if who:
                self._note(incident_id, f"removed the block of {prefix}, by {who}")

    def take_in(self, welcome: Welcome) -> None:
        """Take over what the guard can do, and say once what it cannot, and once that it can again."""
        self.blocking = welcome.blocking
        self.dataplane = HALTED if welcome.halted else _in_words(welcome)
        self.keep_within_s = max((one.keep_within_s for one in welcome.attached), default=0.0)
        self.on_trial = tuple(one.iface for one in welcome.attached if one.keep_within_s > 0)
        missing, remedy = "", ""
        if not (self.blocking or self._plan.settings.no_dataplane):
            halted = self.dataplane == HALTED
            remedy = "aegis-tui blocks resume" if halted else "aegis-tui doctor says what is missing"
            missing = self.dataplane
        elif welcome.degraded:
            missing, remedy = "; ".join(welcome.degraded), "aegis-tui doctor says what is missing"
        self._tell("blocking", missing, remedy)
        standing = next((fault.message for fault in self._state.faults() if fault.ability == "proposals"), "")
        held_off = welcome.held_off and (standing or welcome.held_off)
        self._tell("proposals", held_off, "it ends by itself; what a person asks for is taken all the same")

    def adopt(self, told: Iterable[Proposal]) -> None:
        """Take over the proposals of incidents known here that were made, decided or let lapse while none ran here."""
        for proposal in reversed(list(told)):
            known = self._state.proposals.get(proposal.id) is not None
            if not known and self._state.incidents.get(proposal.terms.incident_id) is not None:
                self._state.apply(proposal)
                self._writer.add([*_lapse(proposal), put_proposal(proposal)])

    def _tell(self, ability: str, missing: str, remedy: str) -> None:
        """Tell what is missing once as long as it stands unchanged, and once that nothing is any more."""
        standing = {fault.ability: fault.message for fault in self._state.faults()}
        before = standing.get(ability, "")
        if before != missing:
            message = missing or (RESUMED if before == HALTED else "")
            self._publish(Fault(ability, message, remedy if missing else "", time.time(), cleared=not missing))


def _waits(proposal: Proposal, now: float) -> bool:
    return proposal.state is ProposalState.PENDING and now < proposal.expires_at


def _gravest(reason: str) -> str:
    """Return what the analyst's reason names first, with its severity: ``log4shell.jndi (critical, rules``."""
    return reason.partition(")")[0]


def _lapsed(proposal: Proposal, now: float) -> str:
    """Return what became of a proposal that nobody decided on."""
    if now < proposal.expires_at - GUARD_POLL_S:
        return f"{proposal.id} gave way to newer ones before anybody answered: nothing was done"
    minutes = round((proposal.expires_at - proposal.created_at) / 60)
    return f"nobody answered {proposal.id} within {minutes} min: nothing was done"


def _lapse(proposal: Proposal) -> list[Row]:
    """Return what tells, with its moment, that a proposal lapsed while no engine ran; a list has no incident."""
    if proposal.state is not ProposalState.EXPIRED or not proposal.terms.incident_id:
        return []
    return [put_lapse(proposal, f"{stamp(proposal.expires_at)} {_lapsed(proposal, proposal.expires_at)}")]


def _count(limit: RateLimit, what: str) -> None:
    """Count one more proposal; raises ``PermissionError`` when the minute is used up."""
    now_ns = time.monotonic_ns()
    if limit.full(now_ns):
        msg = f"there were {UNSEEN_PER_MINUTE} proposals {what} within a minute: come later"
        raise PermissionError(msg)
    limit.count(now_ns)


def _in_words(welcome: Welcome) -> str:
    """Return what drops, inbound and outbound, or why nothing does."""
    if not (welcome.blocking and welcome.attached):
        return welcome.dataplane
    planes, semicolon, troubles = welcome.dataplane.partition(";")
    return f"{planes}, {_egress(welcome.attached)}{semicolon}{troubles}"


def _egress(attached: Sequence[Attachment]) -> str:
    hooks = sorted({one.egress for one in attached})
    if not any(hooks):
        return "no egress"
    return " + ".join(hook or "none" for hook in hooks) + " egress"
