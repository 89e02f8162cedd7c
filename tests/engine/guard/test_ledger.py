from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from engine.guard import ledger as ledgers
from engine.guard import orders, schema
from engine.guard.ledger import Asked, Asker, Ledger
from engine.guard.orders import Order
from engine.types import Proposal, ProposalState, Terms
from tests.engine.guard.bench import PERSON, terms

BOOT = ("boot-one", 0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path)
    yield made
    made.close()


def propose(ledger: Ledger, prefix: str = "203.0.113.9/32", at: float = 0.0) -> Proposal:
    return ask(ledger, Asked(terms(prefix), "why", True, False, warnings=("mind the gap",)), at)


def ask(ledger: Ledger, asked: Asked, at: float = 0.0) -> Proposal:
    return ledger.waiting(asked, at) or ledger.propose(asked, at, BOOT)


def approve(ledger: Ledger, proposal: Proposal, at: float = 0.0) -> Order:
    said: Terms = proposal.terms
    made = Order(
        0, said.prefix, said.ttl_s, at + said.ttl_s, BOOT[0], int(said.ttl_s * 1e9), proposal.id, said.incident_id,
        "why", "uid 0", at, said.ifaces, "host", said.ttl_s,
    )  # fmt: skip
    return ledger.approve(proposal, [made], PERSON, at, BOOT[1], {})[0]


def test_a_proposal_is_read_back_as_it_was_made(ledger: Ledger) -> None:
    made = propose(ledger)
    question = ledger.question(made.id)
    assert question is not None
    assert (question.proposal, question.genuine) == (made, True)
    assert (made.terms, made.warnings, made.expires_at) == (terms(), ("mind the gap",), 900.0)


def test_the_same_terms_ask_once(ledger: Ledger) -> None:
    assert propose(ledger).id == propose(ledger, at=60.0).id


def test_what_the_engine_asks_anew_about_an_incident_takes_the_place_of_what_it_asked_before(ledger: Ledger) -> None:
    def asked(incident_id: str, digest: str, asker: Asker = Asker.ENGINE) -> Proposal:
        about = replace(terms(), incident_id=incident_id, evidence_digest=digest)
        return ask(ledger, Asked(about, "why", True, False, asker))

    first, other = asked("INC-1", "a"), asked("INC-2", "a")
    of_a_person, of_none = asked("INC-1", "b", Asker.CONSOLE), asked("", "a")
    again, anew = asked("INC-1", "c"), asked("", "b")
    states = {one.id: one.state for one in ledger.proposals(9, 0)}
    waiting = [other.id, of_a_person.id, of_none.id, again.id, anew.id]
    assert states == {first.id: ProposalState.EXPIRED} | dict.fromkeys(waiting, ProposalState.PENDING)
    told = [json.loads(body).get("instead_of") for _, _, kind, body, _ in ledger.book.chain.entries(99, 0, 0)]
    assert [one for one in told if one] == [[first.id]]


def test_proposals_are_listed_newest_first_and_paged(ledger: Ledger) -> None:
    ids = [propose(ledger, f"203.0.113.{number}/32").id for number in range(5)]
    assert [found.id for found in ledger.proposals(2, 1)] == [ids[3], ids[2]]


def test_an_edited_row_is_not_genuine(ledger: Ledger, tmp_path: Path) -> None:
    made = propose(ledger)
    with sqlite3.connect(tmp_path / "guard.db") as db:
        db.execute("UPDATE proposals SET terms = replace(terms, '203.0.113.9', '203.0.113.10')")
    db.close()
    question = ledger.question(made.id)
    assert question is not None
    assert not question.genuine


@pytest.mark.parametrize(
    ("at", "boot", "state"),
    [
        pytest.param(899.0, ("boot-one", 899 * 10**9), ProposalState.PENDING, id="in time"),
        pytest.param(900.0, ("boot-one", 0), ProposalState.EXPIRED, id="by the wall clock"),
        pytest.param(0.0, ("boot-one", 900 * 10**9), ProposalState.EXPIRED, id="by the boot clock"),
        pytest.param(0.0, ("boot-two", 900 * 10**9), ProposalState.PENDING, id="another boot's clock says nothing"),
    ],
)
def test_a_proposal_expires_by_either_clock(
    ledger: Ledger, at: float, boot: tuple[str, int], state: ProposalState
) -> None:
    made = propose(ledger)
    ledger.expire(at, boot)
    question = ledger.question(made.id)
    assert question is not None
    assert question.proposal.state is state


def test_a_proposal_is_decided_once(ledger: Ledger) -> None:
    made = propose(ledger)
    approve(ledger, made, 1.0)
    with pytest.raises(PermissionError, match="decided already"):
        approve(ledger, made, 2.0)
    with pytest.raises(PermissionError, match="decided already"):
        ledger.refuse(made, PERSON, 2.0)
    assert len(ledger.orders.newest()) == 1


def test_a_decision_that_failed_leaves_no_trace_in_the_chain(ledger: Ledger) -> None:
    made = propose(ledger)
    ledger.refuse(made, PERSON, 1.0)
    before = ledger.book.chain.verify()
    with pytest.raises(PermissionError):
        approve(ledger, made, 2.0)
    assert ledger.book.chain.verify() == before == (2, [])


def test_a_second_order_for_a_prefix_replaces_the_first(ledger: Ledger) -> None:
    first = approve(ledger, propose(ledger))
    wider = ask(ledger, Asked(replace(terms(), ifaces=("eth0", "eth1")), "why", True, False))
    second = approve(ledger, wider)
    assert ledger.orders.newest() == [second]
    assert second.entry_id > first.entry_id


def test_another_term_for_the_same_block_keeps_its_entry(ledger: Ledger) -> None:
    first = approve(ledger, propose(ledger))
    longer = ask(ledger, Asked(replace(terms(), ttl_s=7200.0), "why", True, False))
    second = approve(ledger, longer)
    assert (ledger.orders.newest(), second.entry_id, ledger.orders.ended(9, 0)) == ([second], first.entry_id, [])


def test_the_approver_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    approve(ledger, propose(ledger), 5.0)
    with sqlite3.connect(tmp_path / "guard.db") as db:
        row = db.execute("SELECT decision, at, uid, login_uid, tty, ssh_peer, command FROM decisions").fetchone()
    db.close()
    assert row == ("approved", 5.0, 0, 1000, "pts/3", "198.51.100.7", "aegis-tui")


def test_too_many_questions_are_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "PENDING_LIMIT", 2)
    propose(ledger, "203.0.113.1/32")
    propose(ledger, "203.0.113.2/32")
    with pytest.raises(PermissionError, match="wait already"):
        propose(ledger, "203.0.113.3/32")


def test_the_allow_list_forgets_what_has_expired(ledger: Ledger) -> None:
    ledger.grants.allow("203.0.113.0/24", "office", 60.0, 0.0, PERSON)
    ledger.grants.allow("198.51.100.0/24", "partner", 0.0, 0.0, PERSON)
    partner = ("198.51.100.0/24", "partner", 0.0)
    assert ledger.grants.allowed(59.0) == [partner, ("203.0.113.0/24", "office", 60.0)]
    assert ledger.grants.allowed(61.0) == [partner]
    entries = ledger.book.chain.verify()[0]
    ledger.grants.lapse(61.0)
    assert (ledger.book.chain.verify()[0], ledger.grants.allowed(59.0)) == (entries + 1, [partner])


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    with sqlite3.connect(tmp_path / "guard.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(PermissionError, match="newer"):
        Ledger(tmp_path)


@pytest.mark.parametrize("proposal_id", ["P-0", "P-99", "17x", "P-１", "P-" + "9" * 40, "'; DROP TABLE proposals", ""])
def test_an_unknown_id_finds_nothing(ledger: Ledger, proposal_id: str) -> None:
    assert ledger.question(proposal_id) is None


def test_the_same_terms_under_more_doubt_are_another_question(ledger: Ledger) -> None:
    first = propose(ledger)
    doubtful = ask(ledger, Asked(terms(), "why", False, False, typed_confirmation=True))
    assert (doubtful.id != first.id, doubtful.typed_confirmation) == (True, True)


def test_blocks_of_an_earlier_release_keep_the_interfaces_they_were_approved_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        first = sqlite3.connect(tmp_path / "guard.db", isolation_level=None)
        schema.migrate(first)
        first.close()
    asked = json.dumps(asdict(replace(terms(), ifaces=("eth0", "eth1"))))
    with sqlite3.connect(tmp_path / "guard.db") as db:
        db.execute(
            "INSERT INTO proposals VALUES (3, ?, '', 'why', 1, 0, 0.0, 900.0, 'boot', 1, 'approved', '[]', 0)", (asked,)
        )
        block = "INSERT INTO blocks VALUES (?, ?, 600.0, 600.0, 'boot', 1, ?, 'INC-1', 'why', 'uid 0', 0.0)"
        db.execute(block, (1, "203.0.113.9/32", "P-3"))
        db.execute(block, (2, "203.0.113.10/32", "P-1"))
    db.close()
    ledger = Ledger(tmp_path)
    found = {order.prefix: (order.ifaces, order.network, order.remaining_s) for order in ledger.orders.newest()}
    kept, prior = ledger.grants.kept, ledger.orders.prior("203.0.113.0/24", 0.0)
    ledger.close()
    assert found == {"203.0.113.9/32": (("eth0", "eth1"), "host", 600.0), "203.0.113.10/32": ((), "host", 600.0)}
    assert (kept, len(prior)) == ({"eth0", "eth1"}, 2)


@pytest.mark.parametrize("seen_s", [1000, 500], ids=["forward", "a clock that went back"])
def test_the_noted_remaining_time_never_grows(tmp_path: Path, seen_s: int) -> None:
    ledger = Ledger(tmp_path)
    approve(ledger, propose(ledger))
    ledger.orders.note_seen("boot-one", 1000 * 10**9)
    ledger.orders.note_seen("boot-one", seen_s * 10**9)
    ledger.orders.carry_over("boot-two", 0, -86400.0)
    assert ledger.orders.newest()[0].remaining_s == 2600.0
    ledger.close()


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("203.0.113.9/32", "203.0.113.0/24", True),
        ("203.0.113.0/24", "203.0.113.9/32", True),
        ("203.0.113.9/32", "203.0.113.10/32", False),
        ("2001:db8::/64", "2001:db8::5/128", True),
        ("0.0.0.5/32", "::5/128", False),
    ],
)
def test_earlier_blocks_of_the_same_addresses_are_found(ledger: Ledger, one: str, other: str, overlap: bool) -> None:
    approve(ledger, propose(ledger, one))
    assert bool(ledger.orders.prior(other, 0.0)) == overlap


def test_ended_blocks_are_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "ENDED_KEPT", 3)
    for number in range(5):
        order = approve(ledger, propose(ledger, f"203.0.113.{number}/32"))
        ledger.orders.end([orders.ended(order, "removed", 1.0, None, 0)], "removed")
    assert [gone.prefix for gone in ledger.orders.ended(9, 0)] == [f"203.0.113.{number}/32" for number in (4, 3, 2)]
