"""Density, theme and time zone, and values that are taken away."""

from __future__ import annotations

import time

import pytest
from textual.pilot import Pilot

from aegis_tui.screens.copying import Copying
from aegis_tui.widgets import theme
from aegis_tui.widgets.table import Table
from tests.aegis_tui.console import console, preferring, settle, typed
from tests.aegis_tui.screens.test_block_dialog import text


async def _panes_in_sight(pilot: Pilot[None]) -> int:
    await settle(pilot)
    return sum(bool(pane.size.height) for pane in pilot.app.screen.query("Pane"))


@pytest.mark.parametrize(
    ("size", "density", "panes"),
    [
        ((80, 24), "auto", 2),
        ((80, 24), "compact", 1),
        ((80, 24), "wide", 2),
        ((100, 24), "auto", 2),
        ((100, 24), "wide", 3),
        ((120, 36), "auto", 3),
        ((120, 36), "compact", 1),
        ((120, 36), "wide", 4),
        ((200, 60), "compact", 1),
        ((200, 60), "auto", 4),
    ],
    ids=str,
)
async def test_density_lays_the_panes_out(size: tuple[int, int], density: str, panes: int) -> None:
    async with console().run_test(size=size) as pilot:
        await settle(pilot)
        await typed(pilot, f"density {density}")
        assert await _panes_in_sight(pilot) == panes


async def test_v_goes_through_the_densities_and_keeps_the_row() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("down")
        table = pilot.app.screen.query_one("#incidents", Table)
        key, seen = table.key, []
        for _ in range(3):
            await pilot.press("v")
            seen.append(await _panes_in_sight(pilot))
        assert (seen, table.key) == ([1, 4, 3], key)


async def test_a_screen_not_in_sight_takes_the_density_too() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3", "1", "v", "3")
        assert await _panes_in_sight(pilot) == 1


async def test_a_theme_repaints_every_row_at_once() -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3", "1")
        await settle(pilot)
        await typed(pilot, "theme light")
        await settle(pilot)
        for key in ("1", "3"):
            await pilot.press(key)
            await settle(pilot)
            grounds = {
                segment.style.bgcolor.triplet.hex if segment.style and segment.style.bgcolor else None
                for row in app.screen._compositor.render_strips()
                for segment in row
                if segment.style and segment.style.bgcolor and segment.style.bgcolor.triplet
            }
            assert "#ffffff" in grounds
            assert "#121212" not in grounds
    theme.use(theme.ANSI)


async def test_times_are_local_with_their_zone_or_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XST-9")
    time.tzset()
    async with preferring().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "18:02:11 XST" in text(pilot).splitlines()[0]
        await typed(pilot, "utc")
        assert "09:02:11 UTC" in text(pilot).splitlines()[0]
        await typed(pilot, "utc off")
        assert "18:02:11 XST" in text(pilot).splitlines()[0]


async def test_a_row_offers_its_values_and_enter_keeps_one() -> None:
    async with preferring().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Copying)
        assert " address   203.0.113.9" in text(pilot)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert pilot.app.clipboard == "INC-00000042"
        assert "copied: INC-00000042" in text(pilot)


async def test_every_line_of_a_pane_can_be_copied() -> None:
    async with preferring().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("tab", "y")
        await settle(pilot)
        await pilot.press("end", "enter")
        await settle(pilot)
        assert len(pilot.app.clipboard) > 10


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_terminal_s_clipboard_is_written_only_where_that_is_allowed(allowed: bool) -> None:
    app = preferring(clipboard=allowed)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        written: list[str] = []
        assert app._driver is not None
        app._driver.write = written.append  # type: ignore[assignment, method-assign]  # what would reach the terminal
        app.copy_to_clipboard("203.0.113.9\x1b]52;c;AAAA\x07")
        del app._driver.write
    assert app.clipboard == "203.0.113.9\\x1b]52;c;AAAA\\x07"
    assert any("\x1b]52;c;" in text for text in written) is allowed
