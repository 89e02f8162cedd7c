"""What a row writes over, and what it leaves as a person made it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.plan import Recording
from engine.store.database import open_store
from engine.store.rows import (
    forget_incident,
    incident_of,
    put_alert,
    put_decision,
    put_disposition,
    put_fault,
    put_flow,
    put_incident,
    put_input,
    put_note,
    put_packets,
    put_proposal,
    put_recording,
    put_verdict,
)
from engine.types import Disposition, Note
from tests.aegis_tui import scenario
from tests.factories import alert, flow, incident, update


async def test_a_disposition_is_kept(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_incident(incident(), "live")])
        await store.write([put_disposition("INC-01234567", Disposition.FALSE_POSITIVE)])
        await store.write([put_incident(incident(title="later"), "live")])
        (kept,) = await store.incidents()
    assert (kept.title, kept.disposition) == ("later", Disposition.FALSE_POSITIVE)


def test_a_row_names_the_incident_that_it_belongs_to() -> None:
    terms = replace(scenario.proposal().terms, incident_id="INC-01234567")
    of_one = [
        put_incident(incident(), "live"),
        put_disposition("INC-01234567", Disposition.FALSE_POSITIVE),
        put_alert(alert(incident_id="INC-01234567")),
        put_proposal(replace(scenario.proposal(), terms=terms)),
        put_verdict(replace(scenario.verdict(), incident_id="INC-01234567")),
        put_decision("INC-01234567", 1.0, "judged"),
        put_input("INC-01234567", 1, update()),
        put_packets("INC-01234567", b""),
        put_recording("INC-01234567", Recording("playbook")),
        put_note(Note("INC-01234567", 1.0, "ours", "somebody")),
        *forget_incident("INC-01234567"),
    ]
    assert {incident_of(row) for row in of_one} == {"INC-01234567"}
    assert incident_of(put_flow(flow(), "live")) == incident_of(put_fault(scenario.fault())) == ""
