"""Screen 5 tells what the endpoints cost, where there are any."""

from __future__ import annotations

from aegis_tui.widgets.line import plain
from aegis_tui.widgets.pane import TextPane
from engine.types import Spending, Storage
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine


async def _shown(analyst: str, spending: Spending = Spending(), storage: Storage = Storage()) -> str:  # noqa: B008 - frozen
    state = scenario.snapshot(status=scenario.status(analyst=analyst, spending=spending, storage=storage))
    async with console(engine(state), view="health").run_test(size=(120, 36)) as pilot:
        return "\n".join(map(plain, pilot.app.screen.query_one("#faults", TextPane).lines))


async def test_tokens_calls_and_cost_of_the_day_are_told() -> None:
    shown = await _shown("qwen3", Spending(12_000, 500_000, 7, 0.25))
    assert "12,000 of 500,000 tokens, 7" in shown


async def test_an_endpoint_that_is_left_alone_is_told() -> None:
    assert "left alone until" in await _shown("qwen3", Spending(1, 0, 1, 0.0, scenario.NOW + 60))


async def test_without_an_endpoint_nothing_is_told_of_one() -> None:
    assert "tokens" not in await _shown("playbook", Spending(0, 500_000))


async def test_what_the_database_takes_up_is_told_once_it_is_known() -> None:
    assert "disk" not in await _shown("playbook")
    shown = await _shown("playbook", storage=Storage(120_000_000, 4_096_000_000, 90))
    assert "120 MB of 4,096 MB; incidents kept 90 d" in shown
    assert "120 MB, no budget; incidents kept for ever" in await _shown("playbook", storage=Storage(120_000_000, 0, 0))
