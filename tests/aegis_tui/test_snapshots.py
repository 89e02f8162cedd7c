"""One picture per screen state, taken through the keys a person would press."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from aegis_tui.app import AegisApp
from engine.types import Snapshot
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, replay, settle

SMALL, DEFAULT, LARGE = (80, 24), (120, 36), (200, 60)
SIZES = [pytest.param(SMALL, id="80x24"), pytest.param(DEFAULT, id="120x36"), pytest.param(LARGE, id="200x60")]
Compare = Callable[..., bool]


def _press(*keys: str) -> Callable[[Pilot[None]], object]:
    async def before(pilot: Pilot[None]) -> None:
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        app = pilot.app
        assert isinstance(app, AegisApp)
        app.poll()
        await pilot.pause()

    return before


@pytest.mark.parametrize("size", SIZES)
def test_overview_shows_what_is_wrong(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(engine(evolve=_busy_for(40))), terminal_size=size, run_before=_polls(60))


@pytest.mark.parametrize("size", SIZES)
def test_incident_is_one_key_away(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=_press("enter"))


@pytest.mark.parametrize("size", [SIZES[0], SIZES[1]])
def test_blocks_show_the_kernel_truth(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=_press("3"))


@pytest.mark.parametrize("size", [SIZES[0], SIZES[1]])
def test_health_names_every_fault_and_its_remedy(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=_press("5"))


@pytest.mark.parametrize("size", SIZES)
def test_the_dialog_shows_what_a_block_would_do(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=_press("b"))


def test_the_fullest_dialog_fits_the_smallest_terminal(snap_compare: Compare) -> None:
    warnings = (
        "the source never completed a handshake: it may be spoofed",
        "this address is a shared hop of a content network",
        "somebody is logged in from this address",
    )
    asked = scenario.proposal(warnings=warnings, typed_confirmation=True)
    night = scenario.snapshot(proposals=(asked,))
    assert snap_compare(console(engine(night)), terminal_size=SMALL, run_before=_press("b"))


def test_a_refused_block_says_why(snap_compare: Compare) -> None:
    fake = engine(refusals=("203.0.113.9 is the address you are connected from",))
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("b"))


def test_a_block_is_shown_as_the_kernel_has_it(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=_press("b", "tab", "enter"))


def test_a_replay_has_no_button_that_blocks(snap_compare: Compare) -> None:
    assert snap_compare(console(engine(replay())), terminal_size=SMALL, run_before=_press("b"))


def test_the_replay_screen_says_that_blocking_is_off(snap_compare: Compare) -> None:
    assert snap_compare(console(engine(replay())), terminal_size=DEFAULT, run_before=_press("4"))


def test_an_empty_console_teaches(snap_compare: Compare) -> None:
    assert snap_compare(console(engine(scenario.quiet())), terminal_size=DEFAULT, run_before=_press())


def _busy_for(seconds: int) -> Callable[[Snapshot], Snapshot]:
    def evolve(last: Snapshot) -> Snapshot:
        now = min(scenario.NOW + seconds, last.now + 1)
        packets = scenario.counters().delivered + sum((n * 37) % 900 for n in range(int(now - scenario.NOW)))
        rest = packets - scenario.counters().delivered
        seen = scenario.counters(delivered=packets, kernel_seen=packets, parsed=1_204_000 + rest)
        return replace(last, now=now, counters=replace(seen, bytes=packets * 640))

    return evolve


def _polls(number: int) -> Callable[[Pilot[None]], object]:
    async def before(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, AegisApp)
        await pilot.pause()
        for _ in range(number):
            app.poll()
        await pilot.pause()
        app.poll()
        await pilot.pause()

    return before
