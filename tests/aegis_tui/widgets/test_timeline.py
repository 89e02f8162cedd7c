"""The timeline of an incident: everything in its order, nothing that can draw."""

from __future__ import annotations

import pytest

from aegis_tui.widgets.line import plain
from aegis_tui.widgets.timeline import timeline
from engine.types import IncidentView, Note
from tests.aegis_tui import scenario
from tests.engine.agent.report.hostile import HOSTILE, incident_of


def drawn(view: IncidentView) -> list[str]:
    """Return the rows."""
    return [plain(row.spans) for row in timeline(view)]


def words(view: IncidentView) -> list[str]:
    """Return the word of each row that has a time."""
    return [row.split()[1] for row in drawn(view) if row[:1].isdigit()]


def test_alerts_analyst_proposal_and_verdict_stand_in_the_order_of_time() -> None:
    assert words(scenario.incident_view()) == ["alert", "analyst", "alert", "asked", "verdict", "alert"]


def test_a_note_stands_where_it_was_written_behind_a_fence() -> None:
    note = Note("INC-00000042", scenario.NOW - 6, "ann on pts/1", "asked the owner\nit was a test")
    view = scenario.incident_view(notes=(note,))
    assert words(view) == ["alert", "analyst", "alert", "asked", "note", "verdict", "alert"]
    assert [row for row in drawn(view) if "┆" in row] == ["  ┆ asked the owner", "  ┆ it was a test"]


def test_a_decision_stands_at_its_stamp_and_one_without_at_the_end() -> None:
    view = scenario.incident_view(decisions=("by somebody, once", "2025-10-09 09:02:04 UTC refused by uid 0"))
    assert words(view) == ["alert", "analyst", "alert", "asked", "decided", "verdict", "alert"]
    assert drawn(view)[-1].strip() == "decision by somebody, once"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_can_draw(hostile: str) -> None:
    assert all(row.isprintable() for row in drawn(incident_of(hostile)))
