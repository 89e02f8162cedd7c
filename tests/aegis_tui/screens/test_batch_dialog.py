"""The dialog over a whole list: the sum, what is left out, and the number that has to be typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from aegis_tui.screens.batch_dialog import BatchDialog
from aegis_tui.screens.block_dialog import BlockDialog
from aegis_tui.screens.block_facts import batch_outcome
from aegis_tui.screens.view import View
from aegis_tui.widgets.controls import Push
from aegis_tui.widgets.table import Table
from engine.types import Enforced, Listed, Proposal, Snapshot, Terms
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Host, LateClock, console, engine, settle
from tests.aegis_tui.screens.test_block_dialog import decisions, press, text

ADDRESSES = ("203.0.113.9", "198.51.100.7")


@asynccontextmanager
async def marked(fake: Host, *keys: str) -> AsyncIterator[Pilot[None]]:
    """Run the console at 80x24, mark both incidents and open the dialog."""
    async with console(fake, LateClock()).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "m", "m", "b", *keys)
        yield pilot


def listing(prefixes: int, **changes: object) -> Proposal:
    """Return a proposal of many prefixes, as an import makes it."""
    listed = Listed(prefixes, prefixes * 256, tuple(f"203.0.{n}.0/24" for n in range(min(prefixes, 16))))
    terms = Terms("", "", 3600.0, ("eth0",), "11" * 32, "block list")
    return replace(scenario.proposal(terms=terms, listed=listed), **changes)  # type: ignore[arg-type]  # named fields


def night(asked: Proposal) -> Snapshot:
    """Return the night with an imported list that waits."""
    return scenario.snapshot(proposals=(asked,), blocks=())


@asynccontextmanager
async def imported(asked: Proposal) -> AsyncIterator[tuple[Pilot[None], Host]]:
    """Run the console at 80x24 with the dialog open on a proposal of screen 3."""
    fake = engine(night(asked))
    async with console(fake, LateClock(), view="blocks").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "tab", "b")
        assert isinstance(pilot.app.screen, BatchDialog)
        yield pilot, fake


async def test_marks_are_signs_and_a_count_and_escape_clears_them() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "m")
        shown = text(pilot)
        assert "Incidents 2 (2 open) · 1 marked" in shown
        assert "\n *CRIT 203.0.113.9" in shown
        await press(pilot, "escape")
        assert "marked" not in text(pilot)


async def test_m_again_takes_the_mark_away() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "m", "up", "m")
        assert "marked" not in text(pilot)


async def test_marked_rows_become_one_proposal_with_their_sum() -> None:
    fake = engine()
    async with marked(fake) as pilot:
        assert isinstance(pilot.app.screen, BatchDialog)
        shown = text(pilot)
        assert "Block 2 prefixes for 1h on eth0?" in shown
        assert "203.0.113.9, 198.51.100.7" in shown
        assert "last 10m: 3 flows, 41 packets in" in shown
    assert fake.commands() == [("propose_list", ADDRESSES, "rows that a person marked at the console")]
    assert ("impact", ADDRESSES) in fake.asked


async def test_one_marked_row_is_an_ordinary_block() -> None:
    fake = engine()
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "m", "b")
        assert isinstance(pilot.app.screen, BlockDialog)


async def test_rows_of_one_address_are_one_target() -> None:
    fake = engine(scenario.snapshot(incidents=(scenario.incident(), scenario.incident(id="INC-00000043"))))
    async with marked(fake) as pilot:
        assert isinstance(pilot.app.screen, BlockDialog)


async def test_marks_out_of_sight_are_not_acted_upon() -> None:
    fake = engine()
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "m", "m", "shift+tab", "b")
        assert not isinstance(pilot.app.screen, BatchDialog)


async def test_the_far_end_of_a_flow_is_marked_not_this_host() -> None:
    outward = scenario.flow(1, five_tuple=scenario.flow(1).five_tuple._replace(src_ip=scenario.LOCAL, dst_ip="9.9.9.9"))
    fake = engine(scenario.snapshot(flows=(scenario.flow(0), outward)))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "shift+tab", "m", "m", "b")
    assert fake.commands()[0][1] == ("203.0.113.9", "9.9.9.9")


@pytest.mark.parametrize(("typed", "decided"), [("", False), ("1", False), ("22", False), ("yes", False), ("2", True)])
async def test_the_number_of_prefixes_has_to_be_typed(typed: str, decided: bool) -> None:
    fake = engine()
    async with marked(fake) as pilot:
        await press(pilot, "shift+tab", *typed, "tab", "tab", "enter")
    wanted = [("decide", "P-91", "token of P-91", True, "2")] if decided else []
    assert decisions(fake) == wanted


async def test_enter_and_b_alone_block_nothing() -> None:
    fake = engine()
    async with marked(fake, "b", "enter", "enter") as pilot:
        assert isinstance(pilot.app.screen, View)
    assert [decided for _, _, _, decided, _ in decisions(fake)] == [False]


async def test_a_list_that_only_marks_and_a_key_made_goes_with_the_dialog() -> None:
    fake = engine()
    async with marked(fake) as pilot:
        assert "Cancel withdraws P-91" in text(pilot)
        await press(pilot, "escape")
    assert decisions(fake) == [("decide", "P-91", "token of P-91", False, "")]


async def test_a_list_that_was_imported_stays_when_its_dialog_closes() -> None:
    async with imported(listing(3)) as (pilot, fake):
        await press(pilot, "escape")
    assert decisions(fake) == []


async def test_marks_stay_when_the_dialog_is_left_and_go_when_it_is_done() -> None:
    fake = engine()
    async with marked(fake, "escape") as pilot:
        assert len(pilot.app.screen.query_one("#incidents", Table).marked) == 2
        await press(pilot, "b", "shift+tab", "2", "tab", "tab", "enter", "enter")
        assert pilot.app.screen.query_one("#incidents", Table).marked == {}


async def test_what_the_rules_leave_out_is_named() -> None:
    listed = Listed(12_000, 70_000, ("203.0.0.0/24",), 2, ("192.0.2.1/32: is a gateway", "10.0.0.0/8: wider than /16"))
    async with imported(listing(1, listed=listed)) as (pilot, _):
        told = " ".join(text(pilot).replace("│", " ").split())
    assert "Block 12,000 prefixes for 1h on eth0?" in told
    assert "70,000 addresses" in told
    assert "203.0.0.0/24 and 11,999 more" in told
    assert "2 by the rules: 192.0.2.1/32: is a gateway; 10.0.0.0/8: wider than /16" in told
    assert "of 1 of them, last 10m" in told


async def test_a_list_has_no_choice_of_prefix_and_cannot_be_watched() -> None:
    async with imported(listing(3)) as (pilot, _):
        assert not pilot.app.screen.query("Choice")
        assert not pilot.app.screen.query("#watch")


async def test_blocks_of_a_list_are_counted_as_the_kernel_has_them() -> None:
    async with imported(listing(3)) as (pilot, fake):
        await press(pilot, "shift+tab", "3", "tab", "tab", "enter")
        blocks = tuple(scenario.block(prefix=f"203.0.{n}.0/24", proposal_id="P-17", packets=n) for n in range(3))
        fake.state = replace(fake.state, blocks=blocks)
        pilot.app.poll()  # type: ignore[attr-defined]  # run_test gives the base class
        await settle(pilot)
        assert "3 live of 3, 3 packets dropped" in text(pilot)


def test_what_the_kernel_did_not_take_of_a_list_is_told() -> None:
    asked = listing(12_000)
    block = replace(scenario.block(proposal_id=asked.id), packets=4)
    snapshot = replace(night(asked), blocks=(block,))
    row = str(batch_outcome(asked, snapshot, Enforced.of(block, 12_000, 3)))
    assert "12,000 blocks, 3 not taken, " in row
    assert "4 packets dropped; the newest 500 are shown" in row


async def test_an_empty_list_cannot_be_approved() -> None:
    async with imported(listing(0)) as (pilot, fake):
        assert "the list is empty" in text(pilot)
        await press(pilot, "shift+tab", "0", "tab", "tab", "enter")
        assert pilot.app.screen.query_one("#block", Push).off
        assert decisions(fake) == []


async def test_r_refuses_a_list_too() -> None:
    async with imported(listing(3)) as (pilot, fake):
        await press(pilot, "r", "y")
        assert fake.commands() == [("decide", "P-17", "token of P-17", False, "")]
