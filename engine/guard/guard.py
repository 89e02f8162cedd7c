"""Answers each request: checks every rule itself, writes down what it did, and never trusts the asker."""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from engine.guard import codec, fields, messages, policy
from engine.guard.clock import Clock, RateLimit
from engine.guard.enforce import HALTED, Enforcer
from engine.guard.ledger import Asker, Ledger, Question, approver_text
from engine.host import processes, sockets
from engine.host.addresses import canonical_ip
from engine.types import Approver, Block, HostAddresses, Proposal, ProposalState, Terms

TICK_S = 10.0
"""How often the kernel and the never-block set are looked at."""
WRITES_PER_MINUTE = 30
PROPOSALS_PER_MINUTE = 120
"""Of each kind of asker."""
TEXT_LIMIT = 512
PAGE = 64
PAGE_BYTES = codec.PACKET_BYTES - 4096
MET = 63
"""People whose addresses are remembered beside the newest one's."""
ADDRESSES = 200
"""Most addresses of each kind in one reply; the rules themselves know them all."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Channel:
    """Who is at the other end of a connection."""

    approver: Approver
    why_not: str = ""
    """Why this end may not approve; empty when it may."""
    roots_terminal: bool = False
    """Whether it is a process of root's with a terminal, on root's own socket."""

    def asker(self, by_person: bool) -> Asker:
        """Return whose quotas a proposal from this end counts against."""
        if self.roots_terminal:
            return Asker.TERMINAL
        return Asker.CONSOLE if by_person and not self.why_not else Asker.ENGINE


class Surroundings:
    """The never-block set as it is now; ``blind`` while it cannot be read."""

    def __init__(self, look: Callable[[], tuple[policy.Protected, tuple[str, ...]]], ledger: Ledger) -> None:
        self._look, self._ledger = look, ledger
        self.protected = policy.Protected()
        self.connected: tuple[str, ...] = ()
        self.blind = "the addresses of this host were not read yet"
        self._met: list[str] = []

    def refresh(self, wall: float) -> None:
        """Look again; on failure keep what was known and say so."""
        try:
            protected, self.connected = self._look()
            self.blind = ""
        except OSError as error:
            self.blind = f"cannot read the addresses of this host: {error}"
            protected = self.protected
        self.protected = self._with_met(replace(protected, allowed=self._ledger.allowed(wall)))

    def meet(self, approver: Approver) -> None:
        """Protect the SSH peer of a person who talks to this guard, for as long as it runs."""
        peer = canonical_ip(approver.ssh_peer)
        if peer is not None and peer not in self._met:
            self._met = [*self._met[-MET:], peer]
            self.protected = self._with_met(self.protected)

    def _with_met(self, protected: policy.Protected) -> policy.Protected:
        operators = tuple(dict.fromkeys((*protected.addresses.operators, *self._met)))
        return replace(protected, addresses=replace(protected.addresses, operators=operators))


class Guard:
    """Holds the rules together; the server brings it messages and time."""

    def __init__(self, ledger: Ledger, clock: Clock, enforcer: Enforcer, surroundings: Surroundings, pid: int) -> None:
        self._ledger, self._clock, self._enforcer, self._around, self._pid = ledger, clock, enforcer, surroundings, pid
        self._sick = ""
        self._secret = secrets.token_bytes(32)
        self._writes = RateLimit(WRITES_PER_MINUTE)
        self._asked = {asker: RateLimit(PROPOSALS_PER_MINUTE) for asker in Asker}
        self._told = RateLimit(PROPOSALS_PER_MINUTE)

    def start(self) -> None:
        """Note the start, tell when the audit chain is broken, and bring the kernel in line."""
        entries, problems = self._ledger.verify()
        self._ledger.note(self._clock.wall(), "start", pid=self._pid, entries=entries, problems=problems)
        self.tick()

    def tick(self) -> None:
        """Do what is due every ``TICK_S``; a ledger that cannot be written stops approvals, not the guard."""
        try:
            self._tick()
            self._sick = ""
        except (OSError, sqlite3.Error) as error:
            self._sick = f"cannot keep the guard's ledger: {error}"

    def _tick(self) -> None:
        self._ledger.expire(self._clock.wall(), self._boot())
        self._look_around()
        self._enforcer.reconcile()

    def _look_around(self) -> None:
        """See what must never be blocked now, and let the kernel spare it."""
        self._around.refresh(self._clock.wall())
        if not self._around.blind:
            self._enforcer.set_allow(policy.kernel_allow(self._around.protected))

    def stop(self, why: str) -> None:
        """Note the end and what is left of each block; blocks stay in force."""
        self._ledger.note_remaining(self._boot())
        self._ledger.note(self._clock.wall(), "stop", why=why)

    def answer(self, packet: bytes, channel: Channel) -> bytes:
        """Return the reply to one packet, whatever it holds."""
        try:
            request, number = messages.decode_request(packet)
        except codec.MessageError as error:
            return codec.encode(_refused(f"cannot read the request: {error}"), codec.sent_number(packet))
        self._around.meet(channel.approver)
        try:
            return codec.encode(self._reply_or_tell(request, channel), number)
        except (OSError, sqlite3.Error, ValueError) as error:
            return codec.encode(_refused(f"cannot do {type(request).__name__}: {error}"), number)

    def _reply_or_tell(self, request: messages.Request, channel: Channel) -> messages.Reply:
        try:
            return self._reply(request, channel)
        except PermissionError as error:
            refused = _refused(str(error))
            self._tell_refusal(request, channel, refused.reason)
            return refused

    def _tell_refusal(self, request: messages.Request, channel: Channel, why: str) -> None:
        """Note a refusal, at most so many a minute: the asker must not fill the disk."""
        now = self._clock.boot_ns()
        if self._told.full(now):
            return
        self._told.count(now)
        target = getattr(request, "id", "") or getattr(request, "prefix", "")
        of = fields.plain(target[: fields.SHOWN])
        told = {"asked": type(request).__name__, "of": of, "why": why, "by": approver_text(channel.approver)}
        self._ledger.note(self._clock.wall(), "refused", **told)

    def _reply(self, request: messages.Request, channel: Channel) -> messages.Reply:  # noqa: PLR0911, PLR0912 - one line a message
        match request:
            case messages.Hello():
                return self._welcome(channel)
            case messages.Attach(ifaces):
                return self._attach(ifaces, channel)
            case messages.Addresses():
                return self._never_block()
            case messages.Propose():
                return messages.Proposed(self._propose(request, channel.asker(request.by_person)))
            case messages.Proposals(offset):
                self._ledger.expire(self._clock.wall(), self._boot())
                proposals, more = page(self._ledger.proposals(PAGE + 1, offset))
                return messages.ProposalList(proposals, more)
            case messages.Show(proposal_id):
                return self._review(self._question(proposal_id))
            case messages.Approve(proposal_id, token, typed):
                return messages.Approved(self._approve(self._question(proposal_id), token, typed, channel))
            case messages.Refuse(proposal_id):
                question = self._question(proposal_id)
                self._ledger.refuse(question.proposal, channel.approver, self._clock.wall())
                return messages.Done(f"{proposal_id} is refused")
            case messages.Remove(prefix):
                return self._remove(prefix, channel)
            case messages.Blocks(offset):
                blocks, more = page(self._enforcer.blocks()[max(offset, 0) :][: PAGE + 1])
                return messages.BlockList(blocks, more, self._enforcer.halted)
            case messages.FindOwner(five_tuple):
                return messages.Owner(sockets.find_owner(five_tuple))
            case messages.Describe(pid, start_time):
                return messages.Process(processes.describe(pid, start_time))
            case messages.Resume():
                return self._resume(request.restore, channel)
            case messages.VerifyAudit():
                entries, problems = self._ledger.verify()
                return messages.Audit(entries, tuple(problems))
            case messages.Allow() | messages.Disallow():
                return self._change_allowed(request, channel)
        assert_never(request)

    # --- what is

    def _boot(self) -> tuple[str, int]:
        return self._clock.boot_id, self._clock.boot_ns()

    def _trouble(self) -> str:
        return self._sick or self._around.blind or self._enforcer.trouble()

    def _welcome(self, channel: Channel) -> messages.Welcome:
        return messages.Welcome(
            pid=self._pid,
            attached=tuple(messages.Attachment(*pair) for pair in self._enforcer.attached.items()),
            dataplane=self._enforcer.dataplane(),
            blocking=not self._trouble() and not self._enforcer.halted,
            halted=self._enforcer.halted,
            may_approve=not channel.why_not,
            why_not=channel.why_not,
            approver=channel.approver,
            drifted=self._enforcer.drifted[:PAGE],
        )

    def _never_block(self) -> messages.NeverBlock:
        protected = self._around.protected
        addresses = protected.addresses
        shown = HostAddresses(
            addresses.own[:ADDRESSES],
            addresses.gateways[:ADDRESSES],
            addresses.resolvers[:ADDRESSES],
            addresses.operators[:ADDRESSES],
        )
        allowed = tuple(prefix for prefix, _ in protected.allowed[:ADDRESSES])
        return messages.NeverBlock(shown, protected.endpoints, allowed, self._around.connected[:ADDRESSES])

    # --- proposals

    def _propose(self, request: messages.Propose, asker: Asker) -> Proposal:
        self._limit(self._asked[asker], f"more than {PROPOSALS_PER_MINUTE} proposals a minute")
        terms = self._complete(request.terms)
        if len(request.reason) > TEXT_LIMIT:
            raise PermissionError(f"the reason is longer than {TEXT_LIMIT} characters")
        judgement = self._judge(terms, request.handshake, request.reported_only)
        if judgement.refusals:
            raise PermissionError("; ".join(judgement.refusals))
        reason, wall = fields.plain(request.reason), self._clock.wall()
        return self._ledger.propose(
            terms, reason, judgement, request.handshake, request.reported_only, wall, self._boot(), asker
        )

    def _complete(self, terms: Terms) -> Terms:
        """Put the terms into canonical form; a bare address gets its default prefix."""
        fields.check_terms(terms)
        try:
            whole = "/" in terms.prefix
            prefix = (
                policy.canonical_prefix(terms.prefix)
                if whole
                else policy.default_prefix(terms.prefix, self._around.connected)
            )
        except ValueError as error:
            raise PermissionError(str(error)) from None
        ifaces = tuple(sorted(set(terms.ifaces or self._enforcer.attached)))
        return replace(terms, prefix=prefix, ifaces=ifaces)

    def _judge(self, terms: Terms, handshake: bool, reported_only: bool) -> policy.Judgement:
        return policy.judge(
            terms.prefix, terms.ttl_s, self._around.protected, handshake=handshake, reported_only=reported_only
        )

    def _question(self, proposal_id: str) -> Question:
        self._ledger.expire(self._clock.wall(), self._boot())
        question = self._ledger.question(proposal_id)
        if question is None:
            raise PermissionError(f"there is no proposal {proposal_id[:64]}")
        return question

    def _review(self, question: Question) -> messages.Review:
        """Judge again, for the host may have changed, and hand out a token when nothing stands against it."""
        self._around.refresh(self._clock.wall())
        proposal = question.proposal
        judgement = self._judge(proposal.terms, question.handshake, question.reported_only)
        refusals = self._refusals(question, judgement)
        typed = proposal.typed_confirmation or judgement.typed_confirmation
        warnings = (*self._replaced(proposal), *judgement.warnings)
        shown = replace(proposal, warnings=warnings, typed_confirmation=typed)
        halted = self._enforcer.halted
        token = "" if refusals or halted else self._token(secrets.token_hex(16), proposal)
        return messages.Review(shown, token, refusals, halted)

    def _replaced(self, proposal: Proposal) -> tuple[str, ...]:
        """Warn of interfaces that an approval would open: one prefix has one block."""
        orders = [order for order in self._ledger.orders() if order.prefix == proposal.terms.prefix]
        lost = sorted({iface for order in orders for iface in order.ifaces} - set(proposal.terms.ifaces))
        return (f"the block on {', '.join(lost)} ends: this one takes its place",) if lost else ()

    def _refusals(self, question: Question, judgement: policy.Judgement) -> tuple[str, ...]:
        proposal, attached = question.proposal, sorted(self._enforcer.attached)
        reasons = [*judgement.refusals]
        if proposal.state is not ProposalState.PENDING:
            reasons.append(f"{proposal.id} is {proposal.state}")
        if not question.genuine:
            reasons.append(f"the stored terms of {proposal.id} are not those that were proposed")
        if trouble := self._trouble():
            reasons.append(trouble)
        elif not proposal.terms.ifaces or set(proposal.terms.ifaces) - set(attached):
            named = ", ".join(proposal.terms.ifaces) or "no interface"
            reasons.append(f"{proposal.id} is for {named}, the guard is attached to {', '.join(attached)}")
        return tuple(reasons)

    def _token(self, nonce: str, proposal: Proposal) -> str:
        """Bind a token to every term; it dies with the proposal, which can be decided once, and with this guard."""
        bound = repr((nonce, proposal.id, proposal.terms, proposal.expires_at)).encode()
        return f"{nonce}.{hmac.new(self._secret, bound, 'sha256').hexdigest()}"

    def _approve(self, question: Question, token: str, typed: str, channel: Channel) -> Block:
        proposal = question.proposal
        if channel.why_not:
            raise PermissionError(channel.why_not)
        self._look_around()
        judgement = self._judge(proposal.terms, question.handshake, question.reported_only)
        if refusals := (*self._refusals(question, judgement), *((HALTED,) if self._enforcer.halted else ())):
            raise PermissionError("; ".join(refusals))
        expected = self._token(token.partition(".")[0], proposal)
        if not hmac.compare_digest(expected.encode(), token.encode()):
            raise PermissionError(f"the token does not belong to {proposal.id} as it stands: review it again")
        must_type = proposal.typed_confirmation or judgement.typed_confirmation
        if must_type and not policy.typed_matches(typed, proposal.terms.prefix):
            raise PermissionError(f"the address was not typed: {'; '.join(judgement.warnings)}")
        self._limit(self._writes, f"more than {WRITES_PER_MINUTE} approvals a minute")
        order = self._ledger.approve(proposal, channel.approver, self._clock.wall(), self._boot())
        return self._enforcer.enforce(order)

    def _limit(self, limit: RateLimit, words: str) -> None:
        now = self._clock.boot_ns()
        if limit.full(now):
            raise PermissionError(f"{words}: wait")
        limit.count(now)

    # --- what a person changes

    def _attach(self, ifaces: tuple[str, ...], channel: Channel) -> messages.Reply:
        fields.check_ifaces(ifaces)
        if len({*ifaces, *self._enforcer.ifaces}) > fields.IFACES:
            raise PermissionError(f"more than {fields.IFACES} interfaces")
        strange = sorted(set(ifaces) - set(self._enforcer.ifaces))
        if strange and channel.why_not:
            raise PermissionError(f"the guard was not started for {', '.join(strange)[:TEXT_LIMIT]}: {channel.why_not}")
        self._enforcer.attach(ifaces)
        self._enforcer.reconcile()
        return self._welcome(channel)

    def _remove(self, text: str, channel: Channel) -> messages.Reply:
        try:
            prefix = policy.canonical_prefix(text)
        except ValueError as error:
            raise PermissionError(str(error)) from None
        if not self._enforcer.remove(prefix, approver_text(channel.approver)):
            raise PermissionError(f"{prefix} is not blocked")
        return messages.Done(f"{prefix} is not blocked any more")

    def _resume(self, restore: bool, channel: Channel) -> messages.Reply:
        """End the halt; the blocks of before may be why somebody had to panic, so they return only when asked for."""
        if channel.why_not:
            raise PermissionError(channel.why_not)
        if not self._enforcer.halted:
            return messages.Done("blocking is not halted: nothing was changed")
        wall, who = self._clock.wall(), approver_text(channel.approver)
        orders = self._ledger.orders()
        self._ledger.note(wall, "resume", by=who, restore=restore)
        for order in () if restore else orders:
            self._ledger.end(order.prefix, wall, "lifted", by=who)
        self._enforcer.resume()
        fate = "restored" if restore else "lifted"
        return messages.Done(f"blocking is resumed, {len(orders)} block(s) of before {fate}")

    def _change_allowed(self, request: messages.Allow | messages.Disallow, channel: Channel) -> messages.Reply:
        if channel.why_not:
            raise PermissionError(channel.why_not)
        try:
            prefix = policy.canonical_prefix(request.prefix)
        except ValueError as error:
            raise PermissionError(str(error)) from None
        wall = self._clock.wall()
        if isinstance(request, messages.Allow):
            if request.ttl_s < 0 or request.ttl_s == float("inf") or len(request.reason) > TEXT_LIMIT:
                raise PermissionError("the time or the reason is out of range")
            self._ledger.allow(prefix, fields.plain(request.reason), request.ttl_s, wall, channel.approver)
        elif not self._ledger.disallow(prefix, wall, channel.approver):
            raise PermissionError(f"{prefix} is not on the allow-list")
        self.tick()
        return messages.Done(f"the allow-list {'holds' if isinstance(request, messages.Allow) else 'lost'} {prefix}")


def _refused(reason: str) -> messages.Refused:
    """Return a refusal; what the asker wrote may stand in its reason."""
    return messages.Refused(fields.plain(reason))


def page(items: Sequence[Item]) -> tuple[tuple[Item, ...], bool]:
    """Return what fits into one reply, and whether there is more."""
    kept: list[Item] = []
    room = PAGE_BYTES
    for item in items[:PAGE]:
        room -= codec.size(item)
        if room < 0:
            break
        kept.append(item)
    return tuple(kept), len(kept) < len(items)
