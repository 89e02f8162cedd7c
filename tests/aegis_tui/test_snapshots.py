"""One picture per screen state, taken through the keys a person would press."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from aegis_tui.app import AegisApp
from engine.types import Block, Listed, Note, Snapshot
from tests.aegis_tui import scenario
from tests.aegis_tui.console import ENTRY, PRIOR, TRIAL, Clock, Host, console, engine, replay, settle
from tests.aegis_tui.screens.test_block_dialog import FULLEST, WARNINGS
from tests.aegis_tui.screens.test_blocks_screen import ended, every_state

SMALL, DEFAULT, LARGE = (80, 24), (120, 36), (200, 60)
SIZES = [pytest.param(SMALL, id="80x24"), pytest.param(DEFAULT, id="120x36"), pytest.param(LARGE, id="200x60")]
Compare = Callable[..., bool]


def _press(*keys: str) -> Callable[[Pilot[None]], object]:
    async def before(pilot: Pilot[None]) -> None:
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        app = pilot.app
        assert isinstance(app, AegisApp)
        app.poll()
        await pilot.pause()

    return before


@pytest.mark.parametrize("size", SIZES)
def test_overview_shows_what_is_wrong(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(engine(evolve=_busy_for(40))), terminal_size=size, run_before=_polls(60))


@pytest.mark.parametrize("size", SIZES)
def test_incident_is_one_key_away(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(), terminal_size=size, run_before=_press("enter"))


@pytest.mark.parametrize("keys", [("enter",), ("tab",), ("tab", "tab")], ids=["facts", "proposals", "ended"])
def test_every_pane_of_the_blocks_is_one_tab_away(snap_compare: Compare, keys: tuple[str, ...]) -> None:
    fake = engine(scenario.snapshot(blocks=every_state()), ended=ended())
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("3", *keys))


def test_marked_rows_have_a_sign_and_are_counted(snap_compare: Compare) -> None:
    fake = engine(scenario.snapshot(blocks=every_state()))
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("3", "m", "down", "m"))


def test_the_help_is_about_the_screen_beside_it(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=_press("3", "question_mark"))


@pytest.mark.parametrize("size", SIZES)
def test_the_dialog_shows_what_a_block_would_do(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(_known()), terminal_size=size, run_before=_press("b"))


@pytest.mark.parametrize("size", [SIZES[0], SIZES[1]])
def test_the_fullest_dialog_fits_the_smallest_terminal(snap_compare: Compare, size: tuple[int, int]) -> None:
    terms = replace(scenario.proposal().terms, prefix="2001:db8:1:2::/64", ttl_s=0.0)
    asked = scenario.proposal(terms=terms, warnings=WARNINGS, typed_confirmation=True, prior_blocks=2)
    view = scenario.incident_view(incident=scenario.incident(target_ip="2001:db8:1:2::9", handshake=False))
    fake = engine(scenario.snapshot(proposals=(asked,)), views={"INC-00000042": view}, told=FULLEST)
    assert snap_compare(console(fake), terminal_size=size, run_before=_press("b"))


def test_a_spoofable_source_takes_the_typed_address(snap_compare: Compare) -> None:
    asked = scenario.proposal(warnings=WARNINGS[:1], typed_confirmation=True)
    view = scenario.incident_view(incident=scenario.incident(handshake=False))
    fake = engine(scenario.snapshot(proposals=(asked,)), views={"INC-00000042": view}, told={"entry": ENTRY})
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("b"))


def test_an_ipv6_source_is_blocked_with_its_64(snap_compare: Compare) -> None:
    terms = replace(scenario.proposal().terms, prefix="2001:db8:1:2::/64")
    view = scenario.incident_view(incident=scenario.incident(target_ip="2001:db8:1:2::9"))
    fake = engine(scenario.snapshot(proposals=(scenario.proposal(terms=terms),)), views={"INC-00000042": view})
    fake.impact_is = replace(fake.impact_is, sources=("2001:db8:1:2::9", "2001:db8:1:2::40"), source_count=2)
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("b"))


def test_watching_counts_before_anything_is_dropped(snap_compare: Compare) -> None:
    fake = _known()
    fake.evolve = _changes(lambda block: replace(block, packets=12, remaining_s=24.0) if block.watch else block)
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("b", "tab", "enter"))


def test_a_block_on_trial_counts_down(snap_compare: Compare) -> None:
    fake = _known(**TRIAL)
    fake.evolve = _changes(lambda block: replace(block, keep_within_s=52.0) if block.proposal_id == "P-17" else block)
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("b", "tab", "tab", "enter"))


def test_a_list_is_shown_by_its_sum(snap_compare: Compare) -> None:
    left_out = ("192.0.2.1/32: is a gateway", "10.0.0.0/8: wider than /16")
    listed = Listed(12_000, 70_000, tuple(f"203.0.{n}.0/24" for n in range(16)), 2, left_out)
    terms = replace(scenario.proposal().terms, prefix="", action="block list")
    asked = scenario.proposal(terms=terms, listed=listed, reason="import of drop.txt", typed_confirmation=True)
    fake = engine(scenario.snapshot(proposals=(asked,)), told={"entry": "12000 entries on eth0, until 10:02:11"})
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("3", "tab", "b"))


def test_a_refused_block_says_why(snap_compare: Compare) -> None:
    fake = engine(refusals=("203.0.113.9 is the address you are connected from",))
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("b"))


def test_a_block_is_shown_as_the_kernel_has_it(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=_press("b", "tab", "tab", "enter"))


def test_a_replay_has_no_button_that_blocks(snap_compare: Compare) -> None:
    assert snap_compare(console(engine(replay())), terminal_size=SMALL, run_before=_press("b"))


@pytest.mark.parametrize("size", [SIZES[0], SIZES[1]])
def test_an_empty_console_teaches(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(console(engine(scenario.quiet())), terminal_size=size, run_before=_press())


@pytest.mark.parametrize("key", ["2", "5"])
def test_every_screen_teaches_while_it_is_empty(snap_compare: Compare, key: str) -> None:
    assert snap_compare(console(engine(scenario.quiet())), terminal_size=SMALL, run_before=_press(key))


def test_a_filter_shows_what_matches(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=_press("slash", *"sev:critical"))


def test_a_filter_that_cannot_be_read_says_where_and_why(snap_compare: Compare) -> None:
    assert snap_compare(console(), terminal_size=SMALL, run_before=_press("slash", *"sev:zz"))


def test_a_table_held_still_says_so(snap_compare: Compare) -> None:
    assert snap_compare(console(clock=Clock()), terminal_size=SMALL, run_before=_press("space"))


def test_the_trace_is_there_before_the_verdict(snap_compare: Compare) -> None:
    view = scenario.incident_view(steps=scenario.steps()[:3], verdict=None, proposals=())
    fake = engine(scenario.snapshot(proposals=()), views={"INC-00000042": view})
    assert snap_compare(console(fake), terminal_size=DEFAULT, run_before=_press("2"))


def _known(**told: object) -> Host:
    """Return a host that knows everything about the proposal."""
    fake = engine(told={"entry": ENTRY, "prior": PRIOR, **told})
    fake.impact_is = replace(fake.impact_is, services=("tcp/8080 java[812]",), handshake_at=scenario.NOW - 14)
    return fake


def _changes(change: Callable[[Block], Block]) -> Callable[[Snapshot], Snapshot]:
    return lambda last: replace(last, blocks=tuple(map(change, last.blocks)))


def _busy_for(seconds: int) -> Callable[[Snapshot], Snapshot]:
    def evolve(last: Snapshot) -> Snapshot:
        now = min(scenario.NOW + seconds, last.now + 1)
        packets = scenario.counters().delivered + sum((n * 37) % 900 for n in range(int(now - scenario.NOW)))
        rest = packets - scenario.counters().delivered
        seen = scenario.counters(delivered=packets, kernel_seen=packets, parsed=1_204_000 + rest)
        return replace(last, now=now, counters=replace(seen, bytes=packets * 640))

    return evolve


def _polls(number: int) -> Callable[[Pilot[None]], object]:
    async def before(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, AegisApp)
        await pilot.pause()
        for _ in range(number):
            app.poll()
        await pilot.pause()
        app.poll()
        await pilot.pause()

    return before


@pytest.mark.parametrize("size", [SIZES[0], SIZES[1]])
def test_the_dialog_tells_what_a_suppression_would_have_hidden(snap_compare: Compare, size: tuple[int, int]) -> None:
    keys = ("x", "tab", "tab", "tab", "left", "tab", "tab", *"our own scanner")
    assert snap_compare(console(), terminal_size=size, run_before=_press(*keys))


@pytest.mark.parametrize("size", [SIZES[0], SIZES[1]])
def test_a_note_is_written_over_the_view(snap_compare: Compare, size: tuple[int, int]) -> None:
    keys = ("2", "o", *"asked the owner,", "enter", *"it was a test")
    assert snap_compare(console(), terminal_size=size, run_before=_press(*keys))


@pytest.mark.parametrize("tabs", [1, 2, 5], ids=["verdict", "timeline", "processes"])
def test_every_pane_of_the_incident_is_a_tab_away(snap_compare: Compare, tabs: int) -> None:
    note = Note("INC-00000042", scenario.NOW - 4, "ann on pts/1", "asked the owner,\nit was a test")
    fake = engine(views={"INC-00000042": scenario.incident_view(notes=(note,))})
    assert snap_compare(console(fake), terminal_size=SMALL, run_before=_press("2", *["tab"] * tabs))
