"""The way to the dialog before a block, by its key and by its name."""

from __future__ import annotations

from aegis_tui.screens.block_dialog import BlockDialog
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, settle, typed


async def test_block_opens_the_dialog_with_those_terms_and_blocks_nothing() -> None:
    fake = engine(scenario.snapshot(proposals=()))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, "block 198.51.100.99 24h")
        assert isinstance(pilot.app.screen, BlockDialog)
        assert pilot.app.screen.proposal.terms.ttl_s == 86400
        await pilot.press("enter")
        await settle(pilot)
    *asked, withdrawn = fake.commands()
    assert asked == [("propose", "198.51.100.99/32", ""), ("revise", "P-90", "198.51.100.99/32", 86400.0)]
    assert withdrawn == ("decide", "P-91", "token of P-91", False, "")


async def test_block_takes_the_proposal_that_waits_already() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, "block 203.0.113.9")
        assert isinstance(pilot.app.screen, BlockDialog)
        assert pilot.app.screen.proposal.id == "P-17"
        await pilot.press("escape")
        await settle(pilot)
    assert fake.commands() == []


async def test_block_alone_is_about_the_marked_rows() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("m", "m")
        await typed(pilot, "block")
    assert fake.commands()[0][0] == "propose_list"
