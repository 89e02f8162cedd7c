"""What stands first in a table of incidents, and what has room in a row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegis_tui.screens.library import ENTRY_COLUMNS
from aegis_tui.widgets.rows import ALERT_COLUMNS, in_time, urgency
from aegis_tui.widgets.table import Table
from engine.types import Disposition, Severity
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, settle

LOW = scenario.incident(id="INC-1", severity=Severity.LOW, updated_at=scenario.NOW)
OLD = scenario.incident(id="INC-2", updated_at=scenario.NOW - 90)
NEW = scenario.incident(id="INC-3", updated_at=scenario.NOW - 80)
JUDGED = scenario.incident(id="INC-4", disposition=Disposition.TRUE_POSITIVE)


def test_open_incidents_stand_before_judged_ones_then_the_gravest_then_the_latest() -> None:
    assert sorted((LOW, JUDGED, OLD, NEW), key=urgency) == [NEW, OLD, LOW, JUDGED]


async def test_a_graver_incident_comes_above_and_the_cursor_stays_on_its_own() -> None:
    fake = engine(scenario.snapshot(incidents=(LOW, OLD)))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one("#incidents", Table)
        await pilot.press("down")
        await settle(pilot)
        assert (table.key, table.cursor) == (LOW.id, 1)
        fake.state = replace(fake.state, incidents=(LOW, NEW, OLD))
        pilot.app.poll()  # type: ignore[attr-defined]  # run_test gives the base class
        assert (table.key, table.cursor) == (LOW.id, 2)


def test_alerts_of_one_moment_stand_in_the_order_they_were_raised() -> None:
    first, second = scenario.alert(id="A-1"), scenario.alert(id="A-2")
    assert in_time((second, first)) == [first, second]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_reason_of_an_alert_can_be_read(size: tuple[int, int]) -> None:
    async with console(view="incident").run_test(size=size) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one("#alerts", Table)
        assert dict(table._laid_out)[next(c for c in ALERT_COLUMNS if c.title == "reason")] >= 24


async def test_the_library_tells_story_and_disposition_at_80_columns() -> None:
    async with console(view="library").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one("#shelved", Table)
        kept = {column.title: width for column, width in table._laid_out}
        assert kept["story"] >= 17
        assert {"verdict", "disposition", "sev"} <= set(kept)
        assert len(ENTRY_COLUMNS) > len(kept)
