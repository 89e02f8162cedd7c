"""Pages to read: keys, settings, what was said, where to look."""

from __future__ import annotations

import pytest

from aegis_tui.screens.block_dialog import BlockDialog
from aegis_tui.screens.help import Help
from aegis_tui.screens.view import View
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, preferring, settle, typed
from tests.aegis_tui.screens.test_block_dialog import text

SIZES = [(80, 24), (120, 36), (200, 60)]


async def test_settings_are_shown_with_their_origin() -> None:
    rows = (("theme", "light", "/etc/aegis/config.toml"), ("openai_api_key", "(set)", "environment OPENAI_API_KEY"))
    async with preferring(settings=rows).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, "settings")
        assert "light  /etc/aegis/config.toml" in text(pilot)
        assert "Colours of the console: auto, dark, light" in text(pilot)
        assert "(set)" in text(pilot)


@pytest.mark.parametrize(
    ("line", "words"),
    [("keys", "block [PREFIX [TIME]]"), ("doctor", "sudo aegis-tui doctor"), ("notices", "stands llm: cannot reach")],
)
async def test_what_there_is_to_read_opens_over_the_screen(line: str, words: str) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, line)
        assert words in text(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, View)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_dialog_has_help_of_its_own_and_stays(size: tuple[int, int]) -> None:
    fake = engine()
    async with console(fake).run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Help)
        assert "only [ Block ] blocks" in " ".join(text(pilot).replace("│", " ").split())
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, BlockDialog)
        assert pilot.app.screen.query_one("#cancel").has_focus
    assert fake.commands() == []


async def test_where_nothing_stands_and_nothing_was_said_the_notices_say_so() -> None:
    async with console(engine(scenario.snapshot(faults=()))).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, "notices")
        assert "Nothing was said yet" in text(pilot)
