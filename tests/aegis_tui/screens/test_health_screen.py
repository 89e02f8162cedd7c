"""Screen 5 tells what the endpoints cost, where there are any."""

from __future__ import annotations

from aegis_tui.widgets.line import plain
from aegis_tui.widgets.pane import TextPane
from engine.types import Spending
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine


async def _shown(analyst: str, spending: Spending) -> str:
    state = scenario.snapshot(status=scenario.status(analyst=analyst, spending=spending))
    async with console(engine(state), view="health").run_test(size=(120, 36)) as pilot:
        return "\n".join(map(plain, pilot.app.screen.query_one("#faults", TextPane).lines))


async def test_tokens_calls_and_cost_of_the_day_are_told() -> None:
    shown = await _shown("qwen3", Spending(12_000, 500_000, 7, 0.25))
    assert "12,000 of 500,000 tokens, 7" in shown


async def test_an_endpoint_that_is_left_alone_is_told() -> None:
    assert "left alone until" in await _shown("qwen3", Spending(1, 0, 1, 0.0, scenario.NOW + 60))


async def test_without_an_endpoint_nothing_is_told_of_one() -> None:
    assert "tokens" not in await _shown("playbook", Spending(0, 500_000))
