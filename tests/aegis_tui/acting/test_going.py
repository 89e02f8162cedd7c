"""The way between the views, by number and by name."""

from __future__ import annotations

from aegis_tui.screens.view import View
from aegis_tui.widgets.table import Table
from tests.aegis_tui.console import console, engine, settle, typed
from tests.aegis_tui.screens.test_block_dialog import text


async def test_screens_incidents_and_filters_are_a_line_away() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, "screen bl")
        assert isinstance(pilot.app.screen, View)
        assert pilot.app.screen.view == "blocks"
        await typed(pilot, "incident inc-00000041")
        assert pilot.app.screen.view == "incident"
        assert "INC-00000041" in text(pilot)
        await typed(pilot, "screen overview")
        await typed(pilot, "filter brute")
        assert pilot.app.screen.query_one("#incidents", Table).key == "INC-00000041"
        assert not pilot.app.screen.query_one("#filter").has_focus


async def test_a_number_opens_its_screen_at_the_first_pane_and_esc_where_it_was_left() -> None:
    async with console(view="blocks").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("tab", "5", "escape")
        await settle(pilot)
        assert pilot.app.screen.pane().id == "proposals"  # type: ignore[attr-defined]  # run_test gives the base class
        await pilot.press("1", "3")
        await settle(pilot)
        assert pilot.app.screen.pane().id == "blocks"  # type: ignore[attr-defined]  # as above
