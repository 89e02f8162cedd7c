"""The list of commands."""

from __future__ import annotations

from aegis_tui.screens.palette import Palette
from aegis_tui.widgets.picker import Picker
from tests.aegis_tui.console import console, settle


async def test_a_line_of_the_list_before_runs_nothing() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", *"quit")
        await settle(pilot)
        palette = pilot.app.screen
        assert isinstance(palette, Palette)
        picker = palette.query_one(Picker)
        picker.post_message(Picker.Picked(picker, 30))
        await settle(pilot)
        assert pilot.app.screen is palette
