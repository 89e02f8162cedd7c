"""What is stored comes back, privately, and survives damage."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from engine.plan import Recording
from engine.store import database as db
from engine.store.schema import MIGRATIONS
from engine.types import Disposition, Proposal, ProposalState, StepKind, Terms, TraceStep
from tests.factories import alert, detection, incident, update

STEP = TraceStep("INC-01234567", 1, 0.0, "investigator", StepKind.ANSWER, "playbook", "text")
TERMS = Terms("INC-01234567", "203.0.113.9/32", 3600.0, ("eth0",), "00")
PROPOSAL = Proposal("P-1", TERMS, "reason", 1.0, 2.0, ProposalState.PENDING)


async def test_an_incident_comes_back_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    rows = [db.put_incident(incident(), "live"), db.put_alert(alert()), db.put_step(STEP), db.put_proposal(PROPOSAL)]
    rows += [db.put_decision("INC-01234567", 1.0, "approved")]
    async with db.open_store(tmp_path / "a.db") as store:
        await store.write(rows)
        view = await store.view("INC-01234567")
    assert view is not None
    assert (view.incident, view.alerts, view.steps) == (incident(), (alert(),), (STEP,))
    assert (view.proposals, view.decisions, view.verdict) == ((PROPOSAL,), ("approved",), None)


async def test_inputs_come_back_in_the_order_they_came(tmp_path: Path) -> None:
    updates = [update(at=float(number)) for number in range(20)]
    async with db.open_store(tmp_path / "a.db") as store:
        await store.write(db.put_input("INC-1", number, item) for number, item in reversed(list(enumerate(updates))))
        assert await store.inputs("INC-1") == updates


async def test_recordings_come_back_in_the_order_of_the_investigations(tmp_path: Path) -> None:
    recordings = (Recording("playbook", {"q": "1"}), Recording("model", {"q": "2"}, ("answer",)))
    async with db.open_store(tmp_path / "a.db") as store:
        await store.write([db.put_recording("INC-1", item) for item in recordings])
        assert await store.recordings("INC-1") == recordings


async def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    async with db.open_store(tmp_path / "a.db"):
        mode = (tmp_path / "a.db").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_a_failed_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    async with db.open_store(tmp_path / "a.db") as store:
        with pytest.raises(sqlite3.Error):
            await store.write([db.put_incident(incident(), "live"), ("INSERT INTO nowhere VALUES (1)", ())])
        assert await store.incidents() == []


async def test_an_id_is_found_by_its_beginning_unless_several_fit(tmp_path: Path) -> None:
    async with db.open_store(tmp_path / "a.db") as store:
        await store.write([db.put_incident(incident(id=name), "live") for name in ("INC-aa11", "INC-aa22")])
        assert await store.find("INC-aa1") == "INC-aa11"
        with pytest.raises(LookupError, match="several"):
            await store.find("INC-aa")
        with pytest.raises(LookupError, match="no incident"):
            await store.find("INC-b%")


async def test_a_disposition_is_kept(tmp_path: Path) -> None:
    async with db.open_store(tmp_path / "a.db") as store:
        await store.write([db.put_incident(incident(), "live")])
        await store.write([db.put_disposition("INC-01234567", Disposition.FALSE_POSITIVE)])
        await store.write([db.put_incident(incident(title="later"), "live")])
        (kept,) = await store.incidents()
    assert (kept.title, kept.disposition) == ("later", Disposition.FALSE_POSITIVE)


async def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    raw.close()
    with pytest.raises(ValueError, match="newer aegis-tui"):
        async with db.open_store(tmp_path / "a.db"):
            pass


def test_a_damaged_database_is_set_aside_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"damaged")
    first = db.set_aside(file)
    file.write_bytes(b"damaged again")
    second = db.set_aside(file)
    assert (first.read_bytes(), second.read_bytes()) == (b"damaged", b"damaged again")


async def test_only_what_a_sensor_saw_counts_as_past(tmp_path: Path) -> None:
    async with db.open_store(tmp_path / "aegis.db") as store:
        for number, detector in enumerate(("rules", "event")):
            found = incident(id=f"INC-0000000{number}", opened_at=100.0)
            seen = alert(id=f"A-{number}", incident_id=found.id, detection=detection(detector=detector))
            await store.write([db.put_incident(found, "live"), db.put_alert(seen)])
        past = await store.past_incidents(found.target_ip, 200.0, 20)
    assert [one.id for one in past] == ["INC-00000000"]
