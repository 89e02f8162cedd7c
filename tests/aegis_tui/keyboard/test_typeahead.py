"""Keys that come faster than the screen, as a multiplexer or a paste sends them."""

from __future__ import annotations

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from aegis_tui.screens.command_line import CommandLine
from aegis_tui.screens.decision import Decision
from tests.aegis_tui.console import console, settle

SIZE = (120, 36)


def _burst(pilot: Pilot[None], keys: str) -> None:
    """Put keys into the application's queue at once, with nothing handled between them."""
    for key in keys:
        name = {"/": "slash", ":": "colon", "\n": "enter", ".": "full_stop"}.get(key, key)
        pilot.app.post_message(events.Key(name, None if key == "\n" else key))


async def test_text_that_follows_a_slash_at_once_is_the_filter() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "/shop.bqs1")
        await settle(pilot)
        assert pilot.app.screen.query_one("#filter", Input).value == "shop.bqs1"
        assert not isinstance(pilot.app.screen, Decision)


async def test_text_that_follows_a_colon_at_once_is_the_command() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, ":block")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CommandLine)
        assert pilot.app.screen.query_one(Input).value == "block"


async def test_a_filter_typed_with_its_enter_at_once_is_kept() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "/port:8080\n")
        await settle(pilot)
        field = pilot.app.screen.query_one("#filter", Input)
        assert field.value == "port:8080"
        assert pilot.app.focused is not field


async def test_a_filter_typed_on_the_way_to_another_screen_belongs_to_that() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "2/bob")
        await settle(pilot)
        assert pilot.app.screen.query_one("#filter", Input).value == "bob"
        assert type(pilot.app.screen).__name__ == "IncidentScreen"


async def test_keys_of_one_burst_are_done_in_order() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "325")
        await settle(pilot)
        assert type(pilot.app.screen).__name__ == "HealthScreen"


@pytest.mark.parametrize("pasted", ["b", "b\n", "b\ny\n\n", ":block 203.0.113.9\n", "q"])
async def test_a_paste_where_no_field_is_does_nothing(pasted: str) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        before = pilot.app.screen
        pilot.app.post_message(events.Paste(pasted))
        await settle(pilot)
        assert pilot.app.screen is before
        assert pilot.app.is_running


async def test_a_paste_right_behind_a_slash_is_text() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "/")
        pilot.app.post_message(events.Paste("b\nsecond line"))
        await settle(pilot)
        assert pilot.app.screen.query_one("#filter", Input).value == "b"


async def test_a_paste_never_answers_the_block_dialog() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        dialog = pilot.app.screen
        assert isinstance(dialog, Decision)
        pilot.app.post_message(events.Paste("\t\t\ny\n"))
        await settle(pilot)
        assert pilot.app.screen is dialog
