"""What was asked and who decided: the proposals, each decided once, in one transaction with what follows from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from engine.guard import fields
from engine.guard.blocker import Entry
from engine.guard.book import Book, summed
from engine.guard.grants import Grants
from engine.guard.orders import Order, Orders
from engine.guard.schema import HOST_NETWORK
from engine.types import Approver, Listed, Proposal, ProposalState, Terms

PROPOSAL_S = 15 * 60.0
"""How long a proposal waits for a person."""
PENDING_LIMIT = 256
"""Most proposals of one kind of asker that wait at once."""
KEPT_PROPOSALS = 10_000
"""Decided proposals beyond this are forgotten, oldest first; their story stays in the audit chain."""


class Asker(StrEnum):
    """Who asks for a block: each has quotas of its own, for any remote host can make the engine ask."""

    ENGINE = "engine"
    CONSOLE = "console"
    """A person, as the console says."""
    TERMINAL = "terminal"
    """A process of root's with a terminal, on root's own socket."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A block that is asked for, judged and found admissible."""

    terms: Terms
    reason: str
    handshake: bool
    reported_only: bool
    asker: Asker = Asker.ENGINE
    warnings: tuple[str, ...] = ()
    typed_confirmation: bool = False
    as_asked: str = ""
    """What makes two questions the same one; empty when the terms do."""
    prior_blocks: int = 0
    listed: Listed | None = None
    targets: tuple[str, ...] = field(default=(), repr=False)
    """Of a list."""

    def same(self) -> str:
        """Return the text that a question has in common with the ones it repeats."""
        return self.as_asked or _dumped(self.terms)


@dataclass(frozen=True, slots=True)
class Question:
    """A proposal with what the guard has to judge it by."""

    proposal: Proposal
    handshake: bool
    reported_only: bool
    genuine: bool
    """Whether the stored terms are those that were proposed."""


INSERT_PROPOSAL = (
    "INSERT INTO proposals (terms, mac, reason, handshake, reported_only, created_at, expires_at, boot_id, deadline_ns,"
    " state, warnings, typed, asker, asked, prior, listed)"
    " VALUES (?, '', ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?)"
)
SIGN_PROPOSAL = "UPDATE proposals SET mac = ? WHERE id = ?"
SELECT_PROPOSAL = (
    "SELECT id, terms, mac, reason, handshake, reported_only, created_at, expires_at, state, warnings, typed, prior,"
    " listed FROM proposals"
)
ONE_PROPOSAL = SELECT_PROPOSAL + " WHERE id = ?"
SOME_PROPOSALS = SELECT_PROPOSAL + " ORDER BY id DESC LIMIT ? OFFSET ?"
SAME_PROPOSAL = SELECT_PROPOSAL + " WHERE state = 'pending' AND asked = ? AND handshake = ? AND reported_only = ?"
COUNT_PENDING = "SELECT COUNT(*) FROM proposals WHERE state = 'pending' AND asker = ?"
OLDEST_SPOOFABLE = (
    "SELECT id FROM proposals WHERE state = 'pending' AND asker = ? AND handshake = 0 ORDER BY id LIMIT 1"
)
ASKED_BEFORE = (
    "SELECT id FROM proposals WHERE state = 'pending' AND asker = ? AND json_extract(terms, '$.incident_id') = ?"
    " AND json_extract(terms, '$.prefix') = ? ORDER BY id"
)
ASKED_AGAIN = "UPDATE proposals SET asker = ?, reason = ? WHERE id = ?"
IS_ASKED_SO = "SELECT 1 FROM proposals WHERE id = ? AND asker = ? AND reason = ?"
OVERDUE = "SELECT id FROM proposals WHERE state = 'pending' AND (expires_at <= ? OR (boot_id = ? AND deadline_ns <= ?))"
CLOSE_PROPOSAL = "UPDATE proposals SET state = ? WHERE id = ? AND state = 'pending'"
FORGET = "DELETE FROM proposals WHERE state != 'pending' AND id <= (SELECT MAX(id) FROM proposals) - ?"
INSERT_DECISION = "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_TARGET = "INSERT INTO targets VALUES (?, ?)"
SELECT_TARGETS = "SELECT prefix FROM targets WHERE proposal_id = ? ORDER BY prefix"
DROP_TARGETS = "DELETE FROM targets WHERE proposal_id = ?"

ProposalRow = tuple[int, str, str, str, int, int, float, float, str, str, int, int, str]


class Ledger:
    """The proposals and decisions, with the orders and grants that came of them, in one file."""

    def __init__(self, folder: Path, network: str = HOST_NETWORK) -> None:
        self.network = network
        """The network namespace this guard runs in; orders of another one are not its own."""
        self.book = Book(folder)
        self._db = self.book.db
        self.orders = Orders(self.book)
        self.grants = Grants(self.book, network)

    def close(self) -> None:
        """Close the database."""
        self.book.close()

    def waiting(self, asked: Asked, at: float) -> Proposal | None:
        """Return the proposal that waits already and asks the same; a person who asks has it stand for their reason."""
        row = self._db.execute(SAME_PROPOSAL, (asked.same(), asked.handshake, asked.reported_only)).fetchone()
        if row is None:
            return None
        proposal = self._question(row).proposal
        if asked.asker is Asker.ENGINE:
            return proposal
        theirs = replace(proposal, reason=asked.reason or proposal.reason)
        if self._db.execute(IS_ASKED_SO, (row[0], asked.asker, theirs.reason)).fetchone() is None:
            with self.book.step(at, "asked_again") as told:
                self._db.execute(ASKED_AGAIN, (asked.asker, theirs.reason, row[0]))
                told |= {"proposal": proposal.id, "reason": theirs.reason, "asker": asked.asker}
        return theirs

    def propose(self, asked: Asked, at: float, boot: tuple[str, int]) -> Proposal:
        """Store a question; raises ``PermissionError`` when too many wait.

        What the engine asks anew about one incident and prefix takes the place of what it asked before.
        """
        self._make_room(asked.asker, at)
        text = _dumped(asked.terms)
        flags = (asked.handshake, asked.reported_only)
        times = (at, at + PROPOSAL_S, boot[0], boot[1] + int(PROPOSAL_S * 1e9))
        listed = _dumped(asked.listed) if asked.listed is not None else ""
        about = (json.dumps(asked.warnings), asked.typed_confirmation, asked.asker, asked.same(), asked.prior_blocks)
        before = self._asked_before(asked)
        with self.book.step(at, "propose") as told:
            for earlier in before:
                self._close(earlier, ProposalState.EXPIRED)
            number = self._db.execute(INSERT_PROPOSAL, (text, asked.reason, *flags, *times, *about, listed)).lastrowid
            self._db.execute(SIGN_PROPOSAL, (self._sign(number, text, *flags), number))
            self._db.executemany(INSERT_TARGET, [(number, prefix) for prefix in asked.targets])
            self._db.execute(FORGET, (KEPT_PROPOSALS,))
            story: dict[str, object] = {"reason": asked.reason, "handshake": asked.handshake, "asker": asked.asker}
            if before:
                story["instead_of"] = [f"P-{earlier}" for earlier in before]
            told |= {"proposal": f"P-{number}", "terms": asdict(asked.terms), "targets": len(asked.targets), **story}
        return self._question(self._db.execute(ONE_PROPOSAL, (number,)).fetchone()).proposal

    def _asked_before(self, asked: Asked) -> list[int]:
        """Return the waiting questions of the engine that this one of it makes stale; a person's are their own."""
        about = asked.terms
        if asked.asker is not Asker.ENGINE or not about.incident_id or asked.listed is not None:
            return []
        return [number for (number,) in self._db.execute(ASKED_BEFORE, (asked.asker, about.incident_id, about.prefix))]

    def _make_room(self, asker: Asker, at: float) -> None:
        """Full of the engine's questions, the oldest that anybody could have forged gives way."""
        if self._db.execute(COUNT_PENDING, (asker,)).fetchone()[0] < PENDING_LIMIT:
            return
        oldest = self._db.execute(OLDEST_SPOOFABLE, (asker,)).fetchone() if asker is Asker.ENGINE else None
        if oldest is None:
            raise PermissionError(f"{PENDING_LIMIT} proposals wait already")
        self._expire(oldest[0], at)

    def question(self, proposal_id: str) -> Question | None:
        """Return a proposal, or None when there is none of this id."""
        number = proposal_id.removeprefix("P-")
        if not number.isascii() or not number.isdecimal() or len(number) > 18:
            return None
        row = self._db.execute(ONE_PROPOSAL, (int(number),)).fetchone()
        if row is None:
            return None
        question = self._question(row)
        return question if self._whole(question.proposal) else replace(question, genuine=False)

    def proposals(self, limit: int, offset: int) -> list[Proposal]:
        """Return proposals, newest first."""
        return [self._question(row).proposal for row in self._db.execute(SOME_PROPOSALS, (limit, max(offset, 0)))]

    def targets(self, proposal: Proposal) -> list[str]:
        """Return what a proposal is about: its prefix, or each one of its list, sorted."""
        if not proposal.listed:
            return [proposal.terms.prefix]
        return [prefix for (prefix,) in self._db.execute(SELECT_TARGETS, (_number(proposal),))]

    def expire(self, at: float, boot: tuple[str, int]) -> None:
        """Close the proposals nobody decided on in time."""
        for (number,) in self._db.execute(OVERDUE, (at, *boot)).fetchall():
            self._expire(number, at)

    def _expire(self, number: int, at: float) -> None:
        with self.book.step(at, "expire") as told:
            self._close(number, ProposalState.EXPIRED)
            told["proposal"] = f"P-{number}"

    def refuse(self, proposal: Proposal, approver: Approver, at: float) -> None:
        """Record a person's no; raises ``PermissionError`` when the proposal does not wait."""
        with self.book.step(at, "refuse") as told:
            self._decide(proposal, ProposalState.REFUSED, approver, at)
            told |= {"proposal": proposal.id, "approver": asdict(approver)}

    def approve(
        self,
        proposal: Proposal,
        orders: Sequence[Order],
        approver: Approver,
        at: float,
        boot_ns: int,
        entries: Mapping[str, Entry],
    ) -> list[Order]:
        """Record a person's yes and the orders that follow from it, in one transaction.

        ``entries`` is the kernel's map as last seen: the counters of what is replaced are taken from it. The caller
        writes the orders into the kernel, and then seals the audit chain.
        """
        numbered = self.orders.number(orders)
        with self.book.step(at, "approve", urgent=True) as told:
            self._decide(proposal, ProposalState.APPROVED, approver, at)
            self.orders.write(numbered, entries, at, boot_ns)
            told.update({"proposal": proposal.id, "terms": asdict(proposal.terms), "approver": asdict(approver)})
            told.update(summed(order.prefix for order in numbered))
            told["on_trial"] = sum([order.trial_ns > 0 for order in numbered])
        self.orders.written(numbered)
        return numbered

    def _decide(self, proposal: Proposal, state: ProposalState, approver: Approver, at: float) -> None:
        number = _number(proposal)
        if not self._close(number, state):
            raise PermissionError(f"{proposal.id} was decided already")
        self._db.execute(INSERT_DECISION, (number, state, at, *asdict(approver).values()))

    def _close(self, number: int, state: ProposalState) -> bool:
        """Let a proposal wait no more; of a decided list only its number and digest stay."""
        closed = self._db.execute(CLOSE_PROPOSAL, (state, number)).rowcount == 1
        if closed:
            self._db.execute(DROP_TARGETS, (number,))
        return closed

    def _question(self, row: ProposalRow) -> Question:
        number, text, mac, reason, handshake, reported = row[:6]
        created_at, expires_at, state, warnings, typed, prior, listed = row[6:]
        terms = json.loads(text)
        terms["ifaces"] = tuple(terms["ifaces"])
        proposal = Proposal(
            id=f"P-{number}",
            terms=Terms(**terms),
            reason=reason,
            created_at=created_at,
            expires_at=expires_at,
            state=ProposalState(state),
            warnings=tuple(json.loads(warnings)),
            typed_confirmation=bool(typed),
            prior_blocks=prior,
            listed=_listed(listed),
        )
        genuine = mac == self._sign(number, text, bool(handshake), bool(reported))
        return Question(proposal, bool(handshake), bool(reported), genuine)

    def _whole(self, proposal: Proposal) -> bool:
        """Whether a waiting list still holds the targets that its terms are bound to."""
        if proposal.terms.action == "block":
            return proposal.listed is None
        if proposal.state is not ProposalState.PENDING:
            return True
        return fields.list_digest(self.targets(proposal)) == proposal.terms.evidence_digest

    def _sign(self, number: int | None, terms: str, handshake: bool, reported_only: bool) -> str:
        return self.book.key.mac("proposal", number, terms, handshake, reported_only)


def _number(proposal: Proposal) -> int:
    return int(proposal.id.removeprefix("P-"))


def _dumped(record: Terms | Listed) -> str:
    return json.dumps(asdict(record), sort_keys=True)


def _listed(text: str) -> Listed | None:
    if not text:
        return None
    told = json.loads(text)
    samples = {name: tuple(told[name]) for name in ("sample", "left_out_sample")}
    return Listed(**told | samples)
