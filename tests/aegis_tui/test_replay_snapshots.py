"""Screen 4 at every size: the tape, the library, and a comparison."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from aegis_tui.app import AegisApp
from aegis_tui.bridge import CaptureFile
from engine.types import Origin
from tests.aegis_tui import scenario
from tests.aegis_tui.acting.test_replaying import FakeStudio, console, entry, taped
from tests.aegis_tui.console import engine, settle
from tests.aegis_tui.test_snapshots import Compare

SIZES = [(80, 24), (120, 36), (200, 60)]
CAPTURES = (
    CaptureFile("/captures/night.pcap", "night.pcap", 812_000, scenario.NOW),
    CaptureFile("/captures/old/march.pcapng", "old/march.pcapng", 48_000_000, scenario.NOW - 9e6),
)
SHELF = (entry(42), entry(43, origin=Origin.REPLAY, source="night.pcap"), entry(44, origin=Origin.EVENT, conclusion=""))


def _library() -> AegisApp:
    return console(engine(shelf=SHELF), studio=FakeStudio(CAPTURES))


def _read(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def act(pilot: Pilot[None]) -> None:
        await settle(pilot)
        assert isinstance(pilot.app, AegisApp)
        pilot.app.poll()
        await pilot.press(*keys)
        await settle(pilot)
        pilot.app.poll()
        await settle(pilot)

    return act


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_library(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(_library(), terminal_size=size, run_before=_read())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_tape(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(engine(taped()), "replay"), terminal_size=size, run_before=_read())


def test_the_tape_on_a_plain_terminal(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.setenv("NO_COLOR", "1")
    app = console(engine(taped(playing=False)), "replay")
    assert snap_compare(app, terminal_size=(80, 24), run_before=_read())


def test_the_tape_at_its_end(snap_compare: Compare) -> None:
    ended = replace(taped(playing=False, at=scenario.NOW + 60, step=9), finished=True)
    assert snap_compare(console(engine(ended), "replay"), terminal_size=SIZES[0], run_before=_read())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_comparison(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(_library(), terminal_size=size, run_before=_read("c", *"threshold=0.8", "enter"))
