"""Screen 3: the kernel's truth in words, and a key for everything that can be done about a block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from aegis_tui.screens.block_dialog import BlockDialog
from aegis_tui.widgets.pane import Pane
from aegis_tui.widgets.table import Table
from engine.types import Block, BlockState, Snapshot
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, LateClock, console, engine, replay, settle
from tests.aegis_tui.screens.test_block_dialog import press, text

SMALL = (80, 24)


def every_state() -> tuple[Block, ...]:
    """Return a block in each state, one on trial and one that only counts."""
    states = [scenario.block(prefix=f"198.51.100.{n}/32", state=s) for n, s in enumerate(BlockState, 1)]
    trial = scenario.block(prefix="203.0.113.9/32", keep_within_s=41.0, out_packets=7, added_at=scenario.NOW - 19)
    watch = scenario.block(prefix="2001:db8::/64", watch=True, remaining_s=24.0, approver="", packets=3)
    return (trial, watch, *states)


def ended() -> tuple[Block, ...]:
    """Return two blocks that ended."""
    gone = scenario.block(prefix="192.0.2.66/32", state=BlockState.EXPIRED, remaining_s=0.0, incident_id="INC-00000041")
    return (
        replace(gone, ended_at=scenario.NOW - 60, ended_why="expired"),
        replace(gone, prefix="192.0.2.67/32", ended_at=scenario.NOW - 90, ended_why="reverted"),
    )


@asynccontextmanager
async def screen(fake: Host, size: tuple[int, int] = SMALL, *keys: str) -> AsyncIterator[Pilot[None]]:
    """Run the console on screen 3."""
    async with console(fake, LateClock(), view="blocks").run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, *keys)
        yield pilot


@pytest.mark.parametrize("size", [SMALL, (120, 36), (200, 60)], ids=str)
async def test_every_state_has_a_word(size: tuple[int, int]) -> None:
    async with screen(engine(scenario.snapshot(blocks=every_state())), size) as pilot:
        shown = text(pilot)
    words = ["trial 41s", "watch", *(state.value for state in BlockState)]
    assert [word for word in words if word not in shown] == []


@pytest.mark.parametrize("told", [True, False], ids=["told of its size", "told of nothing"])
async def test_what_came_while_a_pane_was_hidden_has_all_its_columns(
    told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not told:
        monkeypatch.setattr(Table, "fit", lambda _: None)
    fake = engine(scenario.snapshot(blocks=()))
    async with screen(fake) as pilot:
        await press(pilot, "tab")
        fake.state = replace(fake.state, blocks=every_state())
        pilot.app.poll()  # type: ignore[attr-defined]  # run_test gives the base class
        await press(pilot, "shift+tab")
        pilot.app.poll()  # type: ignore[attr-defined]
        await settle(pilot)
        shown = text(pilot).splitlines()
    assert shown[2].split()[:4] == ["state", "prefix", "remaining", "in"]
    assert "41" in shown[3]


async def test_a_small_terminal_keeps_state_prefix_remaining_and_packets() -> None:
    async with screen(engine(scenario.snapshot(blocks=every_state()))) as pilot:
        head = text(pilot).splitlines()[2]
    assert head.split()[:4] == ["state", "prefix", "remaining", "in"]


async def test_blocks_that_are_not_shown_are_counted() -> None:
    crowd = scenario.snapshot(blocks=every_state(), blocks_total=100_000, dropped_packets=9_000_000)
    async with screen(engine(crowd), (120, 36)) as pilot:
        assert "Blocks 100,000, 8 shown, 9,000,000 packets dropped" in text(pilot)


async def test_what_only_counts_is_no_block_and_dropped_nothing() -> None:
    fake = engine(scenario.snapshot(blocks=(replace(every_state()[1], packets=99),)))
    async with screen(fake, (120, 36)) as pilot:
        assert "0 blocks ↓0 pkt" in text(pilot)
        assert "0 packets dropped" in text(pilot)
        await press(pilot, "q")
        assert not pilot.app.is_running or pilot.app._exit


async def test_enter_shows_everything_about_the_block() -> None:
    fake = engine(scenario.snapshot(blocks=(every_state()[0],)))
    async with screen(fake, SMALL, "enter") as pilot:
        shown = text(pilot)
    for words in (
        "TRIAL 41s 203.0.113.9/32: reverts by itself in 41 s unless you keep it",
        "drops packets of 203.0.113.9/32 on eth0 until 09:43:17, 41m left",
        "412 packets in, 25kB; 7 out, 0B; last 09:02:10",
        "uid 1000 on pts/0 from 192.0.2.77 (P-16)",
        "SSH brute force INC-00000041",
        "K keeps it, u lets it pass again, E asks for another term",
    ):
        assert words in shown


async def test_the_keys_of_the_facts_act_on_the_block_they_tell_of() -> None:
    fake = engine(scenario.snapshot(blocks=every_state()))
    async with screen(fake, SMALL, "enter", "u", "y"):
        pass
    assert fake.commands() == [("unblock", "203.0.113.9/32")]


async def test_keep_takes_capital_k_and_small_k_only_moves() -> None:
    fake = engine(scenario.snapshot(blocks=every_state()))
    async with screen(fake, SMALL, "j", "k"):
        assert fake.commands() == []
    async with console(fake, Clock(), view="blocks").run_test(size=SMALL) as pilot:
        await settle(pilot)
        await press(pilot, "K")
        assert "203.0.113.9/32 is kept" in text(pilot)
    assert fake.commands() == [("keep", "203.0.113.9/32")]


async def test_a_block_on_trial_is_in_the_header_of_every_view() -> None:
    fake = engine(scenario.snapshot(blocks=every_state()))
    async with console(fake, LateClock()).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "on trial 41 s, K keeps" in text(pilot)
        await press(pilot, "K")
    assert fake.commands() == [("keep", "203.0.113.9/32")]


async def test_a_row_that_comes_above_takes_no_key_from_the_row_under_the_cursor() -> None:
    fake = engine(scenario.snapshot(blocks=every_state()[:1]))
    other = scenario.block(prefix="203.0.113.200/32", keep_within_s=59.0)
    async with screen(fake, SMALL, "question_mark", "escape", "n") as pilot:
        fake.state = replace(fake.state, blocks=(other, *fake.state.blocks))
        await press(pilot, "K", "m", "u")
        assert "Let 203.0.113.9/32 pass again?" in text(pilot)
    assert fake.commands() == [("keep", "203.0.113.9/32")]


async def test_a_mark_on_an_ended_block_stays_on_it_when_another_ends() -> None:
    first, *more = ended()
    fake = engine(scenario.snapshot(blocks=()), ended=tuple(more))
    async with screen(fake, (120, 36), "tab", "tab", "m") as pilot:
        fake.ended = (first, *more)
        await press(pilot, "1", "3")
        row = next(row for row in text(pilot).splitlines() if "192.0.2.67" in row)
        assert "*" in row


async def test_extending_asks_for_a_term_and_then_for_approval() -> None:
    fake = engine()
    async with screen(fake, SMALL, "E") as pilot:
        told = " ".join(text(pilot).split())
        assert "Block 198.51.100.7/32, from now on, for: 1: 10 m 2: 1 h 3: 24 h 4: 7 d 5: permanent esc" in told
        await press(pilot, "3")
        assert isinstance(pilot.app.screen, BlockDialog)
        assert "(*) 24 h" in text(pilot)
    assert fake.commands() == [("extend", "198.51.100.7/32", 86400.0)]


async def test_any_other_key_extends_nothing() -> None:
    fake = engine()
    async with screen(fake, SMALL, "E", "x"):
        pass
    assert fake.commands() == []


async def test_a_block_in_force_is_not_proposed_again() -> None:
    fake = engine()
    async with screen(fake, SMALL, "b") as pilot:
        assert not isinstance(pilot.app.screen, BlockDialog)
    assert fake.commands() == []


async def test_an_ended_block_is_asked_for_again() -> None:
    fake = engine(scenario.snapshot(blocks=()), ended=ended())
    async with screen(fake, SMALL, "tab", "tab") as pilot:
        assert "Ended 2" in text(pilot)
        assert "reverted" in text(pilot)
        await press(pilot, "b")
        assert isinstance(pilot.app.screen, BlockDialog)
    assert fake.commands() == [("propose", "192.0.2.66/32", "INC-00000041")]


async def test_an_ended_block_tells_why_it_ended_and_cannot_be_undone() -> None:
    fake = engine(scenario.snapshot(blocks=()), ended=ended())
    async with screen(fake, SMALL, "tab", "tab", "u", "enter") as pilot:
        assert "ENDED 192.0.2.66/32: ended 09:01:11: expired" in text(pilot)
    assert fake.commands() == []


async def test_undoing_marked_blocks_is_one_question_that_names_the_number() -> None:
    blocks = tuple(scenario.block(prefix=f"198.51.100.{n}/32") for n in range(5))
    fake = engine(scenario.snapshot(blocks=blocks))
    async with screen(fake, SMALL, "m", "m", "m", "m", "u") as pilot:
        assert "Let 4 blocks (198.51.100.0/32, 198.51.100.1/32, 198.51.100.2/32 and 1 more)" in text(pilot)
        await press(pilot, "n")
        assert fake.commands() == []
        await press(pilot, "u", "y")
    assert fake.commands() == [("unblock", f"198.51.100.{n}/32") for n in range(4)]


async def test_marks_on_what_only_counts_or_is_gone_undo_nothing() -> None:
    trial, watch, live, *_ = every_state()
    fake = engine(scenario.snapshot(blocks=(trial, watch, live)))
    async with screen(fake, SMALL, "m", "m", "m") as pilot:
        fake.state = replace(fake.state, blocks=(watch, live))
        await press(pilot, "u")
        assert f"Let {live.prefix} pass again?" in text(pilot)
        await press(pilot, "y")
    assert fake.commands() == [("unblock", live.prefix)]


async def test_a_block_that_cannot_be_undone_does_not_hold_up_the_others() -> None:
    class Stubborn(Host):
        async def unblock(self, prefix: str) -> None:
            """Refuse the first."""
            if prefix == "198.51.100.0/32":
                raise PermissionError("not today")
            await super().unblock(prefix)

    blocks = tuple(scenario.block(prefix=f"198.51.100.{n}/32") for n in range(2))
    fake = Stubborn(**vars(engine(scenario.snapshot(blocks=blocks))))
    async with console(fake, Clock(), view="blocks").run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "m", "m", "u", "y")
        assert "1 pass again; cannot undo the block of 198.51.100.0/32: not today" in text(pilot)


async def test_allowing_a_row_takes_a_reason() -> None:
    fake = engine()
    async with screen(fake, SMALL, "a") as pilot:
        assert "Never block 198.51.100.7/32: why?" in text(pilot)
        await press(pilot, "enter")
        assert fake.commands() == []
        await press(pilot, *"our scanner", "enter")
    assert fake.commands() == [("allow", "198.51.100.7/32", "our scanner")]


async def test_escape_allows_nothing() -> None:
    fake = engine()
    async with screen(fake, SMALL, "a", "x", "escape"):
        pass
    assert fake.commands() == []


async def test_a_proposal_of_the_row_is_refused_after_one_question() -> None:
    fake = engine()
    async with screen(fake, SMALL, "tab", "r", "n"):
        assert fake.commands() == []
    async with screen(fake, SMALL, "tab", "r", "y"):
        pass
    assert fake.commands() == [("decide", "P-17", "", False, "")]


async def test_r_elsewhere_refuses_nothing() -> None:
    fake = engine()
    async with screen(fake, SMALL, "r", "y"):
        pass
    assert fake.commands() == []


async def test_a_disposition_is_not_asked_for_where_no_incident_is_seen() -> None:
    fake = engine()
    async with screen(fake, SMALL, "d", "f"):
        pass
    assert fake.commands() == []


async def test_a_replay_asks_nothing_about_ended_blocks() -> None:
    fake = engine(replay(), ended=ended())
    async with screen(fake, (120, 36)) as pilot:
        assert "Ended 0" in text(pilot)


def first_attach(left_s: float) -> Snapshot:
    """Return the night with an interface that is attached to for the first time."""
    return scenario.snapshot(status=scenario.status(keep_within_s=left_s))


async def test_any_key_keeps_a_first_attachment_once() -> None:
    fake = engine(first_attach(52.0))
    async with console(fake, LateClock()).run_test(size=SMALL) as pilot:
        await settle(pilot)
        assert "52 s: any key keeps XDP native on eth0, attached for the first time" in text(pilot)
        assert fake.commands() == []
        await press(pilot, "j", "j", "k")
    assert fake.commands() == [("keep", "")]


async def test_only_the_interface_that_would_be_let_go_is_named() -> None:
    status = scenario.status(source="eth0 eth1", keep_within_s=52.0, on_trial=("eth1",))
    async with console(engine(scenario.snapshot(status=status)), LateClock()).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "52 s: any key keeps XDP native on eth1, attached for the first time" in text(pilot)


async def test_enter_that_keeps_a_first_attachment_opens_nothing() -> None:
    fake = engine(first_attach(52.0))
    async with console(fake, LateClock()).run_test(size=SMALL) as pilot:
        await settle(pilot)
        before = pilot.app.screen
        await press(pilot, "enter")
        assert pilot.app.screen is before
    assert fake.commands() == [("keep", "")]


async def test_the_key_of_a_command_that_keeps_a_first_attachment_gives_the_command_too() -> None:
    fake = engine(first_attach(52.0))
    async with console(fake, LateClock()).run_test(size=SMALL) as pilot:
        await settle(pilot)
        await press(pilot, "colon")
        assert isinstance(pilot.app.focused, Input)
    assert fake.commands() == [("keep", "")]


async def test_without_an_attachment_on_trial_no_key_keeps_anything() -> None:
    fake = engine()
    async with console(fake, LateClock()).run_test(size=SMALL) as pilot:
        await settle(pilot)
        await press(pilot, "j", "k")
    assert fake.commands() == []


async def test_a_keep_that_failed_is_tried_by_the_next_key() -> None:
    class Deaf(Host):
        async def keep(self, target: str = "") -> str:
            """Fail the first time."""
            await super().keep(target)
            if len(self.commands()) == 1:
                raise OSError("the guard does not answer")
            return "eth0 is kept"

    fake = Deaf(**vars(engine(first_attach(52.0))))
    async with console(fake, LateClock()).run_test(size=SMALL) as pilot:
        await settle(pilot)
        await press(pilot, "j", "j", "j")
    assert fake.commands() == [("keep", ""), ("keep", "")]


async def test_a_table_that_was_hidden_is_drawn_whole_when_it_is_shown_again() -> None:
    async with console(engine()).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("3", "tab")
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        assert "remaining" in text(pilot)


async def test_a_pane_says_which_one_it_is_though_its_text_stays_the_same() -> None:
    async with screen(engine(), SMALL) as pilot:
        pane = pilot.app.screen.query_one("#block", Pane)
        pane.tail = ""
        pane.repaint()
        await pilot.pause()
        assert "pane 4/4" not in text(pilot)
        pilot.app.poll()  # type: ignore[attr-defined]  # the console's
        await pilot.pause()
        assert "pane 4/4" in text(pilot)
