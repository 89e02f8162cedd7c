"""A console that is one of several: what it says it is, and how a person takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aegis_tui.screens.ask import Ask
from aegis_tui.widgets.bars import Header, arrange, header_items
from aegis_tui.widgets.line import plain
from aegis_tui.widgets.rates import Rates
from engine.types import Snapshot
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, settle


def night(**status: Any) -> Snapshot:
    """Return the night at a console that is attached."""
    state = scenario.snapshot()
    return replace(state, status=replace(state.status, **status))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"consoles": 2}, "deciding, 1 watches"),
        ({"consoles": 3}, "deciding, 2 watch"),
        ({"consoles": 2, "decider": "root on pts/2"}, "watching: root on pts/2 decides; D takes over"),
        ({"stale_since": 1_000_000.0}, "STALE since"),
    ],
    ids=str,
)
def test_the_header_says_what_this_console_may_do(status: dict[str, Any], words: str) -> None:
    shown = plain(arrange(header_items(night(**status), Rates(), ""), 240, ()))
    assert words in shown


def test_a_name_cannot_write_to_the_terminal() -> None:
    shown = plain(arrange(header_items(night(consoles=2, decider="\x1b[2Jroot"), Rates(), ""), 240, ()))
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("status", "word"), [({"decider": "root on pts/2"}, "watching"), ({"stale_since": 1.0}, "STALE")]
)
def test_a_small_terminal_says_it_in_a_word(status: dict[str, Any], word: str) -> None:
    items = header_items(night(consoles=2, **status), Rates(), "")
    assert word in plain(arrange(items, 80, ()))


async def test_taking_over_names_who_loses_it_and_asks_once() -> None:
    fake = engine(night(consoles=2, decider="root on pts/2"))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await pilot.press("D")
        asked = pilot.app.screen
        assert isinstance(asked, Ask)
        assert "root on pts/2 decides now and will only watch" in asked.question
        await pilot.press("n")
        await settle(pilot)
        assert ("take_over",) not in fake.asked
        await pilot.press("D", "y")
        await settle(pilot)
        assert ("take_over",) in fake.asked
        assert "watching" not in plain(pilot.app.screen.query_one(Header)._line)


@pytest.mark.parametrize("consoles", [0, 1])
async def test_where_nobody_else_decides_there_is_nothing_to_take(consoles: int) -> None:
    fake = engine(night(consoles=consoles))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await pilot.press("D")
        assert not isinstance(pilot.app.screen, Ask)
        assert ("take_over",) not in fake.asked
