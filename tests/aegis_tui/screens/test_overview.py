"""Screen 1 draws its flows when something about them is new, and only then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from aegis_tui.app import AegisApp
from aegis_tui.clock import show_utc
from aegis_tui.screens.overview import FLOWS_EVERY
from aegis_tui.widgets import rows
from aegis_tui.widgets.bars import Footer
from aegis_tui.widgets.line import plain
from aegis_tui.widgets.pane import Pane
from aegis_tui.widgets.table import Table
from engine.types import Snapshot
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, settle

MADE: list[str] = []


@pytest.fixture(autouse=True)
def _count_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Note each flow that is made into a row."""
    MADE.clear()
    made = rows._flow  # what is counted is the work itself

    def counted(*of: object) -> object:
        MADE.append(of[0].id)  # type: ignore[attr-defined]  # a flow
        return made(*of)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "_flow", counted)


async def _seconds(pilot: Pilot[None], state: Snapshot, number: int, **changes: object) -> None:
    """Let seconds pass: polls at each of which the clock shows another one."""
    app = pilot.app
    assert isinstance(app, AegisApp)
    for second in range(number):
        later = replace(state, now=state.now + 1 + second, **changes)  # type: ignore[arg-type]  # a test names fields
        app.engine.state = later  # type: ignore[attr-defined]  # a fake has one
        app.poll(again=False)
    await settle(pilot)


async def test_flows_that_stand_still_are_not_made_into_rows_again_while_the_clock_goes_on() -> None:
    state = scenario.snapshot()
    async with console(engine(state)).run_test(size=(160, 50)) as pilot:
        await settle(pilot)
        await _seconds(pilot, state, 1)
        assert MADE
        MADE.clear()
        await _seconds(pilot, replace(state, now=state.now + 1), 10)
        assert not MADE


CHANGES: dict[str, Callable[[Snapshot], dict[str, object]]] = {
    "a flow": lambda state: {"flows": (replace(state.flows[0], last_seen=state.now), *state.flows[1:])},
    "an alert": lambda state: {"alerts": (*state.alerts, scenario.alert(id="A-99"))},
    "a score": lambda state: {"scores": {**state.scores, state.flows[0].id: 0.5}},
    "all flows gone": lambda state: {"flows": ()},
}


@pytest.mark.parametrize("what", CHANGES)
async def test_what_is_new_about_the_flows_is_drawn(what: str) -> None:
    state = scenario.snapshot()
    async with console(engine(state)).run_test(size=(160, 50)) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one("#flows", Table)
        MADE.clear()
        await _seconds(pilot, state, FLOWS_EVERY + 1, **CHANGES[what](state))
        assert MADE if what != "all flows gone" else table.item is None


async def test_the_times_of_flows_are_written_anew_when_a_person_asks_for_utc() -> None:
    state = scenario.snapshot()
    async with console(engine(state)).run_test(size=(160, 50)) as pilot:
        await settle(pilot)
        MADE.clear()
        show_utc(True)
        try:
            await _seconds(pilot, state, 1)
        finally:
            show_utc(False)
        assert MADE


async def test_a_large_table_that_could_not_be_arranged_at_once_is_arranged_later() -> None:
    many = tuple(scenario.flow(number % 200, id=f"1:{number}") for number in range(6_000))
    state = scenario.snapshot(flows=many)
    async with console(engine(state)).run_test(size=(160, 50)) as pilot:
        await settle(pilot)
        table = pilot.app.screen.query_one("#flows", Table)
        waits = table._arrangement
        waits._took, waits._done_at = 1e9, waits._clock()  # it took so long that it is not due again
        fewer = many[:5_500]
        await _seconds(pilot, state, FLOWS_EVERY + 1, flows=fewer)
        assert len(table.lines) == 6_000
        waits._took = waits._done_at = 0.0
        await _seconds(pilot, state, 1, flows=fewer)
        assert len(table.lines) == 5_500


async def test_an_interface_without_traffic_leads_to_the_faults_and_claims_none() -> None:
    async with console(engine(scenario.quiet())).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        told = " ".join(map(plain, pilot.app.screen.query_one("#flows", Table).lines))
        assert "Faults: screen 5." in told


async def test_no_pane_of_a_screen_without_an_incident_is_empty() -> None:
    async with console(engine(scenario.quiet()), view="incident").run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        panes = list(pilot.app.screen.query(Pane))
        assert len(panes) == 6
        assert all(pane.lines for pane in panes)


@pytest.mark.parametrize(("key", "hint"), [("slash", "esc clear"), ("b", "esc cancel"), ("x", "esc cancel")])
async def test_what_was_said_before_hides_no_key_of_what_is_opened(key: str, hint: str) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.say("said before")
        await pilot.press(key)
        await settle(pilot)
        app.poll()
        assert hint in " ".join(plain(row) for row in app.screen_stack[1].query_one(Footer)._rows)
