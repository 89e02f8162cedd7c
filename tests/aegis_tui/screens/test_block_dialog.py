"""The block dialog: what it takes to make the kernel drop packets, and what must not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from aegis_tui.screens.block_dialog import BlockDialog
from aegis_tui.widgets.controls import Push
from engine.types import Terms
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, LateClock, console, engine, replay, settle
from tests.fakes import FakeEngine


@asynccontextmanager
async def opened(fake: FakeEngine, clock: Clock | None = None) -> AsyncIterator[Pilot[None]]:
    """Run the console at 80x24 with the dialog open."""
    async with console(fake, clock or LateClock()).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        assert isinstance(pilot.app.screen, BlockDialog)
        yield pilot


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one by one and wait for the answers."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def decisions(fake: FakeEngine) -> list[tuple[object, ...]]:
    """Return what the engine was told to decide."""
    return [call for call in fake.asked if call[0] == "decide"]


def text(pilot: Pilot[None]) -> str:
    """Return every row of the screen."""
    screen = pilot.app.screen
    return "\n".join(strip.text for strip in screen._compositor.render_strips())


async def test_cancel_has_the_focus() -> None:
    async with opened(engine()) as pilot:
        assert pilot.app.focused is pilot.app.screen.query_one("#cancel")


async def test_enter_alone_blocks_nothing() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "enter")
        assert not isinstance(pilot.app.screen, BlockDialog)
    assert decisions(fake) == []


async def test_b_does_nothing_inside() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "b", "b", "tab", "b")
        assert isinstance(pilot.app.screen, BlockDialog)
    assert decisions(fake) == []


@pytest.mark.parametrize("key", ["tab", "right", "down"])
async def test_block_is_reached_by_keys_alone(key: str) -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, key, "enter")
        assert "live, read back 09:02:11, 0 packets dropped yet" in text(pilot)
    assert decisions(fake) == [("decide", "P-17", "token of P-17", True, "")]


async def test_keys_of_the_first_300_ms_are_ignored() -> None:
    fake, clock = engine(), Clock()
    async with opened(fake, clock) as pilot:
        clock.at += 0.29
        await press(pilot, "tab", "enter", "escape")
        assert isinstance(pilot.app.screen, BlockDialog)
        assert pilot.app.focused is pilot.app.screen.query_one("#cancel")
        clock.at += 0.02
        await press(pilot, "tab", "enter")
    assert len(decisions(fake)) == 1


async def test_typed_confirmation_takes_the_address() -> None:
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(typed_confirmation=True),)))
    async with opened(fake) as pilot:
        await press(pilot, "tab", "enter")
        assert decisions(fake) == []
        await press(pilot, "shift+tab", "shift+tab", *"203.0.113.8", "tab", "tab", "enter")
        assert decisions(fake) == []
        await press(pilot, "shift+tab", "shift+tab", "backspace", "9", "tab", "tab", "enter")
    assert decisions(fake) == [("decide", "P-17", "token of P-17", True, "203.0.113.9")]


async def test_permanent_takes_the_address_too() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "right", "right", "right", "tab")
        assert "type 203.0.113.9 to confirm" in text(pilot)
    assert fake.asked == [("revise", "P-17", "203.0.113.9/32", 0.0)]


async def test_another_prefix_is_another_proposal_with_another_token() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "enter")
        assert "Block 203.0.113.0/24 on eth0?" in text(pilot)
        await press(pilot, "tab", "tab", "tab", "enter")
    assert decisions(fake) == [("decide", "P-18", "token of P-18", True, "")]


async def test_a_refusal_is_shown_and_switches_block_off() -> None:
    fake = engine(refusals=("203.0.113.9 is the address you are connected from",))
    async with opened(fake) as pilot:
        await press(pilot, "tab", "enter")
        assert "REFUSED  203.0.113.9 is the address you are connected from" in text(pilot)
    assert decisions(fake) == []


async def test_the_guards_reason_is_shown_when_it_refuses_in_the_end() -> None:
    fake = engine(refuses_with="the token was used before")
    async with opened(fake) as pilot:
        await press(pilot, "tab", "enter")
        assert "not blocked: the token was used before" in text(pilot)


async def test_an_expired_proposal_cannot_be_approved() -> None:
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(expires_at=scenario.NOW + 1),)))
    async with opened(fake) as pilot:
        fake.state = replace(fake.state, now=scenario.NOW + 1)
        pilot.app.poll()  # type: ignore[attr-defined]  # run_test gives the base class
        await press(pilot, "tab", "enter")
        assert "the proposal has expired" in text(pilot)
    assert decisions(fake) == []


async def test_after_an_expiry_a_new_proposal_is_made() -> None:
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(expires_at=scenario.NOW),)))
    async with opened(fake) as pilot:
        assert "P-90, expires in" in text(pilot)
    assert fake.asked == [("propose", "203.0.113.9", "INC-00000042")]


async def test_the_guard_is_asked_when_the_choice_has_settled_and_not_before() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "right", "left")
        assert fake.asked == []
        assert "press enter to ask for these terms" in text(pilot)
        assert pilot.app.screen.query_one("#block", Push).off
        await press(pilot, "space", "space")
        assert fake.asked == [("revise", "P-17", "203.0.113.0/24", 3600.0)]


async def test_a_choice_turned_back_and_one_left_by_escape_ask_nothing() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "left", "tab", "right", "escape")
        assert not isinstance(pilot.app.screen, BlockDialog)
    assert fake.asked == []


async def test_a_typed_prefix_that_was_not_reviewed_switches_block_off() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "right", "enter")
        await press(pilot, *"203.0.113.8/32", "tab", "tab", "tab", "enter")
        assert "press enter to use this prefix" in text(pilot)
        assert fake.asked == []
        await press(pilot, "shift+tab", "shift+tab", "shift+tab", "enter")
        assert "Block 203.0.113.8/32 on eth0?" in text(pilot)
        assert not pilot.app.screen.query_one("#block", Push).off


async def test_a_prefix_without_the_target_is_not_vouched_for_by_its_handshake() -> None:
    async with opened(engine()) as pilot:
        assert "TCP handshake completed" in text(pilot)
        await press(pilot, "shift+tab", "shift+tab", "right", "right", "enter")
        await press(pilot, *"198.51.100.7/32", "enter")
        assert "Block 198.51.100.7/32" in text(pilot)
        assert "TCP handshake completed" not in text(pilot)
        assert "NOT 203.0.113.9 of the incident" in text(pilot)


async def test_a_halt_is_shown_with_the_way_out_and_switches_block_off() -> None:
    fake = engine(halted=True)
    async with opened(fake) as pilot:
        await press(pilot, "tab", "enter")
        assert "HALTED   by panic-unblock" in text(pilot)
        assert "sudo aegis-tui blocks resume" in text(pilot)
    assert decisions(fake) == []


async def test_a_replay_has_no_block_button() -> None:
    fake = engine(replay())
    async with opened(fake) as pilot:
        assert not pilot.app.screen.query_one("#block", Push).display
        assert "blocking is off" in text(pilot)
        await press(pilot, "tab", "enter", "enter")
    assert decisions(fake) == []


async def test_a_spoofable_source_is_named_as_such() -> None:
    view = scenario.incident_view(incident=scenario.incident(handshake=False))
    async with opened(engine(views={"INC-00000042": view})) as pilot:
        assert "NO handshake" in text(pilot)


async def test_ipv6_offers_128_and_64() -> None:
    terms = Terms("INC-00000042", "2001:db8:1:2::/64", 3600.0, ("eth0",), "00")
    view = scenario.incident_view(incident=scenario.incident(target_ip="2001:db8:1:2::9"))
    night = scenario.snapshot(proposals=(scenario.proposal(terms=terms),))
    fake = engine(night, views={"INC-00000042": view})
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "left", "enter")
        assert "(*) /128" in text(pilot)
    assert ("revise", "P-17", "2001:db8:1:2::9/128", 3600.0) in fake.asked


async def test_escape_leaves_the_proposal_as_it_is() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, BlockDialog)
    assert fake.asked == []
