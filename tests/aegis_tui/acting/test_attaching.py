"""A console that is one of several: what it says it is, and how a person takes over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from aegis_tui.acting.attaching import Presence
from aegis_tui.clock import clock
from aegis_tui.screens.ask import Ask
from aegis_tui.screens.view import View
from aegis_tui.widgets.bars import Header, arrange, header_items
from aegis_tui.widgets.line import line, plain
from aegis_tui.widgets.rates import Rates
from engine.attach.changes import EMPTY
from engine.types import Snapshot
from tests.aegis_tui import scenario
from tests.aegis_tui.acting.test_judging import RULE
from tests.aegis_tui.console import console, engine, settle
from tests.aegis_tui.desk import Desk
from tests.aegis_tui.scenario import NOW
from tests.aegis_tui.screens.test_block_dialog import text


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
    ("status", "words"),
    [
        ({}, "deciding"),
        ({"decider": "root on pts/2"}, "root on pts/2 decides"),
        ({"stale_since": NOW - 20, "blocking": False}, f"STALE since {clock(NOW - 20)[:5]}"),
    ],
    ids=["deciding", "watching", "stale"],
)
def test_80_columns_name_role_and_interface_beside_a_fault(status: dict[str, Any], words: str) -> None:
    items = header_items(night(consoles=2, **status), Rates(), "")
    shown = plain(arrange(items, 80, line(f"{clock(NOW)} UTC")))
    assert len(shown) == 80
    assert all(part in shown for part in (words, "eth0", "1 fault [5]", "2 open", "1 blk"))


def test_many_interfaces_leave_room_for_the_role() -> None:
    items = header_items(night(consoles=2, decider="ann on pts/3", source="eth0 eth1 wlp0s20f3"), Rates(), "")
    shown = plain(arrange(items, 80, line(f"{clock(NOW)} UTC")))
    assert all(part in shown for part in ("eth0 +2", "ann on pts/3 decides"))


def test_a_stale_header_says_when_what_it_tells_was_so() -> None:
    shown = plain(arrange(header_items(night(consoles=1, stale_since=NOW - 20), Rates(), ""), 240, ()))
    assert f"1 block at {clock(NOW - 20)[:5]}" in shown
    assert not [untrue for untrue in ("pkt/s", "monitor only", "│  │") if untrue in shown]


async def test_a_stale_console_calls_no_block_live() -> None:
    app = console(engine(night(consoles=1, stale_since=NOW - 20, blocking=False)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        on_overview = text(pilot)
        await pilot.press("3")
        await settle(pilot)
        on_blocks = " ".join(text(pilot).split())
    assert ("was live" in on_overview, "live 2" in on_overview) == (True, False)
    assert f"was live at {clock(NOW - 20)}; unknown now: `sudo aegis-tui blocks list` asks the kernel" in on_blocks
    assert "the kernel drops its packets" not in on_blocks


async def test_who_quits_a_stale_console_is_told_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    words = f"1 block in force at {clock(NOW - 20)}, not known now: `sudo aegis-tui blocks list` asks the kernel"
    app = console(engine(night(consoles=1, stale_since=NOW - 20)))
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("q")
        await settle(pilot)
        assert words in " ".join(text(pilot).split())
        await pilot.press("y")
        await pilot.pause()
        assert app._exit
    told = " ".join("".join(capsys.readouterr()).split())
    assert (words in told, "stay" in told) == (True, False)


@pytest.mark.parametrize("loading", ["asking the daemon", "reading what is stored"])
async def test_before_the_store_is_read_nothing_is_counted(loading: str) -> None:
    waiting = EMPTY if loading == EMPTY.status.loading else scenario.quiet(status=scenario.status(loading=loading))
    async with console(engine(waiting)).run_test(size=(120, 36)) as pilot:
        for screen in "13":
            await pilot.press(screen)
            await settle(pilot)
            shown = text(pilot)
            assert f"{loading} …" in shown
            assert not [zero for zero in ("0 open", "No alerts", "0 packets", "0 blocks", "Nothing") if zero in shown]


async def test_before_the_daemon_told_anything_health_calls_nothing_ok() -> None:
    async with console(engine(EMPTY)).run_test(size=(120, 36)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        assert "Asking the daemon …" in text(pilot)
        assert " ok " not in text(pilot)


async def test_taking_over_names_who_loses_it_and_asks_once() -> None:
    fake = engine(night(consoles=2, decider="root on pts/2"))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await pilot.press("D")
        asked = pilot.app.screen
        assert isinstance(asked, Ask)
        assert "root on pts/2 will only watch" in asked.question
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


@pytest.mark.parametrize("keys", ["3u", "3E", "3a", "x", "d", "Xu", ":undo 198.51.100.7"])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"consoles": 2, "decider": "root on pts/2"}, "this console watches: root on pts/2 decides; D takes over"),
        ({"consoles": 1, "stale_since": 1.0}, "the daemon does not answer: nothing can be decided until it is back"),
    ],
    ids=["another decides", "the daemon is gone"],
)
async def test_who_only_watches_is_told_so_before_any_question(status: dict[str, Any], words: str, keys: str) -> None:
    app = console(engine(night(**status), rules=(RULE,)))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press({":": "colon", " ": "space", ".": "full_stop"}.get(key, key))
            await settle(pilot)
        if keys.startswith(":"):
            await pilot.press("enter")
            await settle(pilot)
        assert app.last_line.notices[-1][1] == words
        assert isinstance(app.screen, View)


async def test_the_first_key_keeps_what_would_revert_and_the_next_asks_for_nothing() -> None:
    desk = Desk()
    presence = Presence(desk)
    presence.look(scenario.status(keep_within_s=42.0))
    assert [presence.prove(time.monotonic()), presence.prove(time.monotonic())] == [True, False]
    await desk.done()
    assert desk.engine.commands() == [("keep", "")]


def test_a_key_of_before_it_was_asked_for_proves_nothing() -> None:
    desk = Desk()
    presence = Presence(desk)
    typed_at = time.monotonic()
    for left_s in (0.0, 42.0, 41.0):
        presence.look(scenario.status(keep_within_s=left_s))
    assert not presence.prove(typed_at)
    assert desk.begun == []


def test_where_nothing_reverts_a_key_asks_for_nothing() -> None:
    desk = Desk()
    presence = Presence(desk)
    presence.look(scenario.status())
    assert not presence.prove(time.monotonic())
    assert desk.begun == []
