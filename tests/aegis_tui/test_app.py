"""The application: life and death, views, and what goes down to the engine."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from aegis_tui.app import BELOW_EVERY, AegisApp
from aegis_tui.clock import clock
from aegis_tui.screens.ask import Ask
from aegis_tui.screens.view import View
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.table import Table
from engine.types import Disposition, Fault, IncidentView, Recovery
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, console, engine, settle
from tests.aegis_tui.screens.test_block_dialog import text
from tests.fakes import FakeEngine


@pytest.mark.parametrize(
    ("key", "name"), [("1", "overview"), ("2", "incident"), ("3", "blocks"), ("4", "library"), ("5", "health")]
)
async def test_a_digit_opens_its_view_and_escape_comes_back(key: str, name: str) -> None:
    async with console(view="blocks" if key != "3" else "health").run_test(size=(120, 36)) as pilot:
        before = pilot.app.screen
        await pilot.press(key)
        await settle(pilot)
        assert isinstance(pilot.app.screen, View)
        assert pilot.app.screen.view == name
        await pilot.press("escape")
        await settle(pilot)
        # The overview is where the way back ends.
        assert pilot.app.screen is before or name == "overview" == pilot.app.screen.view


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (120, 36), (200, 60)], ids=str)
@pytest.mark.parametrize("view", ["overview", "incident", "blocks", "replay", "health"])
async def test_the_quit_hint_never_disappears(view: str, size: tuple[int, int]) -> None:
    async with console(view=view).run_test(size=size) as pilot:
        await settle(pilot)
        assert text(pilot).splitlines()[-1].rstrip().endswith("q quit")


async def test_a_small_terminal_shows_a_table_with_what_tells_of_its_row_and_tab_turns() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        seen = []
        for _ in range(3):
            seen.append([pane.id for pane in pilot.app.screen.query("Pane") if pane.size.height])
            await pilot.press("tab")
            await settle(pilot)
        assert seen == [["incidents", "trace"], ["trace"], ["flows"]]


async def test_a_very_low_terminal_shows_one_pane() -> None:
    async with console().run_test(size=(80, 16)) as pilot:
        await settle(pilot)
        assert [pane.id for pane in pilot.app.screen.query("Pane") if pane.size.height] == ["incidents"]


async def test_quitting_with_live_blocks_asks_first(capsys: pytest.CaptureFixture[str]) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        await settle(pilot)
        assert isinstance(app.screen, Ask)
        assert "1 block stays in force" in text(pilot)
        await pilot.press("x")
        await settle(pilot)
        assert app.is_running
        await pilot.press("q", "y")
        await pilot.pause()
        assert app._exit
    farewell = "1 block stays in force. To remove all blocks: sudo aegis-tui panic-unblock"
    assert farewell in "".join(capsys.readouterr())


async def test_an_engine_that_is_started_just_as_the_console_ends_is_not_waited_for() -> None:
    async def start() -> None:
        await asyncio.Event().wait()

    class Ending(AegisApp):
        def on_ready(self) -> None:
            self.exit()

        def on_unmount(self) -> None:
            self._start_engine(start)

    app = Ending(engine())
    async with asyncio.timeout(30) as limit:
        await app.run_async(headless=True)
    assert (app._engine_at_work is not None, limit.expired()) == (True, False)


async def test_a_hang_up_leaves_one_line_in_the_log_with_what_stays_in_force(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aegis_tui")
    app = console()
    async with app.run_test(size=(80, 24)):
        app._leave(128 + signal.SIGHUP)
        app._leave(128 + signal.SIGHUP)
    assert caplog.messages == ["the console ends by SIGHUP; 1 block stays in force"]


async def test_a_signal_while_the_first_view_is_laid_out_ends_the_console_once_it_stands() -> None:
    class Told(AegisApp):
        """A console that is told to end in the worst moment."""

        async def push_screen(self, *screen: Any, **options: Any) -> Any:  # type: ignore[override]  # passed on
            """Open a view."""
            self._leave(128 + signal.SIGTERM)
            return await super().push_screen(*screen, **options)

    app = Told(engine())
    await app.run_async(headless=True)
    assert app.return_code == 128 + signal.SIGTERM


@pytest.mark.parametrize("key", [":", "?", "ctrl+p"])
async def test_a_key_behind_the_one_that_quits_opens_nothing(key: str) -> None:
    app = console(engine(scenario.quiet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for each in ("q", {":": "colon", "?": "question_mark"}.get(key, key)):
            app.post_message(events.Key(each, key if len(key) == 1 else None))
        await pilot.pause()
    assert app.return_code == 0


async def test_quitting_without_blocks_just_quits() -> None:
    app = console(engine(scenario.quiet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        await pilot.pause()
        assert app._exit


async def test_undo_asks_and_then_unblocks_the_row() -> None:
    fake = engine()
    async with console(fake, view="blocks").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("u", "n")
        await settle(pilot)
        assert fake.asked == []
        await pilot.press("u", "y")
        await settle(pilot)
    assert fake.asked == [("unblock", "198.51.100.7/32")]


async def test_a_disposition_is_a_persons_word() -> None:
    fake = engine()
    async with console(fake, view="incident").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("d", "f")
        await settle(pilot)
    assert fake.asked == [("set_disposition", "INC-00000042", Disposition.FALSE_POSITIVE)]


async def test_transport_keys_do_nothing_to_a_live_host() -> None:
    fake = engine()
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await pilot.press("p", "full_stop")
        await settle(pilot)
    assert fake.asked == []


async def test_the_filter_narrows_rows_and_escape_clears_it() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"brute", "enter")
        await settle(pilot)
        incidents = pilot.app.screen.query_one("#incidents", Table)
        assert incidents.key == "INC-00000041"
        await pilot.press("escape")
        await settle(pilot)
        assert len(incidents.lines) == 2


async def test_a_frozen_table_stands_still_while_the_header_goes_on() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("space")
        fake.state = scenario.snapshot(incidents=(), counters=scenario.counters(flows_total=20_453))
        pilot.app.poll()  # type: ignore[attr-defined]  # run_test gives the base class
        await settle(pilot)
        assert "FROZEN" in text(pilot)
        assert "+340 flows" in text(pilot)
        assert "Incidents 2" in text(pilot)


async def test_the_trace_grows_as_the_engine_tells_it() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        step = replace(scenario.steps()[0], seq=9, content="fresh")
        view = scenario.incident_view(steps=(*scenario.steps(), step))
        fake.views["INC-00000042"] = view
        await fake.queue.put(step)
        await pilot.pause(0.3)
        await settle(pilot)
        trace = pilot.app.screen.query_one("#trace", TextPane)
        assert any("fresh" in "".join(span.text for span in row) for row in trace.lines)


async def test_a_fault_is_told_at_once() -> None:
    fake = engine()
    async with console(fake, Clock()).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await fake.queue.put(Fault("model", "cannot load model.onnx", "run make model", scenario.NOW))
        await pilot.pause(0.3)
        assert "cannot load model.onnx" in text(pilot)


async def test_a_broken_engine_ends_the_console_with_its_traceback() -> None:
    async def start() -> None:
        raise RuntimeError("broken invariant \x1b[2J")

    app = AegisApp(engine(), start)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.2)
    assert app.return_code == 1
    shown = str(app._exit_renderables[0]) if app._exit_renderables else ""
    assert "\x1b" not in shown


async def test_the_engine_starts_after_the_first_paint_and_is_stopped_at_the_end() -> None:
    seen: list[str] = []

    async def start() -> None:
        seen.append("painted" if isinstance(app.screen, View) else "too early")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("stopped")

    app = AegisApp(FakeEngine(scenario.quiet()), start)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
    await asyncio.sleep(0)
    assert seen == ["painted", "stopped"]


class SickEngine(FakeEngine):
    """An engine whose database cannot be read or written."""

    async def incident(self, incident_id: str) -> IncidentView:
        """Fail as SQLite does."""
        raise sqlite3.OperationalError("disk I/O \x1b[2J error")

    async def set_disposition(self, incident_id: str, disposition: Disposition, by: str = "") -> None:
        """Fail as SQLite does."""
        raise sqlite3.OperationalError("database is locked")


async def test_a_database_that_fails_is_a_notice_and_not_the_end() -> None:
    app = console(SickEngine(scenario.snapshot()), Clock())
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "cannot read INC-00000042: disk I/O \\x1b[2J error" in text(pilot)
        await pilot.press("d", "f")
        await settle(pilot)
        assert "cannot store the disposition: database is locked" in text(pilot)
        assert app.is_running


@pytest.mark.parametrize("view", ["overview", "health"])
async def test_an_empty_console_names_the_demo(view: str) -> None:
    async with console(engine(scenario.quiet()), view=view).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "aegis-tui demo" in text(pilot)


async def test_a_time_that_no_calendar_holds_does_not_end_the_console() -> None:
    late = scenario.incident(opened_at=9.2e12, updated_at=9.2e12)
    fake = engine(scenario.snapshot(incidents=(late,), flows=(scenario.flow(last_seen=-5e15),)))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "INC-00000042" in text(pilot)


RECOVERY = Recovery(scenario.NOW - 60, scenario.NOW - 90, 3, 12, 1, 2, 2)


async def test_what_was_recovered_is_said_once_and_whole_at_80_columns() -> None:
    fake = engine(scenario.snapshot(recovery=RECOVERY))
    async with console(fake, Clock()).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        said = f"the last run broke off after {clock(scenario.NOW - 90)}: 3 open incidents, 12 alerts, 1 investigation"
        assert said in " ".join(text(pilot).split())
        assert "2 proposals to decide, 2 blocks in force" in " ".join(text(pilot).split())
        fake.state = replace(fake.state, recovery=replace(RECOVERY), now=scenario.NOW + 1)
        await settle(pilot)
        told = [words for _, words in pilot.app.last_line.notices if "broke off" in words]  # type: ignore[attr-defined]  # as above
        assert len(told) == 1


async def test_who_attaches_days_later_is_not_told_of_an_old_recovery() -> None:
    old = replace(RECOVERY, at=scenario.NOW - 2 * 86400)
    async with console(engine(scenario.snapshot(recovery=old)), Clock()).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "broke off" not in text(pilot)


async def test_what_would_revert_hides_no_notice() -> None:
    trial = scenario.status(keep_within_s=31.0)
    fake = engine(scenario.snapshot(status=trial, recovery=RECOVERY))
    async with console(fake, Clock()).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        last = " ".join(text(pilot).split())
        assert "any key keeps XDP native on eth0" in last
        assert "the last run broke off after" in last


async def test_a_closed_console_waits_until_its_engine_has_written_everything() -> None:
    ended: list[str] = []

    async def works() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(50):
                await asyncio.sleep(0)
            ended.append("written")

    async def quits(pilot: Pilot[None]) -> None:
        await pilot.pause()
        pilot.app.exit()

    app = AegisApp(engine(scenario.quiet()), works)
    await app.run_async(headless=True, size=(80, 24), auto_pilot=quits)
    assert ended == ["written"]


async def test_what_lies_below_a_dialog_is_drawn_now_and_then() -> None:
    fake = engine()
    app = console(fake)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("b")
        await settle(pilot)
        below = app.screen_stack[-2]
        assert isinstance(below, View)
        app.poll()
        for number in range(BELOW_EVERY):
            before = below._scene
            fake.state = replace(fake.state, now=fake.state.now + 1)
            app.poll(again=False)
            assert (below._scene is before) == (number < BELOW_EVERY - 1)
