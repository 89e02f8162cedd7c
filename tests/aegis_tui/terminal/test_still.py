"""Polls that find nothing new draw nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegis_tui.screens.overview import Overview
from aegis_tui.screens.view import Scene
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, settle

SIZE = (120, 36)


async def _draws(monkeypatch: pytest.MonkeyPatch, change: bool) -> int:
    known = engine(scenario.snapshot())
    app = console(known)
    drawn: list[Scene] = []
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        app.poll()
        monkeypatch.setattr(Overview, "draw_panes", lambda _, scene: drawn.append(scene))
        if change:
            counters = known.snapshot().counters
            known.state = replace(known.state, counters=replace(counters, delivered=counters.delivered + 1))
        app.poll(again=False)
        app.poll(again=False)
    return len(drawn)


async def test_an_unchanged_state_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _draws(monkeypatch, change=False) == 0


async def test_a_changed_state_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _draws(monkeypatch, change=True) == 1


async def test_a_poll_that_was_asked_for_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    app = console()
    drawn: list[Scene] = []
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        monkeypatch.setattr(Overview, "draw_panes", lambda _, scene: drawn.append(scene))
        app.poll()
        app.poll()
    assert len(drawn) >= 2
