"""Decisions about blocks, where the keys of a screen and the words of the ``:`` line part ways."""

from __future__ import annotations

import pytest

from aegis_tui.screens.ask import Ask, AskWords
from aegis_tui.screens.block_dialog import BlockDialog
from tests.aegis_tui.console import Clock, console, engine, settle, typed
from tests.aegis_tui.screens.test_block_dialog import text


@pytest.mark.parametrize(
    ("view", "where"),
    [("overview", "on screen 3"), ("incident", "on screen 3"), ("blocks", "under Proposals (tab)")],
)
async def test_refuse_where_no_proposal_is_chosen_says_where_they_are_and_writes_no_report(
    view: str, where: str
) -> None:
    fake = engine()
    async with console(fake, Clock(), view).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"refuse", "enter")
        await settle(pilot)
        assert fake.commands() == []
        assert f"r refuses a proposal that waits: choose one {where}" in text(pilot)


async def test_undo_of_an_address_asks_first() -> None:
    fake = engine()
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await typed(pilot, "undo 198.51.100.7")
        assert isinstance(pilot.app.screen, Ask)
        assert fake.commands() == []
        await pilot.press("y")
        await settle(pilot)
    assert fake.commands() == [("unblock", "198.51.100.7/32")]


async def test_extend_and_keep_and_allow_take_what_they_are_about() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, "extend 198.51.100.7 7d")
        assert isinstance(pilot.app.screen, BlockDialog)
        await pilot.press("escape")
        await settle(pilot)
        await typed(pilot, "keep 198.51.100.7/32")
        await typed(pilot, "allow 192.0.2.7 the office")
        await pilot.press("y")
        await settle(pilot)
        await typed(pilot, "allow 192.0.2.8")
        assert isinstance(pilot.app.screen, AskWords)
    extended, withdrawn, kept, allowed = fake.commands()
    assert extended == ("extend", "198.51.100.7/32", 604800.0)
    assert withdrawn == ("decide", "P-92", "token of P-92", False, "")
    assert (kept, allowed) == (("keep", "198.51.100.7/32"), ("allow", "192.0.2.7/32", "the office"))
