"""What can be copied is all there is, and harmless wherever it is pasted."""

from __future__ import annotations

import pytest

from aegis_tui.app import AegisApp
from aegis_tui.screens.copying import Copying, values_of
from aegis_tui.screens.view import View
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, settle
from tests.aegis_tui.screens.test_block_dialog import text

HOSTILE = ["\x1b]52;c;AAAA\x07", "\x9b31m", "\u202egnp.exe", "\u200bhidden", "a\r\nrm -rf ~\n", "[bold]x[/]", "\x1b[2J"]


@pytest.mark.parametrize("title", HOSTILE, ids=repr)
async def test_what_an_attacker_wrote_is_copied_with_visible_escapes(title: str) -> None:
    fake = engine(scenario.snapshot(incidents=(scenario.incident(title=title),)))
    app = console(fake)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert isinstance(app.screen, Copying)
        assert not set(text(pilot)) & set("\x1b\x9b\u202e\u200b\r\x07")
        await pilot.press("end", "enter")
        await settle(pilot)
    assert app.clipboard
    assert app.clipboard.isprintable()


async def test_a_cell_too_long_for_its_column_is_there_in_full() -> None:
    title = "Log4Shell " * 20
    app = console(engine(scenario.snapshot(incidents=(scenario.incident(title=title),))))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, View)
        assert title.strip() in [value.text for value in values_of(app.screen.pane())]


@pytest.mark.parametrize("view", ["overview", "incident", "blocks", "replay", "health"])
async def test_every_pane_of_every_screen_has_something_to_copy(view: str) -> None:
    app: AegisApp = console(view=view)
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        assert isinstance(app.screen, View)
        for _ in app.screen.panes():
            values = values_of(app.screen.pane())
            assert all(value.text.isprintable() for value in values)
            assert values or not app.screen.pane().lines or app.screen.table()
            await pilot.press("tab")
            await settle(pilot)


async def test_the_lines_of_a_text_to_read_can_be_copied() -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"keys", "enter")
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert isinstance(app.screen, Copying)
        await pilot.press("enter")
        await settle(pilot)
    assert "alert-next" in app.clipboard
