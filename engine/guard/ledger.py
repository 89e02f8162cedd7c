"""The guard's database: what was asked, who decided, what should be blocked, and the audit chain."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from engine.guard.audit import Chain, Key
from engine.guard.policy import Judgement
from engine.types import Approver, Proposal, ProposalState, Terms

PROPOSAL_S = 15 * 60.0
"""How long a proposal waits for a person."""
PENDING_LIMIT = 256
"""Most proposals of one kind of asker that wait at once."""
HOST_NETWORK = "host"
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
class Question:
    """A proposal with what the guard has to judge it by."""

    proposal: Proposal
    handshake: bool
    reported_only: bool
    genuine: bool
    """Whether the stored terms are those that were proposed."""


@dataclass(frozen=True, slots=True)
class Order:
    """A block that a person approved and that should be in the kernel."""

    entry_id: int
    prefix: str
    ttl_s: float
    expires_at: float
    """Wall clock; 0 means never. Counts after a reboot only."""
    boot_id: str
    deadline_ns: int
    """Boot clock of ``boot_id``; 0 means never."""
    proposal_id: str
    incident_id: str
    reason: str
    approver: str
    added_at: float
    ifaces: tuple[str, ...]
    """The only interfaces it may be enforced on."""
    network: str
    """The network namespace that those are names in."""
    remaining_s: float
    """Of the boot clock, as last noted: the most that is left after a reboot."""


def m001_first_tables(db: sqlite3.Connection) -> None:
    """Proposals, decisions, blocks, allow-list and audit chain."""
    for statement in (
        "CREATE TABLE proposals (id INTEGER PRIMARY KEY AUTOINCREMENT, terms TEXT NOT NULL, mac TEXT NOT NULL,"
        " reason TEXT NOT NULL, handshake INTEGER NOT NULL, reported_only INTEGER NOT NULL,"
        " created_at REAL NOT NULL, expires_at REAL NOT NULL, boot_id TEXT NOT NULL, deadline_ns INTEGER NOT NULL,"
        " state TEXT NOT NULL, warnings TEXT NOT NULL, typed INTEGER NOT NULL) STRICT",
        "CREATE INDEX proposals_by_state ON proposals (state)",
        "CREATE TABLE decisions (proposal_id INTEGER PRIMARY KEY REFERENCES proposals (id) ON DELETE CASCADE,"
        " decision TEXT NOT NULL, at REAL NOT NULL, uid INTEGER NOT NULL, login_uid INTEGER NOT NULL,"
        " tty TEXT NOT NULL, ssh_peer TEXT NOT NULL, command TEXT NOT NULL) STRICT",
        "CREATE TABLE blocks (entry_id INTEGER PRIMARY KEY AUTOINCREMENT, prefix TEXT NOT NULL UNIQUE,"
        " ttl_s REAL NOT NULL, expires_at REAL NOT NULL, boot_id TEXT NOT NULL, deadline_ns INTEGER NOT NULL,"
        " proposal_id TEXT NOT NULL, incident_id TEXT NOT NULL, reason TEXT NOT NULL, approver TEXT NOT NULL,"
        " added_at REAL NOT NULL) STRICT",
        "CREATE TABLE allowed (prefix TEXT PRIMARY KEY, reason TEXT NOT NULL, expires_at REAL NOT NULL) STRICT",
        "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,"
        " mac TEXT NOT NULL) STRICT",
    ):
        db.execute(statement)


def m002_bind_blocks_to_interfaces(db: sqlite3.Connection) -> None:
    """A block carries what its approval named; a proposal says who asked."""
    for statement in (
        "ALTER TABLE proposals ADD COLUMN asker TEXT NOT NULL DEFAULT 'engine'",
        "ALTER TABLE blocks ADD COLUMN ifaces TEXT NOT NULL DEFAULT '[]'",
        f"ALTER TABLE blocks ADD COLUMN network TEXT NOT NULL DEFAULT '{HOST_NETWORK}'",
        "ALTER TABLE blocks ADD COLUMN remaining_s REAL NOT NULL DEFAULT 0",
        "UPDATE blocks SET remaining_s = ttl_s, ifaces = COALESCE((SELECT json_extract(terms, '$.ifaces')"
        " FROM proposals WHERE 'P-' || proposals.id = blocks.proposal_id), '[]')",
    ):
        db.execute(statement)


MIGRATIONS = (m001_first_tables, m002_bind_blocks_to_interfaces)

INSERT_PROPOSAL = (
    "INSERT INTO proposals (terms, mac, reason, handshake, reported_only, created_at, expires_at, boot_id, deadline_ns,"
    " state, warnings, typed, asker) VALUES (?, '', ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?)"
)
SIGN_PROPOSAL = "UPDATE proposals SET mac = ? WHERE id = ?"
SELECT_PROPOSAL = (
    "SELECT id, terms, mac, reason, handshake, reported_only, created_at, expires_at, state, warnings, typed"
    " FROM proposals"
)
ONE_PROPOSAL = SELECT_PROPOSAL + " WHERE id = ?"
SOME_PROPOSALS = SELECT_PROPOSAL + " ORDER BY id DESC LIMIT ? OFFSET ?"
SAME_PROPOSAL = SELECT_PROPOSAL + " WHERE state = 'pending' AND terms = ? AND handshake = ? AND reported_only = ?"
COUNT_PENDING = "SELECT COUNT(*) FROM proposals WHERE state = 'pending' AND asker = ?"
OLDEST_SPOOFABLE = (
    "SELECT id FROM proposals WHERE state = 'pending' AND asker = ? AND handshake = 0 ORDER BY id LIMIT 1"
)
SET_ASKER = "UPDATE proposals SET asker = ? WHERE id = ?"
OVERDUE = "SELECT id FROM proposals WHERE state = 'pending' AND (expires_at <= ? OR (boot_id = ? AND deadline_ns <= ?))"
CLOSE_PROPOSAL = "UPDATE proposals SET state = ? WHERE id = ? AND state = 'pending'"
FORGET = "DELETE FROM proposals WHERE state != 'pending' AND id <= (SELECT MAX(id) FROM proposals) - ?"
INSERT_DECISION = "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DROP_BLOCK = "DELETE FROM blocks WHERE prefix = ?"
INSERT_BLOCK = (
    "INSERT INTO blocks (prefix, ttl_s, expires_at, boot_id, deadline_ns, proposal_id, incident_id, reason, approver,"
    " added_at, ifaces, network, remaining_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SELECT_BLOCKS = (
    "SELECT entry_id, prefix, ttl_s, expires_at, boot_id, deadline_ns, proposal_id, incident_id, reason, approver,"
    " added_at, ifaces, network, remaining_s FROM blocks ORDER BY entry_id DESC"
)
REBASE_BLOCK = "UPDATE blocks SET expires_at = ?, boot_id = ?, deadline_ns = ? WHERE entry_id = ?"
NOTE_REMAINING = (
    "UPDATE blocks SET remaining_s = MIN(remaining_s, MAX(deadline_ns - ?, 0) / 1e9) WHERE boot_id = ? AND deadline_ns"
)
PUT_ALLOWED = "INSERT INTO allowed VALUES (?, ?, ?) ON CONFLICT (prefix) DO UPDATE SET reason = ?2, expires_at = ?3"
DROP_ALLOWED = "DELETE FROM allowed WHERE prefix = ?"
SELECT_ALLOWED = "SELECT prefix, reason FROM allowed WHERE expires_at = 0 OR expires_at > ? ORDER BY prefix"

ProposalRow = tuple[int, str, str, str, int, int, float, float, str, str, int]
BlockRow = tuple[int, str, float, float, str, int, str, str, str, str, float, str, str, float]


class Ledger:
    """Every change is one transaction together with its audit entry."""

    def __init__(self, folder: Path, network: str = HOST_NETWORK) -> None:
        self.network = network
        """The network namespace this guard runs in; orders of another one are not its own."""
        path = folder / "guard.db"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA synchronous = FULL")
        self._migrate()
        self._key = Key(folder / "audit.key")
        self._chain = Chain(self._db, self._key, folder / "audit.head")

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise PermissionError(f"guard.db is of version {version}, newer than this program")
        for number, migration in enumerate(MIGRATIONS[version:], version + 1):
            self._db.execute("BEGIN IMMEDIATE")
            migration(self._db)
            self._db.execute(f"PRAGMA user_version = {number}")
            self._db.execute("COMMIT")

    @contextmanager
    def _step(self, at: float, kind: str) -> Iterator[dict[str, object]]:
        """One transaction; the body puts what happened into the dictionary."""
        told: dict[str, object] = {}
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield told
            self._chain.append(at, kind, json.dumps(told, sort_keys=True))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._chain.discard()
            raise
        self._chain.seal()

    def note(self, at: float, kind: str, **told: object) -> None:
        """Put something that happened into the audit chain."""
        with self._step(at, kind) as step:
            step.update(told)

    def verify(self) -> tuple[int, list[str]]:
        """Return the number of audit entries and what is wrong with the chain."""
        return self._chain.verify()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # --- proposals

    def propose(
        self,
        terms: Terms,
        reason: str,
        judgement: Judgement,
        handshake: bool,
        reported_only: bool,
        at: float,
        boot: tuple[str, int],
        asker: Asker = Asker.ENGINE,
    ) -> Proposal:
        """Store a question, or return the one with the same terms that waits already."""
        text = json.dumps(asdict(terms), sort_keys=True)
        waiting = self._db.execute(SAME_PROPOSAL, (text, handshake, reported_only)).fetchone()
        if waiting:
            if asker is not Asker.ENGINE:
                self._db.execute(SET_ASKER, (asker, waiting[0]))
            return self._question(waiting).proposal
        self._make_room(asker, at)
        warnings = json.dumps(judgement.warnings)
        deadline_ns = boot[1] + int(PROPOSAL_S * 1e9)
        values = (text, reason, handshake, reported_only, at, at + PROPOSAL_S, boot[0], deadline_ns)
        with self._step(at, "propose") as told:
            number = self._db.execute(
                INSERT_PROPOSAL, (*values, warnings, judgement.typed_confirmation, asker)
            ).lastrowid
            self._db.execute(SIGN_PROPOSAL, (self._sign(number, text, handshake, reported_only), number))
            self._db.execute(FORGET, (KEPT_PROPOSALS,))
            told |= {"proposal": f"P-{number}", "terms": asdict(terms), "reason": reason, "handshake": handshake}
        question = self.question(f"P-{number}")
        if question is None:
            raise sqlite3.DatabaseError("the proposal that was just stored is gone")
        return question.proposal

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
        return self._question(row) if row else None

    def proposals(self, limit: int, offset: int) -> list[Proposal]:
        """Return proposals, newest first."""
        return [self._question(row).proposal for row in self._db.execute(SOME_PROPOSALS, (limit, max(offset, 0)))]

    def expire(self, at: float, boot: tuple[str, int]) -> None:
        """Close the proposals nobody decided on in time."""
        for (number,) in self._db.execute(OVERDUE, (at, *boot)).fetchall():
            self._expire(number, at)

    def _expire(self, number: int, at: float) -> None:
        with self._step(at, "expire") as told:
            self._db.execute(CLOSE_PROPOSAL, (ProposalState.EXPIRED, number))
            told["proposal"] = f"P-{number}"

    def refuse(self, proposal: Proposal, approver: Approver, at: float) -> None:
        """Record a person's no; raises ``PermissionError`` when the proposal does not wait."""
        with self._step(at, "refuse") as told:
            self._decide(proposal, ProposalState.REFUSED, approver, at)
            told |= {"proposal": proposal.id, "approver": asdict(approver)}

    def approve(self, proposal: Proposal, approver: Approver, at: float, boot: tuple[str, int]) -> Order:
        """Record a person's yes and the order that follows from it, in one transaction."""
        terms = proposal.terms
        expires_at = at + terms.ttl_s if terms.ttl_s else 0.0
        deadline_ns = boot[1] + int(terms.ttl_s * 1e9) if terms.ttl_s else 0
        who = approver_text(approver)
        order = Order(
            0, terms.prefix, terms.ttl_s, expires_at, boot[0], deadline_ns, proposal.id, terms.incident_id,
            proposal.reason, who, at, terms.ifaces, self.network, terms.ttl_s,
        )  # fmt: skip
        with self._step(at, "approve") as told:
            self._decide(proposal, ProposalState.APPROVED, approver, at)
            self._db.execute(DROP_BLOCK, (terms.prefix,))
            values = {**asdict(order), "ifaces": json.dumps(order.ifaces)}
            row = tuple(values.values())[1:]
            order = replace(order, entry_id=self._db.execute(INSERT_BLOCK, row).lastrowid or 0)
            told |= {"proposal": proposal.id, "order": asdict(order), "approver": asdict(approver)}
        return order

    def _decide(self, proposal: Proposal, state: ProposalState, approver: Approver, at: float) -> None:
        number = int(proposal.id.removeprefix("P-"))
        if self._db.execute(CLOSE_PROPOSAL, (state, number)).rowcount != 1:
            raise PermissionError(f"{proposal.id} was decided already")
        self._db.execute(INSERT_DECISION, (number, state, at, *asdict(approver).values()))

    def _question(self, row: ProposalRow) -> Question:
        number, text, mac, reason, handshake, reported, created_at, expires_at, state, warnings, typed = row
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
        )
        genuine = mac == self._sign(number, text, bool(handshake), bool(reported))
        return Question(proposal, bool(handshake), bool(reported), genuine)

    def _sign(self, number: int | None, terms: str, handshake: bool, reported_only: bool) -> str:
        return self._key.mac("proposal", number, terms, handshake, reported_only)

    # --- blocks

    def orders(self) -> list[Order]:
        """Return what should be in the kernel, newest first."""
        return [_order(row) for row in self._db.execute(SELECT_BLOCKS)]

    def note_remaining(self, boot: tuple[str, int]) -> None:
        """Note what is left of each block of this boot, for a boot whose wall clock is behind."""
        self._db.execute(NOTE_REMAINING, (boot[1], boot[0]))

    def rebase(self, order: Order, expires_at: float, boot_id: str, deadline_ns: int) -> Order:
        """Carry an order's remaining time over to another boot, or to a wall clock that was set."""
        self._db.execute(REBASE_BLOCK, (expires_at, boot_id, deadline_ns, order.entry_id))
        return replace(order, expires_at=expires_at, boot_id=boot_id, deadline_ns=deadline_ns)

    def end(self, prefix: str, at: float, kind: str, **told: object) -> None:
        """Take an order back: its time is over, or a person removed it."""
        with self._step(at, kind) as step:
            self._db.execute(DROP_BLOCK, (prefix,))
            step |= {"prefix": prefix, **told}

    # --- allow-list

    def allow(self, prefix: str, reason: str, ttl_s: float, at: float, approver: Approver) -> None:
        """Put a prefix on the allow-list."""
        with self._step(at, "allow") as told:
            self._db.execute(PUT_ALLOWED, (prefix, reason, at + ttl_s if ttl_s else 0.0))
            told |= {"prefix": prefix, "reason": reason, "ttl_s": ttl_s, "approver": asdict(approver)}

    def disallow(self, prefix: str, at: float, approver: Approver) -> bool:
        """Take a prefix off the allow-list; False when it was not on it."""
        with self._step(at, "disallow") as told:
            found = self._db.execute(DROP_ALLOWED, (prefix,)).rowcount == 1
            told |= {"prefix": prefix, "found": found, "approver": asdict(approver)}
        return found

    def allowed(self, at: float) -> tuple[tuple[str, str], ...]:
        """Return the allow-list, prefix and reason."""
        return tuple(self._db.execute(SELECT_ALLOWED, (at,)))


def _order(row: BlockRow) -> Order:
    return Order(*row[:11], tuple(json.loads(row[11])), *row[12:])


def approver_text(approver: Approver) -> str:
    """Return one line on who decided."""
    told: Mapping[str, object] = {
        "uid": approver.uid,
        "login": approver.login_uid if approver.login_uid >= 0 else "",
        "on": approver.tty,
        "from": approver.ssh_peer,
    }
    return " ".join(f"{word} {value}" for word, value in told.items() if value != "")
