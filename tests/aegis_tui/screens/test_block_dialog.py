"""The block dialog: what it takes to make the kernel drop packets, and what must not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.events import Key
from textual.pilot import Pilot

from aegis_tui.app import AegisApp
from aegis_tui.screens.block_dialog import BlockDialog
from aegis_tui.widgets.controls import Push
from aegis_tui.widgets.line import plain
from aegis_tui.widgets.pane import Pane
from engine.types import Terms
from tests.aegis_tui import scenario
from tests.aegis_tui.console import ENTRY, PRIOR, TRIAL, Clock, Host, LateClock, console, engine, replay, settle

WATCH = ("tab", "enter")
"""From Cancel to the button beside it."""
BLOCK = ("tab", "tab", "enter")
"""From Cancel over Watch to Block."""
BACK_TO_TYPED = ("shift+tab", "shift+tab", "shift+tab")
"""From Block to the field above the buttons."""


@asynccontextmanager
async def opened(fake: Host, clock: Clock | None = None) -> AsyncIterator[Pilot[None]]:
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


def decisions(fake: Host) -> list[tuple[object, ...]]:
    """Return what the engine was told to decide."""
    return [call for call in fake.commands() if call[0] == "decide"]


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
        await press(pilot, key, key, "enter")
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
        await press(pilot, "tab", "tab", "enter")
    assert len(decisions(fake)) == 1


async def test_keys_that_were_pressed_too_soon_are_ignored_however_late_a_busy_console_gets_them() -> None:
    fake, clock = engine(), Clock()
    async with opened(fake, clock) as pilot:
        clock.at += 5
        for name in ("tab", "tab", "enter"):
            key = Key(name, None)
            key.time -= 4.8
            pilot.app.post_message(key)
        await settle(pilot)
        assert pilot.app.focused is pilot.app.screen.query_one("#cancel")
    assert decisions(fake) == []


async def test_typed_confirmation_takes_the_address() -> None:
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(typed_confirmation=True),)))
    async with opened(fake) as pilot:
        await press(pilot, *BLOCK)
        assert decisions(fake) == []
        await press(pilot, *BACK_TO_TYPED, *"203.0.113.8", "tab", *BLOCK)
        assert decisions(fake) == []
        await press(pilot, *BACK_TO_TYPED, "backspace", "9", "tab", *BLOCK)
    assert decisions(fake) == [("decide", "P-17", "token of P-17", True, "203.0.113.9")]


async def test_permanent_takes_the_address_too() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "right", "right", "right", "tab")
        assert "type 203.0.113.9 to confirm" in text(pilot)
    assert fake.commands() == [("revise", "P-17", "203.0.113.9/32", 0.0)]


async def test_another_prefix_is_another_proposal_with_another_token() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "enter")
        assert "Block 203.0.113.0/24 on eth0?" in text(pilot)
        await press(pilot, "tab", "tab", *BLOCK)
    assert decisions(fake) == [("decide", "P-18", "token of P-18", True, "")]


async def test_a_refusal_is_shown_and_switches_block_off() -> None:
    fake = engine(refusals=("203.0.113.9 is the address you are connected from",))
    async with opened(fake) as pilot:
        await press(pilot, *BLOCK)
        assert "REFUSED  203.0.113.9 is the address you are connected from" in text(pilot)
    assert decisions(fake) == []


async def test_the_guards_reason_is_shown_when_it_refuses_in_the_end() -> None:
    fake = engine(refuses_with="the token was used before")
    async with opened(fake) as pilot:
        await press(pilot, *BLOCK)
        assert "not blocked: the token was used before" in text(pilot)


async def test_an_expired_proposal_cannot_be_approved() -> None:
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(expires_at=scenario.NOW + 1),)))
    async with opened(fake) as pilot:
        fake.state = replace(fake.state, now=scenario.NOW + 1)
        pilot.app.poll()  # type: ignore[attr-defined]  # run_test gives the base class
        await press(pilot, *BLOCK)
        assert "the proposal has expired" in text(pilot)
    assert decisions(fake) == []


async def test_after_an_expiry_a_new_proposal_is_made() -> None:
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(expires_at=scenario.NOW),)))
    async with opened(fake) as pilot:
        assert "P-90, expires in" in text(pilot)
    assert fake.commands() == [("propose", "203.0.113.9", "INC-00000042")]


async def test_the_guard_is_asked_when_the_choice_has_settled_and_not_before() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "right", "left")
        assert fake.commands() == []
        assert "press enter to ask for these terms" in text(pilot)
        assert pilot.app.screen.query_one("#block", Push).off
        await press(pilot, "space", "space")
        assert fake.commands() == [("revise", "P-17", "203.0.113.0/24", 3600.0)]


async def test_a_choice_turned_back_and_one_left_by_escape_ask_nothing() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "left", "tab", "right", "escape")
        assert not isinstance(pilot.app.screen, BlockDialog)
    assert fake.commands() == []


async def test_a_typed_prefix_that_was_not_reviewed_switches_block_off() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "right", "enter")
        await press(pilot, *"203.0.113.8/32", "tab", "tab", *BLOCK)
        assert "press enter to use this prefix" in text(pilot)
        assert fake.commands() == []
        await press(pilot, *["shift+tab"] * 4, "enter")
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
        await press(pilot, *BLOCK)
        assert "HALTED   by panic-unblock" in text(pilot)
        assert "sudo aegis-tui blocks resume" in text(pilot)
        closes = str(pilot.app.screen.query_one("#cancel", Push).label)
        assert f"{closes} leaves P-17 waiting" in text(pilot)
    assert decisions(fake) == []


async def test_a_replay_has_no_block_button() -> None:
    fake = engine(replay())
    async with opened(fake) as pilot:
        assert not pilot.app.screen.query_one("#block", Push).display
        assert "Block is off: this is a replay, nothing is blocked" in text(pilot)
        await press(pilot, *BLOCK, "enter")
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
    assert ("revise", "P-17", "2001:db8:1:2::9/128", 3600.0) in fake.commands()


async def test_escape_leaves_the_proposal_as_it_is() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, BlockDialog)
    assert fake.commands() == []


def poll(pilot: Pilot[None], fake: Host, **changes: object) -> None:
    """Let the host change and the console look."""
    fake.state = replace(fake.state, **changes)  # type: ignore[arg-type]  # a test names the fields it changes
    pilot.app.poll()  # type: ignore[attr-defined]  # run_test gives the base class


async def test_the_impact_is_shown_before_anything_is_decided() -> None:
    fake = engine(told={"entry": ENTRY})
    fake.impact_is = replace(fake.impact_is, services=("tcp/8080 java[812]",), handshake_at=scenario.NOW - 14)
    async with opened(fake) as pilot:
        shown = text(pilot)
    told = " ".join(shown.replace("│", " ").split())
    assert "last 10m: 3 flows, 41 packets in (5.2kB), 12 out; tcp/8080 java[812]. No management flow." in told
    assert "TCP handshake completed 09:01:57: the source is not spoofed" in shown
    assert ENTRY in shown
    assert "never blocked here, as far as the guard remembers" in shown


async def test_another_prefix_is_looked_at_again() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "shift+tab", "shift+tab", "right", "enter")
    looks = [call[1] for call in fake.asked if call[0] == "impact"]
    assert looks == [("203.0.113.9/32",), ("203.0.113.0/24",)]


async def test_bystanders_of_a_wide_prefix_are_named() -> None:
    terms = replace(scenario.proposal().terms, prefix="203.0.113.0/24")
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(terms=terms),)))
    fake.impact_is = replace(fake.impact_is, sources=("203.0.113.9", "203.0.113.40"), source_count=3)
    async with opened(fake) as pilot:
        assert "2 addresses beside it were here lately: 203.0.113.40" in text(pilot)


async def test_an_impact_that_cannot_be_told_is_not_taken_for_none() -> None:
    class Blind(Host):
        async def impact(self, prefixes: object) -> object:  # type: ignore[override]  # it never returns
            raise OSError("no flows are recorded")

    async with opened(Blind(**vars(engine()))) as pilot:
        assert "not known: no flows are recorded" in text(pilot)


async def test_the_guards_silence_on_management_is_no_promise() -> None:
    async with opened(engine()) as pilot:
        assert "management" not in text(pilot)


async def test_earlier_blocks_are_told() -> None:
    asked = scenario.proposal(prior_blocks=2)
    fake = engine(scenario.snapshot(proposals=(asked,)), told={"entry": ENTRY, "prior": PRIOR})
    async with opened(fake) as pilot:
        assert "blocked 2 times: 2025-10-02 04:11 for 10 m, expired" in text(pilot)


@pytest.mark.parametrize(
    ("outbound", "words"), [(True, "packets to it are dropped too"), (False, "packets to it still leave")]
)
async def test_what_happens_to_outbound_packets_is_said(outbound: bool, words: str) -> None:
    async with opened(engine(told={"outbound": outbound})) as pilot:
        assert words in text(pilot)


async def test_watching_counts_and_drops_nothing() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, *WATCH)
        assert "watching: 0 packets would have been dropped, 30 s left" in text(pilot)
        watched = replace(fake.state.blocks[0], packets=12, remaining_s=24.0)
        poll(pilot, fake, now=scenario.NOW + 6, blocks=(watched, *fake.state.blocks[1:]))
        await settle(pilot)
        assert "watching: 12 packets would have been dropped, 24 s left" in text(pilot)
        assert not pilot.app.screen.query_one("#block", Push).off
    assert fake.commands() == [("watch", "P-17", 30.0)]


async def test_a_watch_that_ended_leaves_its_count_and_never_becomes_a_block() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, *WATCH)
        watched = replace(fake.state.blocks[0], packets=12, remaining_s=1.0)
        poll(pilot, fake, now=scenario.NOW + 29, blocks=(watched,))
        poll(pilot, fake, now=scenario.NOW + 31, blocks=())
        await settle(pilot)
        assert "watched: 12 packets would have been dropped; nothing was" in text(pilot)
    assert decisions(fake) == []


async def test_a_block_takes_the_place_of_the_watch() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, *WATCH, "tab", "enter")
        poll(pilot, fake, blocks=tuple(block for block in fake.state.blocks if not block.watch))
        await settle(pilot)
        assert "live, read back" in text(pilot)
        assert "would have been dropped" not in text(pilot)


async def test_watching_needs_no_typed_confirmation_but_blocking_does() -> None:
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(typed_confirmation=True),)))
    async with opened(fake) as pilot:
        await press(pilot, *WATCH, "tab", "enter")
        assert "type 203.0.113.9 to confirm" in text(pilot)
        assert "watching: 0 packets" in text(pilot)
    assert fake.commands() == [("watch", "P-17", 30.0)]


async def test_a_trial_is_announced_counted_down_and_kept_by_one_key() -> None:
    fake = engine(told={"entry": ENTRY, **TRIAL})
    async with opened(fake) as pilot:
        assert "reverts by itself after 60 s unless you keep it" in text(pilot)
        assert "No management" not in text(pilot)
        await press(pilot, *BLOCK)
        tried = replace(fake.state.blocks[0], keep_within_s=52.0)
        poll(pilot, fake, blocks=(tried, *fake.state.blocks[1:]))
        await settle(pilot)
        assert "on trial: reverts in 52 s unless you keep it: K" in text(pilot)
        assert pilot.app.focused is pilot.app.screen.query_one("#cancel")
        await press(pilot, "K")
        assert "203.0.113.9/32 is kept" in text(pilot)
    assert ("keep", "203.0.113.9/32") in fake.commands()


async def test_the_enter_that_blocks_does_not_keep() -> None:
    fake = engine(told=TRIAL)
    async with opened(fake) as pilot:
        await press(pilot, *BLOCK)
        poll(pilot, fake, blocks=(replace(fake.state.blocks[0], keep_within_s=52.0),))
        await press(pilot, "enter")
    assert "keep" not in {call[0] for call in fake.commands()}


async def test_a_block_that_left_the_kernel_is_not_shown_as_live() -> None:
    fake = engine(told=TRIAL)
    async with opened(fake) as pilot:
        await press(pilot, *BLOCK)
        poll(pilot, fake, blocks=())
        await settle(pilot)
        assert "live, read back" not in text(pilot)
        assert "no longer in force: it expired, reverted or was removed" in text(pilot)


async def test_cancel_says_that_the_proposal_stays() -> None:
    async with opened(engine()) as pilot:
        assert "Cancel leaves P-17 waiting 14:31; r refuses it." in text(pilot)


async def test_r_refuses_after_one_question() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "r", "n")
        assert fake.commands() == []
        await press(pilot, "r", "y")
        assert not isinstance(pilot.app.screen, BlockDialog)
    assert fake.commands() == [("decide", "P-17", "token of P-17", False, "")]


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("2001:db8:1:2::/64", "/64, as a host picks its address within it; /128 blocks one address"),
        ("2001:db8:1:2::9/128", "/128 is one address; off-link its host may take another of the /64"),
    ],
)
async def test_ipv6_says_what_its_prefix_means(prefix: str, words: str) -> None:
    terms = Terms("INC-00000042", prefix, 3600.0, ("eth0",), "00")
    view = scenario.incident_view(incident=scenario.incident(target_ip="2001:db8:1:2::9"))
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(terms=terms),)), views={"INC-00000042": view})
    async with opened(fake) as pilot:
        assert words in text(pilot)


FULLEST = {"entry": ENTRY, "prior": PRIOR, **TRIAL}
WARNINGS = (
    "the source never completed a handshake: it may be spoofed",
    "this address is a shared hop of a content network",
    "somebody is logged in from this address",
)


async def test_every_fact_and_every_control_is_on_an_80x24_screen() -> None:
    terms = Terms("INC-00000042", "2001:db8:1:2::/64", 0.0, ("eth0",), "00")
    asked = scenario.proposal(terms=terms, warnings=WARNINGS, typed_confirmation=True, prior_blocks=2)
    view = scenario.incident_view(incident=scenario.incident(target_ip="2001:db8:1:2::9", handshake=False))
    fake = engine(scenario.snapshot(proposals=(asked,)), views={"INC-00000042": view}, told=FULLEST)
    async with opened(fake) as pilot:
        shown = text(pilot)
    labels = ("Them?", "Others", "Why", "Impact", "Before", "IPv6", "Entry", "Out", "Trial", "Undo", "Prefix", "For")
    assert [label for label in labels if f" {label} " not in shown] == []
    assert shown.count(" Careful ") == 3
    assert "[ Cancel ]" in shown
    assert "( Block )" in shown
    assert "r refuses it" in shown


async def test_a_proposal_that_only_this_key_made_goes_with_the_dialog() -> None:
    fake = engine(scenario.snapshot(proposals=()))
    clock = Clock()
    async with opened(fake, clock) as pilot:
        assert "Cancel withdraws P-90" in text(pilot)
        clock.at += 1
        await press(pilot, "escape")
        assert "P-90 is withdrawn, nothing is blocked" in text(pilot)
    assert decisions(fake) == [("decide", "P-90", "token of P-90", False, "")]


async def test_a_proposal_that_is_watched_stays_when_its_dialog_closes() -> None:
    fake = engine(scenario.snapshot(proposals=()))
    async with opened(fake) as pilot:
        await press(pilot, *WATCH, "escape")
    assert decisions(fake) == []


async def test_a_proposal_that_cannot_be_withdrawn_is_said_to_wait() -> None:
    fake = engine(scenario.snapshot(proposals=()), refuses_with="the guard is busy")
    clock = Clock()
    async with opened(fake, clock) as pilot:
        clock.at += 1
        await press(pilot, "escape")
        assert "P-90 waits on" in text(pilot) and "the guard is busy" in text(pilot)


@pytest.mark.parametrize("lost", [TimeoutError(), ConnectionResetError("the guard is gone")], ids=["silent", "gone"])
async def test_a_yes_without_an_answer_is_not_said_to_have_failed(lost: OSError) -> None:
    class Silent(Host):
        async def decide(self, *_: object) -> None:
            raise lost

    async with opened(Silent(scenario.snapshot(), views={"INC-00000042": scenario.incident_view()})) as pilot:
        await press(pilot, *BLOCK)
        shown = text(pilot)
    assert "not known whether blocked: " in shown and "no answer from the guard" in shown
    assert "not blocked" not in shown


@pytest.mark.parametrize(("ttl_s", "told"), [(93480.0, "24 h, +8 % of jitter"), (86400.0, "")])
async def test_a_term_with_jitter_says_so(ttl_s: float, told: str) -> None:
    terms = replace(scenario.proposal().terms, ttl_s=ttl_s)
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(terms=terms),)))
    async with opened(fake) as pilot:
        assert ("jitter" in text(pilot), told in text(pilot)) == (bool(told), True)


@pytest.mark.parametrize("way", [((80, 24), (140, 40)), ((140, 40), (80, 24))], ids=["wider", "narrower"])
async def test_the_facts_fill_the_width_that_the_dialog_has_now(
    way: tuple[tuple[int, int], tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = way
    async with console(engine(), LateClock()).run_test(size=before) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        monkeypatch.setattr(AegisApp, "poll", lambda *_, **__: None)  # which would draw it anew by and by
        await pilot.resize_terminal(*after)
        await settle(pilot)
        shown = [plain(row) for row in pilot.app.screen.query_one("#facts", Pane).lines]
        pilot.app.screen.redraw()  # type: ignore[attr-defined]  # a dialog can
        assert shown == [plain(row) for row in pilot.app.screen.query_one("#facts", Pane).lines]
