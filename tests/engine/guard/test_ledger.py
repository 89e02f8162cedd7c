from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from engine.guard import ledger as ledgers
from engine.guard.ledger import Ledger
from engine.guard.policy import Judgement
from engine.types import Proposal, ProposalState
from tests.engine.guard.bench import PERSON, terms

FINE = Judgement((), ("mind the gap",), False)
BOOT = ("boot-one", 0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path)
    yield made
    made.close()


def propose(ledger: Ledger, prefix: str = "203.0.113.9/32", at: float = 0.0) -> Proposal:
    return ledger.propose(terms(prefix), "why", FINE, True, False, at, BOOT)


def test_a_proposal_is_read_back_as_it_was_made(ledger: Ledger) -> None:
    made = propose(ledger)
    question = ledger.question(made.id)
    assert question is not None
    assert (question.proposal, question.genuine) == (made, True)
    assert (made.terms, made.warnings, made.expires_at) == (terms(), ("mind the gap",), 900.0)


def test_the_same_terms_ask_once(ledger: Ledger) -> None:
    assert propose(ledger).id == propose(ledger, at=60.0).id


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
    ledger.approve(made, PERSON, 1.0, BOOT)
    with pytest.raises(PermissionError, match="decided already"):
        ledger.approve(made, PERSON, 2.0, BOOT)
    with pytest.raises(PermissionError, match="decided already"):
        ledger.refuse(made, PERSON, 2.0)
    assert len(ledger.orders()) == 1


def test_a_decision_that_failed_leaves_no_trace_in_the_chain(ledger: Ledger) -> None:
    made = propose(ledger)
    ledger.refuse(made, PERSON, 1.0)
    before = ledger.verify()
    with pytest.raises(PermissionError):
        ledger.approve(made, PERSON, 2.0, BOOT)
    assert ledger.verify() == before == (2, [])


def test_a_second_order_for_a_prefix_replaces_the_first(ledger: Ledger) -> None:
    first = ledger.approve(propose(ledger), PERSON, 0.0, BOOT)
    longer = ledger.propose(replace(terms(), ttl_s=7200.0), "why", FINE, True, False, 0.0, BOOT)
    second = ledger.approve(longer, PERSON, 0.0, BOOT)
    assert ledger.orders() == [second]
    assert second.entry_id > first.entry_id


def test_the_approver_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    ledger.approve(propose(ledger), PERSON, 5.0, BOOT)
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
    ledger.allow("203.0.113.0/24", "office", 60.0, 0.0, PERSON)
    ledger.allow("198.51.100.0/24", "partner", 0.0, 0.0, PERSON)
    assert ledger.allowed(59.0) == (("198.51.100.0/24", "partner"), ("203.0.113.0/24", "office"))
    assert ledger.allowed(61.0) == (("198.51.100.0/24", "partner"),)


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
    doubtful = ledger.propose(terms(), "why", Judgement((), (), True), False, False, 0.0, BOOT)
    assert (doubtful.id != first.id, doubtful.typed_confirmation) == (True, True)


def test_blocks_of_an_earlier_release_keep_the_interfaces_they_were_approved_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(ledgers, "MIGRATIONS", ledgers.MIGRATIONS[:1])
        Ledger(tmp_path).close()
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
    found = {order.prefix: (order.ifaces, order.network, order.remaining_s) for order in ledger.orders()}
    ledger.close()
    assert found == {"203.0.113.9/32": (("eth0", "eth1"), "host", 600.0), "203.0.113.10/32": ((), "host", 600.0)}


def test_the_noted_remaining_time_never_grows(ledger: Ledger) -> None:
    ledger.approve(propose(ledger), PERSON, 0.0, BOOT)
    for boot, left in ((("boot-one", 10**9), 3599.0), (BOOT, 3599.0), (("boot-two", 2 * 10**12), 3599.0)):
        ledger.note_remaining(boot)
        assert ledger.orders()[0].remaining_s == left
