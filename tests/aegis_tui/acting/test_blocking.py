"""Decisions about blocks, where the keys of a screen and the words of the ``:`` line part ways."""

from __future__ import annotations

import pytest

from tests.aegis_tui.console import Clock, console, engine, settle
from tests.aegis_tui.screens.test_block_dialog import text


@pytest.mark.parametrize("view", ["overview", "incident"])
async def test_refuse_where_no_proposals_are_listed_says_where_they_are_and_writes_no_report(view: str) -> None:
    fake = engine()
    async with console(fake, Clock(), view).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"refuse", "enter")
        await settle(pilot)
        assert fake.commands() == []
        assert "r refuses a proposal that waits: choose one on screen 3" in text(pilot)
