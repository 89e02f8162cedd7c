"""All that is stored about one incident comes back."""

from __future__ import annotations

from pathlib import Path

from engine.plan import Recording
from engine.store.database import open_store
from engine.store.rows import (
    put_alert,
    put_decision,
    put_incident,
    put_input,
    put_proposal,
    put_recording,
    put_step,
)
from engine.types import Proposal, ProposalState, StepKind, Terms, TraceStep
from tests.factories import alert, incident, update

STEP = TraceStep("INC-01234567", 1, 0.0, "investigator", StepKind.ANSWER, "playbook", "text")
TERMS = Terms("INC-01234567", "203.0.113.9/32", 3600.0, ("eth0",), "00")
PROPOSAL = Proposal("P-1", TERMS, "reason", 1.0, 2.0, ProposalState.PENDING)


async def test_an_incident_comes_back_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    rows = [put_incident(incident(), "live"), put_alert(alert()), put_step(STEP), put_proposal(PROPOSAL)]
    rows += [put_decision("INC-01234567", 1.0, "approved")]
    async with open_store(tmp_path / "a.db") as store:
        await store.write(rows)
        view = await store.view("INC-01234567")
    assert view is not None
    assert (view.incident, view.alerts, view.steps) == (incident(), (alert(),), (STEP,))
    assert (view.proposals, view.decisions, view.verdict) == ((PROPOSAL,), ("approved",), None)


async def test_inputs_come_back_in_the_order_they_came(tmp_path: Path) -> None:
    updates = [update(at=float(number)) for number in range(20)]
    async with open_store(tmp_path / "a.db") as store:
        await store.write(put_input("INC-1", number, item) for number, item in reversed(list(enumerate(updates))))
        assert await store.inputs("INC-1") == updates


async def test_recordings_come_back_in_the_order_of_the_investigations(tmp_path: Path) -> None:
    recordings = (Recording("playbook", {"q": "1"}), Recording("model", {"q": "2"}, ("answer",)))
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_recording("INC-1", item) for item in recordings])
        assert await store.recordings("INC-1") == recordings
