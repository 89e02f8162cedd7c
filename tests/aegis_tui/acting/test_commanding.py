"""Commands by name: they go through the same dialogs, questions and screens as the keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegis_tui.screens.command_line import CommandLine
from aegis_tui.screens.palette import Palette
from aegis_tui.screens.view import View
from tests.aegis_tui.console import console, engine, keys_of_text, preferring, settle, typed
from tests.aegis_tui.screens.test_block_dialog import text

SIZES = [(80, 24), (120, 36), (200, 60)]


# --- the line itself ---


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_command_and_its_help_are_shown_while_it_is_typed(size: tuple[int, int]) -> None:
    async with console().run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"theme")
        await settle(pilot)
        assert "theme THEME: other colours" in text(pilot)
        assert text(pilot).splitlines()[-1].startswith(" :theme")


async def test_tab_goes_through_what_fits() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"sc", "tab")
        await settle(pilot)
        assert ":screen " in text(pilot).splitlines()[-1]
        await pilot.press("ctrl+u", *keys_of_text("screen "), "tab", "tab", "shift+tab")
        await settle(pilot)
        assert ":screen overview" in text(pilot).splitlines()[-1]


async def test_an_unknown_command_stays_to_be_corrected() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await typed(pilot, "blokc 203.0.113.9")
        assert isinstance(pilot.app.screen, CommandLine)
        assert "no command 'blokc'; nearest: block" in text(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, View)


async def test_lines_come_back_at_the_next_start(tmp_path: Path) -> None:
    async with preferring(state=tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await typed(pilot, "density compact")
        await typed(pilot, "screen blocks")
    async with preferring(state=tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("colon", "up", "up")
        await settle(pilot)
        assert ":density compact" in text(pilot).splitlines()[-1]
        await pilot.press("down", "down")
        await settle(pilot)
        assert text(pilot).splitlines()[-1].strip() == ":"


async def test_hostile_text_pasted_into_the_line_is_inert_and_not_kept(tmp_path: Path) -> None:
    async with preferring(state=tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("colon")
        await settle(pilot)
        pilot.app.screen.query_one("Field").value = "nonsense\x1b[2J\u202e"  # type: ignore[attr-defined]  # a Field
        await pilot.press("enter")
        await settle(pilot)
        assert "\x1b" not in text(pilot)
        assert "no command 'nonsense\\x1b[2J\\u202e'" in text(pilot)
    assert not (tmp_path / "commands").exists()


# --- words after a name ---


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("block nonsense", "'nonsense' is no address and no prefix"),
        ("block 203.0.113.9 soon", "'soon' is no time such as 10m, 1h"),
        ("undo 192.0.2.99", "no block of 192.0.2.99; in force: 198.51.100.7/32"),
        ("extend 198.51.100.7 soon", "'soon' is no time"),
        ("screen nowhere", "no screen 'nowhere'; there are: overview"),
        ("theme pink", "no theme 'pink'; there are: auto, dark"),
        ("density huge", "no density 'huge'; there are: auto"),
        ("utc maybe", "'utc' takes on or off"),
        ("incident INC-", "2 incidents begin with INC-"),
        ("incident NONE", "cannot open it: no incident NONE"),
        ("triage nonsense", "not an event"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(line: str, words: str) -> None:
    fake = engine()
    async with preferring(fake).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await typed(pilot, line)
        assert words in text(pilot)
        assert isinstance(pilot.app.screen, View)
    assert fake.commands() == []


# --- palette and help ---


async def test_the_palette_narrows_and_runs() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Palette)
        assert "step-forward" not in text(pilot)
        await pilot.press(*keys_of_text("kernel drops"), "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, View)
        assert pilot.app.screen.view == "blocks"


async def test_a_command_that_needs_more_is_completed_on_the_line() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", *"theme", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CommandLine)
        assert text(pilot).splitlines()[-1].startswith(" :theme ")
