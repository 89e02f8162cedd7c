"""Proposals, what people decide on them, and what the kernel does about it."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from engine.alerts import content_id
from engine.guard.messages import Review
from engine.guard.policy import default_prefix
from engine.plan import Plan
from engine.state import State
from engine.store import database as db
from engine.store.writer import Writer
from engine.types import Block, BlockState, Event, Fault, Incident, Proposal, ProposalState, Terms

if TYPE_CHECKING:
    from engine.agent.case import Outcome
    from engine.hostdoor import HostDoor

GUARD_POLL_S = 1.0
HALTED = "halted by panic-unblock: every packet passes"
SPOOFABLE = "the source never completed a handshake here: it may be spoofed"


class Decisions:
    """The engine's side of blocking. The guard decides what is enforced; this only asks it."""

    def __init__(
        self,
        plan: Plan,
        door: HostDoor | None,
        state: State,
        writer: Writer,
        publish: Callable[[Event], None],
    ) -> None:
        self.dataplane = "no guard" if plan.live else "off"
        self.blocking = False
        self._plan = plan
        self._door = door
        self._state = state
        self._writer = writer
        self._publish = publish
        self._ifaces: tuple[str, ...] = ()

    async def review(self, proposal_id: str) -> Review:
        """Return the guard's record of a proposal, with the token that approves it once."""
        proposal = self._state.proposals.get(proposal_id)
        if proposal is not None and proposal.state is ProposalState.REPLAY:
            return Review(proposal, "", ("this is a replay: blocking is off",))
        return await self._guard().ask(lambda guard: guard.review(proposal_id))

    async def revise(self, proposal_id: str, prefix: str, ttl_s: float) -> Proposal:
        """Put other terms in the place of a proposal's."""
        proposal = (await self.review(proposal_id)).proposal
        incident = self._state.incidents.get(proposal.terms.incident_id)
        terms = replace(proposal.terms, prefix=prefix, ttl_s=ttl_s)
        handshake = incident is not None and incident.handshake and _holds(prefix, incident.target_ip)
        revised = await self._propose(terms, proposal.reason, handshake, by_person=True)
        if revised.id != proposal_id:
            await self.decide(proposal_id, "", approve=False)
        return revised

    async def propose(self, target_ip: str, incident_id: str) -> Proposal:
        """Make a proposal because a person asks for it."""
        incident = self._state.incidents.get(incident_id)
        handshake = incident is not None and incident.target_ip == target_ip and incident.handshake
        terms = self._terms(target_ip, incident_id, evidence_ids=())
        return await self._propose(terms, "asked for by a person at the console", handshake, by_person=True)

    def may_ask(self, incident: Incident) -> bool:
        """Whether no proposal of an incident waits for a person, and no block of its target is in force."""
        now = time.time()
        asked = [one for one in self._state.proposals.newest() if one.terms.incident_id == incident.id]
        if any(one.state is ProposalState.REPLAY or _waits(one, now) for one in asked):
            return False
        live = [block for block in self._state.blocks if block.state is BlockState.LIVE]
        return not any(_holds(block.prefix, incident.target_ip) for block in live)

    async def propose_for(self, incident: Incident, outcome: Outcome, ifaces: Sequence[str]) -> None:
        """Make the proposal that an investigation ended in, unless one of this incident waits or is in force."""
        if not self.may_ask(incident):
            return
        self._ifaces = tuple(ifaces) if self._plan.live else ()
        terms = self._terms(incident.target_ip, incident.id, [evidence.id for evidence in outcome.evidence])
        if not self._plan.live:
            self._propose_in_replay(terms, incident, outcome.block_reason)
            return
        try:
            await self._propose(terms, outcome.block_reason, incident.handshake)
        except OSError as error:
            self._note(incident.id, f"no proposal for {terms.prefix}: {error}")

    async def decide(self, proposal_id: str, token: str, approve: bool, typed: str = "") -> Block | None:
        """Carry a person's decision to the guard; return the block as read back from the kernel.

        Raises:
            PermissionError: the guard refuses, with its reason.
        """
        guard = self._guard()
        began = time.monotonic()
        block: Block | None = None
        if approve:
            block = await guard.ask(lambda client: client.approve(proposal_id, token, typed))
            took_ms = (time.monotonic() - began) * 1000
            line = f"approved by {block.approver}: {block.prefix} {block.state}, read back after {took_ms:.0f} ms"
        else:
            await guard.ask(lambda client: client.refuse(proposal_id))
            line = f"refused {proposal_id}"
        self._settle(proposal_id, approve, line)
        if block is not None:
            self._publish(block)
            await self._read_blocks()
        return block

    async def unblock(self, prefix: str) -> None:
        """Take a block out of the kernel."""
        block = next((block for block in self._state.blocks if block.prefix == prefix), None)
        await self._guard().ask(lambda guard: guard.remove(prefix))
        if block is not None and block.incident_id:
            self._note(block.incident_id, f"removed the block of {prefix}")
        await self._read_blocks()

    async def watch(self) -> NoReturn:
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
            if state is not ProposalState.PENDING:
                self._change(proposal, state, f"{proposal.id} is {state.value}, not decided at this console")
            elif not _waits(proposal, now):
                self._change(proposal, ProposalState.EXPIRED, f"{proposal.id} expired: nothing was done")

    def _propose_in_replay(self, terms: Terms, incident: Incident, reason: str) -> None:
        proposal_id = content_id("P-", 8, incident.id, terms.prefix)
        at = incident.updated_at
        warnings = () if incident.handshake else (SPOOFABLE,)
        proposal = Proposal(proposal_id, terms, reason, at, at, ProposalState.REPLAY, warnings)
        self._writer.add([db.put_proposal(proposal)])
        self._publish(proposal)

    async def _propose(self, terms: Terms, reason: str, handshake: bool, *, by_person: bool = False) -> Proposal:
        proposal = await self._guard().ask(
            lambda guard: guard.propose(terms, reason, handshake=handshake, by_person=by_person)
        )
        self._writer.add([db.put_proposal(proposal)])
        self._publish(proposal)
        return proposal

    def _terms(self, target_ip: str, incident_id: str, evidence_ids: Iterable[str]) -> Terms:
        digest = content_id("", 64, *sorted(evidence_ids))
        return Terms(
            incident_id,
            default_prefix(target_ip, self._plan.connected),
            self._plan.settings.block_ttl,
            self._ifaces,
            digest,
        )

    def _settle(self, proposal_id: str, approve: bool, line: str) -> None:
        proposal = self._state.proposals.get(proposal_id)
        if proposal is not None:
            self._change(proposal, ProposalState.APPROVED if approve else ProposalState.REFUSED, line)

    def _change(self, proposal: Proposal, state: ProposalState, line: str) -> None:
        changed = replace(proposal, state=state)
        self._writer.add([db.put_proposal(changed)])
        self._note(proposal.terms.incident_id, line)
        self._publish(changed)

    def _note(self, incident_id: str, text: str) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S %Z")
        self._writer.add([db.put_decision(incident_id, time.time(), f"{stamp} {text}")])

    async def _read_blocks(self) -> None:
        guard = self._guard()
        try:
            welcome = await guard.ask(lambda client: client.hello())
            blocks = tuple(await guard.ask(lambda client: client.blocks()))
            told = await guard.ask(lambda client: client.proposals())
        except OSError as error:
            self.blocking, self.dataplane = False, "no guard"
            remedy = "start aegis-tui again; blocks stay in force"
            if not any(fault.ability == "guard" for fault in self._state.faults()):
                self._publish(Fault("guard", f"the guard does not answer: {error}", remedy, time.time()))
            return
        self.catch_up(told, time.time())
        self.adopt(told)
        self.blocking = welcome.blocking
        self.dataplane = HALTED if welcome.halted else welcome.dataplane
        self._tell_of_blocking()
        self._state.blocks = blocks

    def adopt(self, told: Iterable[Proposal]) -> None:
        """Take over the proposals of incidents known here that were made or decided while no console ran."""
        for proposal in reversed(list(told)):
            known = self._state.proposals.get(proposal.id) is not None
            if not known and self._state.incidents.get(proposal.terms.incident_id) is not None:
                self._state.apply(proposal)
                self._writer.add([db.put_proposal(proposal)])

    def _tell_of_blocking(self) -> None:
        """Say once that nothing can be blocked, and once that it can again."""
        standing = {fault.ability: fault.message for fault in self._state.faults()}
        if self.blocking or self._plan.settings.no_dataplane:
            if "blocking" in standing:
                self._publish(Fault("blocking", "", "", time.time(), cleared=True))
        elif standing.get("blocking") != self.dataplane:
            remedy = "aegis-tui blocks resume" if self.dataplane == HALTED else "aegis-tui doctor says what is missing"
            self._publish(Fault("blocking", self.dataplane, remedy, time.time()))

    def _guard(self) -> HostDoor:
        if self._door is None:
            msg = "blocking is off: no guard runs" if self._plan.live else "blocking is off: this is a replay"
            raise PermissionError(msg)
        return self._door


def _waits(proposal: Proposal, now: float) -> bool:
    return proposal.state is ProposalState.PENDING and now < proposal.expires_at


def _holds(prefix: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return False
