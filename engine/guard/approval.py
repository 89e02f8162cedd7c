"""From a question to an order: what may be asked, what a person is shown, and the one token that says yes."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from engine.guard import fields, lists, messages, policy, terms
from engine.guard.attachments import TRIAL_S, Attachments
from engine.guard.clock import Clock, RateLimit
from engine.guard.enforce import HALTED, Enforcer
from engine.guard.ledger import Asked, Asker, Ledger, Question
from engine.guard.listing import Watching
from engine.guard.orders import PRIOR_LINES, Order
from engine.guard.quota import Breaker
from engine.guard.standing import Standing
from engine.guard.surroundings import Surroundings
from engine.guard.watches import WATCH_S
from engine.host import people
from engine.types import Approver, Block, Proposal, ProposalState, Terms

WRITES_PER_MINUTE = 30
PROPOSALS_PER_MINUTE = 120
"""Of each kind of asker, and of sources that completed a handshake or did not: forged ones crowd out nobody."""
LISTS_PER_MINUTE = 6
TEXT_LIMIT = 512
LIST = "block list"


class Approvals:
    """Judges every question anew at every step: when it is asked, shown and approved."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        plane: Attachments,
        enforcer: Enforcer,
        around: Surroundings,
        trouble: Callable[[], str],
    ) -> None:
        self._ledger, self._clock, self._plane, self._enforcer, self._around = ledger, clock, plane, enforcer, around
        self._trouble = trouble
        self._secret = secrets.token_bytes(32)
        self._writes, self._lists = RateLimit(WRITES_PER_MINUTE), RateLimit(LISTS_PER_MINUTE)
        kinds = ((asker, met) for asker in Asker for met in (False, True))
        self._asked = {kind: RateLimit(PROPOSALS_PER_MINUTE) for kind in kinds}
        self._breakers = {False: Breaker("sources that may be spoofed"), True: Breaker("sources that were met")}
        self._stage = lists.Stage()
        self._standing = Standing(ledger.orders, ledger.network)

    def held_off(self) -> str:
        """Say why the engine's proposals are refused for now, or nothing."""
        now = self._clock.boot_ns()
        return "; ".join(filter(None, (breaker.held_off(now) for breaker in self._breakers.values())))

    # --- questions

    def propose(self, request: messages.Propose, asker: Asker) -> Proposal:
        """Store a question about one prefix, or return the same one that waits."""
        self._count(asker, request.handshake)
        asked_terms = self._complete(request.terms)
        if asker is Asker.ENGINE and (blocked := self._enforcer.covering(asked_terms)):
            raise PermissionError(blocked)
        handshake, reported = request.handshake, request.reported_only
        prior = len(self._ledger.orders.prior(asked_terms.prefix, self._clock.wall()))
        ttl_s = asked_terms.ttl_s
        if request.by_ladder:
            ttl_s = terms.laddered(ttl_s, prior, doubtful=reported or not handshake)
        asked = Asked(
            replace(asked_terms, ttl_s=ttl_s),
            _reason(request.reason),
            handshake,
            reported,
            asker,
            as_asked=f"{asked_terms} by ladder" if request.by_ladder else "",
            prior_blocks=prior,
        )
        return self._ask(asked)

    def extend(self, request: messages.Extend, asker: Asker) -> Proposal:
        """Store the question whether a block in force gets another term, counted from the approval."""
        self._count(asker, met=True)
        prefix = _canonical(request.prefix)
        order = self._ledger.orders.by_prefix().get(prefix)
        if order is None:
            raise PermissionError(f"{prefix} is not blocked: there is nothing to extend")
        if not self._standing.is_ours(order):
            raise PermissionError(f"{prefix} is blocked in another network namespace: only a guard there extends it")
        before = self._ledger.question(order.proposal_id)
        met = before is not None and before.genuine and before.proposal.listed is None
        digest = before.proposal.terms.evidence_digest if before is not None else ""
        asked = Asked(
            Terms(order.incident_id, prefix, request.ttl_s, order.ifaces, digest),
            _reason(f"another term for the block of {order.proposal_id}: {order.reason}"[:TEXT_LIMIT]),
            handshake=met and before is not None and before.handshake,
            reported_only=not met or before is None or before.reported_only,
            asker=asker,
            prior_blocks=len(self._ledger.orders.prior(prefix, self._clock.wall())),
        )
        return self._ask(asked)

    def stage(self, owner: Hashable, request: messages.Stage) -> int:
        """Take a part of a list and return how many prefixes it has by now."""
        if not fields.INCIDENT_ID.fullmatch(request.batch):
            raise PermissionError("a list's name is at most 64 letters, digits and dashes")
        return self._stage.put(owner, request.batch, request.prefixes)

    def propose_list(self, owner: Hashable, request: messages.ProposeList, asker: Asker) -> Proposal:
        """Store one question about a whole staged list; what the rules refuse is left out and named."""
        self._count(asker, met=False)
        if not request.ttl_s:
            raise PermissionError("a list is never permanent: give it a term")
        self._limit(self._lists, f"more than {LISTS_PER_MINUTE} lists a minute")
        staged = self._stage.take(owner, request.batch, request.count, request.digest)
        about = Terms("", "", request.ttl_s, request.ifaces, "", LIST)
        fields.check_ifaces(about.ifaces)
        sifted = self._sift(staged, about.ttl_s)
        if not sifted.targets:
            raise PermissionError(f"the rules refuse all of the list: {'; '.join(sifted.refused[:4])}")
        if refusals := self._standing.against_list(sifted.targets):
            raise PermissionError("; ".join(refusals))
        ifaces = tuple(sorted(set(request.ifaces or self._plane.proposable())))
        about = replace(about, ifaces=ifaces, evidence_digest=fields.list_digest(sifted.targets))
        asked = Asked(about, _reason(request.reason), False, True, asker, sifted.warnings, True)
        return self._store(replace(asked, listed=sifted.listed(), targets=sifted.targets))

    def _ask(self, asked: Asked) -> Proposal:
        """Judge a question about one prefix and store it."""
        judgement = self._judge(asked.terms.prefix, asked.terms.ttl_s, asked.handshake, asked.reported_only)
        if refusals := (*judgement.refusals, *self._standing.unfit([asked.terms.prefix])):
            raise PermissionError("; ".join(refusals))
        return self._store(replace(asked, warnings=judgement.warnings, typed_confirmation=judgement.typed_confirmation))

    def _store(self, asked: Asked) -> Proposal:
        if not asked.terms.ttl_s and asked.asker is Asker.ENGINE:
            raise PermissionError("only a person may ask for a block without an end")
        now, wall = self._clock.boot_ns(), self._clock.wall()
        waiting = self._ledger.waiting(asked, wall)
        if waiting is not None:
            return waiting
        if asked.asker is Asker.ENGINE:
            breaker = self._breakers[asked.handshake]
            before = breaker.held_off(now)
            if not breaker.trip(now):
                if not before:
                    self._ledger.book.note(wall, "held_off", why=breaker.held_off(now))
                raise PermissionError(breaker.held_off(now))
        return self._ledger.propose(asked, wall, (self._clock.boot_id, now))

    def _count(self, asker: Asker, met: bool) -> None:
        self._limit(self._asked[asker, met], f"more than {PROPOSALS_PER_MINUTE} proposals a minute")

    def _complete(self, asked: Terms) -> Terms:
        """Put the terms into canonical form; a bare address gets its default prefix."""
        fields.check_terms(asked)
        try:
            whole = "/" in asked.prefix
            connected = self._around.connected
            prefix = policy.canonical_prefix(asked.prefix) if whole else policy.default_prefix(asked.prefix, connected)
        except ValueError as error:
            raise PermissionError(str(error)) from None
        ifaces = tuple(sorted(set(asked.ifaces or self._plane.proposable())))
        return replace(asked, prefix=prefix, ifaces=ifaces)

    def _judge(self, prefix: str, ttl_s: float, handshake: bool, reported_only: bool) -> policy.Judgement:
        judgement = policy.judge(
            prefix, ttl_s, self._around.protected, handshake=handshake, reported_only=reported_only
        )
        elsewhere = self._standing.elsewhere(prefix)
        return replace(judgement, refusals=(*judgement.refusals, *elsewhere)) if elsewhere else judgement

    def _sift(self, prefixes: Iterable[str], ttl_s: float) -> lists.Sifted:
        """Judge each target of a list; that nobody of it was met is told once, by the number to type."""
        return lists.sift(prefixes, lambda prefix: self._judge(prefix, ttl_s, handshake=True, reported_only=False))

    def question(self, proposal_id: str) -> Question:
        """Return a proposal with what it is judged by; raises ``PermissionError`` when there is none."""
        self.expire()
        question = self._ledger.question(proposal_id)
        if question is None:
            raise PermissionError(f"there is no proposal {proposal_id[:64]}")
        return question

    def expire(self) -> None:
        """Close what nobody decided on in time."""
        self._ledger.expire(self._clock.wall(), (self._clock.boot_id, self._clock.boot_ns()))

    # --- the person's decision

    def review(self, question: Question) -> messages.Review:
        """Judge again, for the host may have changed, and hand out a token when nothing stands against it."""
        self._around.refresh(self._clock.wall())
        proposal = question.proposal
        targets, judgement = self._rejudge(question)
        refusals = self._refusals(question, judgement)
        typed = judgement.typed_confirmation
        warnings = (*self._replaced(proposal, targets), *judgement.warnings)
        halted = self._enforcer.halted
        now = self._clock.boot_ns()
        trials = self._trials(proposal, targets, now)
        prior = self._ledger.orders.prior(proposal.terms.prefix, self._clock.wall()) if not proposal.listed else []
        return messages.Review(
            proposal=replace(proposal, warnings=warnings[: policy.TEXTS], typed_confirmation=typed),
            token="" if refusals or halted else self._token(secrets.token_hex(16), proposal),
            refusals=refusals,
            halted=halted,
            entry=self._entry(proposal),
            outbound=self._plane.drops_outbound(proposal.terms.ifaces),
            trial_s=(min(until for until, _ in trials.values()) - now) / 1e9 if trials else 0.0,
            trial_why="; ".join(dict.fromkeys(why for _, why in trials.values()))[:TEXT_LIMIT],
            prior=tuple(
                f"{one.prefix} on {_day(one.added_at)} for {terms.words(one.ttl_s)}, {one.why}"
                for one in prior[:PRIOR_LINES]
            ),
        )

    def approve(self, question: Question, request: messages.Approve, approver: Approver) -> messages.Approved:
        """Check the token against what is stored now, make the orders, and write them."""
        proposal = question.proposal
        targets, judgement = self._rejudge(question)
        if refusals := (*self._refusals(question, judgement), *((HALTED,) if self._enforcer.halted else ())):
            raise PermissionError("; ".join(refusals))
        expected = self._token(request.token.partition(".")[0], proposal)
        if not hmac.compare_digest(expected.encode(), request.token.encode()):
            raise PermissionError(f"the token does not belong to {proposal.id} as it stands: review it again")
        self._check_typed(proposal, judgement, request.typed)
        self._limit(self._writes, f"more than {WRITES_PER_MINUTE} approvals a minute")
        wall, now = self._clock.wall(), self._clock.boot_ns()
        made = self._orders(proposal, targets, people.in_words(approver), wall, now)
        standing = self._ledger.orders.by_prefix()
        entries = self._enforcer.counted([target for target in targets if target in standing])
        orders = self._ledger.approve(proposal, made, approver, wall, now, entries)
        try:
            self._enforcer.enforce(orders)
        finally:
            self._ledger.book.chain.seal()
        return messages.Approved(self._enforcer.written(orders[0]), len(orders), self._enforcer.failed(orders))

    def refuse(self, question: Question, approver: Approver) -> None:
        """Record a no; what only counted for this proposal ends."""
        self._ledger.refuse(question.proposal, approver, self._clock.wall())
        if self._plane.blocker is not None and not question.proposal.listed:
            self._enforcer.watches.drop(self._plane.blocker, question.proposal.terms.prefix)

    def watch(self, question: Question, seconds: float) -> Block:
        """Write a count-only entry for what a waiting proposal asks for."""
        proposal, now = question.proposal, self._clock.boot_ns()
        judgement = self._rejudge(question)[1]
        if refusals := self._refusals(question, judgement):
            raise PermissionError("; ".join(refusals))
        if proposal.listed or not 1 <= seconds <= WATCH_S or self._plane.blocker is None:
            raise PermissionError(f"only one prefix is watched at a time, for 1 to {WATCH_S:.0f} s")
        asked = proposal.terms
        deadline_ns = now + int(seconds * 1e9)
        watching = Watching(asked.prefix, deadline_ns, asked.ifaces, proposal.id, asked.incident_id)
        before = self._enforcer.watches.get(asked.prefix)
        block = self._enforcer.watch(watching)
        if before is None or before.proposal_id != proposal.id:
            told = {"prefix": asked.prefix, "proposal": proposal.id, "seconds": seconds}
            self._ledger.book.note(self._clock.wall(), "watch", **told)
        return block

    def _rejudge(self, question: Question) -> tuple[Sequence[str], policy.Judgement]:
        """Return what an approval would block now, and the rules' say on it."""
        proposal = question.proposal
        if not proposal.listed:
            prefix, ttl_s = proposal.terms.prefix, proposal.terms.ttl_s
            judgement = self._judge(prefix, ttl_s, question.handshake, question.reported_only)
            refusals = (*judgement.refusals, *self._standing.unfit([prefix]))
            return [prefix], replace(judgement, refusals=refusals)
        if proposal.state is not ProposalState.PENDING:
            return [], policy.Judgement((), proposal.warnings, True)
        sifted = self._sift(self._ledger.targets(proposal), proposal.terms.ttl_s)
        refusals = self._standing.against_list(sifted.targets)
        refusals = refusals if sifted.targets else ("the rules refuse all of the list by now",)
        lost = f"{len(sifted.refused)} of the list are refused by now and left out: {'; '.join(sifted.refused[:2])}"
        warnings = (*((lost[: policy.TEXT_LIMIT],) if sifted.refused else ()), *sifted.warnings)
        return sifted.targets, policy.Judgement(refusals, warnings, True)

    def _refusals(self, question: Question, judgement: policy.Judgement) -> tuple[str, ...]:
        proposal, attached = question.proposal, sorted(self._plane.attached)
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

    def _replaced(self, proposal: Proposal, targets: Sequence[str]) -> tuple[str, ...]:
        """Warn of blocks that an approval would end: one prefix has one block."""
        standing = self._ledger.orders.by_prefix()
        orders = [standing[target] for target in targets if target in standing]
        if proposal.listed:
            count = len(orders)
            return (f"{count} of the list are blocked already: this term takes the place of theirs",) if count else ()
        if not all(self._standing.is_ours(order) for order in orders):
            return ("the block in another network namespace ends: this one takes its place",)
        lost = sorted({iface for order in orders for iface in order.ifaces} - set(proposal.terms.ifaces))
        return (f"the block on {', '.join(lost)} ends: this one takes its place",) if lost else ()

    def _trials(self, proposal: Proposal, targets: Sequence[str], now: int) -> dict[str, tuple[int, str]]:
        """Return the targets whose blocks revert unless a person keeps them: the boot clock of that, and why.

        Those are what cuts a connection of management, unless it ends as soon by itself, and what takes the place
        of a block on trial: the connection may be gone because that block cut it.
        """
        ttl_s, term_ns = proposal.terms.ttl_s, int(proposal.terms.ttl_s * 1e9)
        managed = self._around.managed_from(targets) if not ttl_s or ttl_s > TRIAL_S else {}
        trials = {target: (now + TRIAL_S * 10**9, why) for target, why in managed.items()}
        chosen = set(targets)
        for order in self._ledger.orders.trials():
            if order.prefix in chosen and not order.over(self._clock.boot_id, now):
                until = min(order.trial_ns, now + term_ns) if term_ns else order.trial_ns
                trials[order.prefix] = until, f"the block of {order.prefix} that it replaces is on trial"
        return trials

    def _entry(self, proposal: Proposal) -> str:
        """Say what would be written, where, and until when."""
        asked, attached = proposal.terms, self._plane.attached
        count = proposal.listed.prefixes if proposal.listed else 0
        what = f"{count} prefix{'' if count == 1 else 'es'}" if proposal.listed else asked.prefix
        where = [f"{iface} ({attached[iface].mode})" for iface in asked.ifaces if iface in attached]
        way = "from and to" if self._plane.drops_outbound(asked.ifaces) else "from"
        until = f"until {terms.words(asked.ttl_s)} after the approval" if asked.ttl_s else "with no deadline"
        return f"drop {way} {what} on {', '.join(where) or 'no interface'}, {until}"

    def _check_typed(self, proposal: Proposal, judgement: policy.Judgement, typed: str) -> None:
        if proposal.listed:
            if typed.strip() != str(proposal.listed.prefixes):
                raise PermissionError(f"the number of prefixes, {proposal.listed.prefixes}, was not typed")
            return
        if judgement.typed_confirmation and not policy.typed_matches(typed, proposal.terms.prefix):
            raise PermissionError(f"the address was not typed: {'; '.join(judgement.warnings)}")

    def _orders(self, proposal: Proposal, targets: Sequence[str], who: str, wall: float, now: int) -> list[Order]:
        asked = proposal.terms
        trials = self._trials(proposal, targets, now)
        expires_at = wall + asked.ttl_s if asked.ttl_s else 0.0
        deadline_ns = now + int(asked.ttl_s * 1e9) if asked.ttl_s else 0
        return [
            Order(
                0, target, asked.ttl_s, expires_at, self._clock.boot_id, deadline_ns, proposal.id, asked.incident_id,
                proposal.reason, who, wall, asked.ifaces, self._ledger.network, asked.ttl_s,
                trials[target][0] if target in trials else 0,
            )
            for target in targets
        ]  # fmt: skip

    def _token(self, nonce: str, proposal: Proposal) -> str:
        """Bind a token to every term; it dies with the proposal, which can be decided once, and with this guard."""
        bound = repr((nonce, proposal.id, proposal.terms, proposal.expires_at)).encode()
        return f"{nonce}.{hmac.new(self._secret, bound, 'sha256').hexdigest()}"

    def _limit(self, limit: RateLimit, words: str) -> None:
        now = self._clock.boot_ns()
        if limit.full(now):
            raise PermissionError(f"{words}: wait")
        limit.count(now)


def _reason(text: str) -> str:
    if len(text) > TEXT_LIMIT:
        raise PermissionError(f"the reason is longer than {TEXT_LIMIT} characters")
    return fields.plain(text)


def _canonical(prefix: str) -> str:
    try:
        return policy.canonical_prefix(prefix)
    except ValueError as error:
        raise PermissionError(str(error)) from None


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
