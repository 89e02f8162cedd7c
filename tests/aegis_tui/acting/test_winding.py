"""The tape of a replay answers its keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegis_tui.app import AegisApp
from aegis_tui.widgets.table import Table
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, engine, settle
from tests.aegis_tui.replayside import console, footer, taped


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("p", ("pause", 0.0)), ("full_stop", ("step", 1.0)), ("comma", ("step", -1.0)),
        ("less_than_sign", ("start", 0.0)), ("greater_than_sign", ("end", 0.0)),
        ("right_square_bracket", ("speed", 2.0)),
        ("left_square_bracket", ("speed", 0.5)), ("n", ("alert", 1.0)), ("N", ("alert", -1.0)),
    ],
)  # fmt: skip
async def test_the_keys_of_the_tape_become_commands(key: str, command: tuple[str, float]) -> None:
    fake = engine(taped())
    async with console(fake, "replay").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
    assert fake.asked == [("transport", *command)]


async def test_a_moment_is_typed_and_gone_to() -> None:
    fake = engine(taped())
    async with console(fake, "replay").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("g", *"+30s", "enter")
        await pilot.press("g", *"noon", "enter")
        await settle(pilot)
    assert fake.asked == [("transport", "seek", scenario.NOW + 30)]


async def test_home_and_end_wind_the_tape_where_it_has_the_focus() -> None:
    fake = engine(taped())
    async with console(fake, "replay").run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("shift+tab", "home", "end")
        await settle(pilot)
    assert fake.asked == [("transport", "start", 0.0), ("transport", "end", 0.0)]


async def test_the_alert_whose_number_was_typed_is_looked_at_where_one_step_raised_two() -> None:
    fake = engine(taped())
    both = (scenario.alert(id="A-2", first_at=scenario.NOW - 13), scenario.alert(id="A-1", first_at=scenario.NOW - 13))
    fake.state = replace(fake.state, alerts=both)
    app = console(fake, "replay")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("g", *"alert1", "enter")
        await settle(pilot)
        assert app.screen.query_one("#replayed", Table).key == "A-1"


async def test_what_was_said_of_a_moment_is_gone_when_the_tape_is_moved() -> None:
    app = AegisApp(engine(taped()), first_view="replay", monotonic=Clock())
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.say("P-17: block 203.0.113.9/32 is proposed")
        assert "is proposed" in footer(app)
        await pilot.press("less_than_sign")
        await settle(pilot)
        assert "is proposed" not in footer(app)


async def test_an_alert_that_was_gone_to_is_looked_at() -> None:
    fake = engine(taped())
    app = console(fake, "replay")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        newest = max(fake.state.alerts, key=lambda alert: alert.first_at)
        assert app.screen.query_one("#replayed", Table).key == newest.id
