"""What a person asks of the guard, at the console that hosts the engine or at one attached to it."""

from __future__ import annotations

import ipaddress
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from engine.alerts import content_id
from engine.guard.client import GuardClient
from engine.guard.messages import Review
from engine.guard.policy import canonical_prefix, default_prefix
from engine.host.people import in_words
from engine.types import Block, Enforced, Impact, Incident, Proposal, ProposalState, Terms

ENDED_BLOCKS = 300

_T = TypeVar("_T")


class GuardDoor(Protocol):
    """One connection to the guard."""

    def ask(self, question: Callable[[GuardClient], _T]) -> Coroutine[Any, Any, _T]:
        """Put a question to the guard without holding up the event loop."""
        ...


class Petitions(ABC):
    """A person's side of blocking. The guard decides what is enforced; this only asks it, and tells the engine."""

    block_ttl_s = 3600.0
    """Of a block that a person asks for."""
    connected: tuple[str, ...] = ()
    """Prefixes reached without a gateway."""
    _ifaces: tuple[str, ...] = ()

    # --- what a subclass knows, and how it tells the engine ---

    @abstractmethod
    def _guard(self) -> GuardDoor:
        """Return the way to the guard, or raise ``PermissionError`` with the reason why there is none."""

    def _reader(self) -> GuardDoor:
        """Return the way to the guard for what decides nothing."""
        return self._guard()

    @abstractmethod
    def _proposal(self, proposal_id: str) -> Proposal | None:
        """Return a proposal as it is known here."""

    @abstractmethod
    def _incident(self, incident_id: str) -> Incident | None:
        """Return an incident as it is known here."""

    @abstractmethod
    def _blocks(self) -> Sequence[Block]:
        """Return the blocks as last read."""

    @abstractmethod
    async def _traffic(self, prefixes: Sequence[str]) -> Impact:
        """Return what the record of flows holds about prefixes."""

    @abstractmethod
    async def _asked(self, proposal: Proposal) -> None:
        """Tell the engine of a proposal that the guard took."""

    @abstractmethod
    async def _decided(self, proposal_id: str, approve: bool, line: str, block: Block | None) -> None:
        """Tell the engine what a person decided; ``line`` says it in words."""

    @abstractmethod
    async def _done(self, incident_id: str, line: str) -> None:
        """Tell the engine what was done about a block, and have it look at the kernel again."""

    # --- what a person asks ---

    async def review(self, proposal_id: str) -> Review:
        """Return the guard's record of a proposal, with the token that approves it once."""
        proposal = self._proposal(proposal_id)
        if proposal is not None and proposal.state is ProposalState.REPLAY:
            return Review(proposal, "", ("this is a replay: blocking is off",))
        return await self._guard().ask(lambda guard: guard.review(proposal_id))

    async def revise(self, proposal_id: str, prefix: str, ttl_s: float) -> Proposal:
        """Put other terms in the place of a proposal's.

        Raises:
            ValueError: the proposal is a list, whose targets only its asker has.
        """
        proposal = (await self.review(proposal_id)).proposal
        if proposal.listed is not None:
            msg = "the terms of a list cannot be edited: import it again with others"
            raise ValueError(msg)
        incident = self._incident(proposal.terms.incident_id)
        terms = replace(proposal.terms, prefix=prefix, ttl_s=ttl_s)
        handshake = incident is not None and incident.handshake and holds(prefix, incident.target_ip)
        handshake = handshake or await self._completed_handshake(prefix)
        revised = await self._propose(terms, proposal.reason, handshake, by_person=True)
        if revised.id != proposal_id:
            await self.decide(proposal_id, "", approve=False)
        return revised

    async def propose(self, target: str, incident_id: str) -> Proposal:
        """Ask for a block of an address or a prefix on behalf of a person; the incident may be empty.

        Raises:
            ValueError: the target is neither.
        """
        incident = self._incident(incident_id)
        prefix = canonical_prefix(target) if "/" in target else default_prefix(target, self.connected)
        handshake = incident is not None and incident.handshake and holds(target, incident.target_ip)
        handshake = handshake or await self._completed_handshake(target)
        terms = self._terms(prefix, incident_id, evidence_ids=())
        return await self._propose(terms, "asked for by a person at the console", handshake, by_person=True)

    async def propose_list(self, prefixes: Sequence[str], reason: str) -> Proposal:
        """Ask for one block of many addresses and prefixes on behalf of a person.

        Raises:
            ValueError: one of them is neither; the text names it.
        """
        ttl_s, ifaces = self.block_ttl_s, self._ifaces
        targets = [canonical_prefix(one) if "/" in one else default_prefix(one, self.connected) for one in prefixes]
        once = tuple(dict.fromkeys(targets))
        proposal = await self._guard().ask(
            lambda guard: guard.propose_list(once, ttl_s, reason, ifaces=ifaces, by_person=True)
        )
        await self._asked(proposal)
        return proposal

    async def extend(self, prefix: str, ttl_s: float) -> Proposal:
        """Ask for another term of a block in force, counted from the approval."""
        proposal = await self._guard().ask(lambda guard: guard.extend(prefix, ttl_s))
        await self._asked(proposal)
        return proposal

    async def watch(self, proposal_id: str, seconds: float) -> Block:
        """Count for a while what a waiting proposal would drop; its counters come with the blocks."""
        block = await self._guard().ask(lambda guard: guard.watch(proposal_id, seconds))
        await self._done("", "")
        return block

    async def keep(self, target: str = "") -> str:
        """Keep a block on trial, or with no target every interface attached for the first time."""
        guard = self._guard() if target else self._reader()
        who = await self._by() if target else ""
        detail = await guard.ask(lambda client: client.keep(target))
        block = next((block for block in self._blocks() if block.prefix == target), None)
        told = f"kept the block of {target}, by {who}"
        await self._done(block.incident_id if block else "", told)
        return detail

    async def allow(self, prefix: str, reason: str) -> str:
        """Put a prefix on the allow-list, on behalf of a person."""
        return await self._guard().ask(lambda guard: guard.allow(prefix, reason))

    async def ended_blocks(self) -> tuple[Block, ...]:
        """Return the blocks that ended, newest first, at most ``ENDED_BLOCKS``."""
        return tuple(await self._reader().ask(lambda guard: guard.blocks(ended=True, limit=ENDED_BLOCKS)))

    async def decide(self, proposal_id: str, token: str, approve: bool, typed: str = "") -> Enforced | None:
        """Carry a person's decision to the guard; return the block as read back, of a list its first and how many.

        Raises:
            PermissionError: the guard refuses, with its reason.
        """
        guard = self._guard()
        began = time.monotonic()
        if not approve:
            who = await self._by()
            await guard.ask(lambda client: client.refuse(proposal_id))
            await self._decided(proposal_id, approve, f"refused {proposal_id}, by {who}", None)
            return None
        reply = await guard.ask(lambda client: client.approve_all(proposal_id, token, typed))
        made = Enforced.of(reply.block, reply.count, reply.failed)
        took_ms = (time.monotonic() - began) * 1000
        line = f"approved by {reply.block.approver}: {_made(made)}, read back after {took_ms:.0f} ms"
        await self._decided(proposal_id, approve, line, reply.block)
        return made

    async def unblock(self, prefix: str) -> None:
        """Take a block out of the kernel."""
        await self._guard().ask(lambda guard: guard.remove(prefix))
        await self._done("", "")  # at its next look the engine notes who it was, as when a command did it

    async def _by(self) -> str:
        """Return who decides here, as the guard sees them."""
        return await self._reader().ask(lambda guard: in_words(guard.hello().approver))

    async def _propose(
        self, terms: Terms, reason: str, handshake: bool, *, by_person: bool, reported_only: bool = False
    ) -> Proposal:
        """Ask the guard; the term of an analyst's proposal grows with each return of the address."""
        proposal = await self._guard().ask(
            lambda guard: guard.propose(
                terms,
                reason,
                handshake=handshake,
                reported_only=reported_only,
                by_person=by_person,
                by_ladder=not by_person,
            )
        )
        await self._asked(proposal)
        return proposal

    async def _completed_handshake(self, target: str) -> bool:
        """Whether the record of flows holds a handshake of exactly this address; a wider prefix proves nothing."""
        return _is_one_address(target) and (await self._traffic((target,))).handshake_at > 0

    def _terms(self, prefix: str, incident_id: str, evidence_ids: Iterable[str]) -> Terms:
        digest = content_id("", 64, *sorted(evidence_ids))
        return Terms(incident_id, prefix, self.block_ttl_s, self._ifaces, digest)


def holds(prefix: str, address: str) -> bool:
    """Whether an address lies in a prefix; what is neither holds nothing."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return False


def _made(made: Enforced) -> str:
    if made.count == 1:
        return f"{made.prefix} {made.state}"
    return f"{made.count:,} blocks" + (f", {made.failed:,} not taken" if made.failed else "")


def _is_one_address(target: str) -> bool:
    try:
        return ipaddress.ip_network(target, strict=False).num_addresses == 1
    except ValueError:
        return False
