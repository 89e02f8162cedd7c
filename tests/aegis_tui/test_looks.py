"""One picture per theme, of the command line, the palette and what can be copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from textual.pilot import Pilot

from aegis_tui.acting.appearing import Preferences
from aegis_tui.app import AegisApp
from aegis_tui.widgets import theme
from tests.aegis_tui.console import LateClock, console, engine, settle

SMALL, DEFAULT = (80, 24), (120, 36)
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def _leave_the_terminal_s_own_colours() -> Iterator[None]:
    yield
    theme.use(theme.ANSI)


def _press(*keys: str) -> Callable[[Pilot[None]], object]:
    async def before(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return before


@pytest.mark.parametrize("name", ["dark", "light", "high-contrast", "mono"])
def test_a_theme_paints_screen_and_dialog(snap_compare: Compare, name: str) -> None:
    app = AegisApp(engine(), monotonic=LateClock(), preferences=Preferences(theme=name))
    assert snap_compare(app, terminal_size=DEFAULT, run_before=_press("b"))


@pytest.mark.parametrize("size", [SMALL, DEFAULT], ids=["80x24", "120x36"])
def test_the_command_line_shows_what_fits(snap_compare: Compare, size: tuple[int, int]) -> None:
    keys = ("colon", *"block", "space", *"203", "tab")
    assert snap_compare(console(), terminal_size=size, run_before=_press(*keys))


def test_an_unknown_command_is_answered_on_the_line(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=_press("colon", *"blokc", "enter"))


@pytest.mark.parametrize("size", [SMALL, DEFAULT], ids=["80x24", "120x36"])
def test_the_palette_lists_the_commands_of_the_screen(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=_press("ctrl+p", *"al"))


def test_a_row_shows_all_that_can_be_copied(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=_press("y", "down"))


def test_the_dialog_explains_its_keys(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=_press("b", "question_mark"))


def test_wide_stands_three_columns_beside_each_other_at_120(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=DEFAULT, run_before=_press("v", "v"))
