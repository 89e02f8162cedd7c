"""Replays inside the console: its screen, the library, a replay beside what is live, comparisons."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from aegis_tui.app import AegisApp
from aegis_tui.bridge import CaptureFile, Told
from aegis_tui.screens.difference import DifferenceScreen
from aegis_tui.screens.library import LibraryScreen
from aegis_tui.screens.replay import ReplayScreen
from aegis_tui.widgets.bars import Header
from aegis_tui.widgets.line import paragraph, plain
from aegis_tui.widgets.pane import TextPane
from engine.types import IncidentView, Proposal
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, engine, replay, settle
from tests.aegis_tui.replayside import TAPE, FakeStudio, Played, console, entry, footer, shown, taped, view

# --- its screen ---


async def test_a_proposal_of_a_moment_that_was_left_is_not_told() -> None:
    fake = engine(taped())
    proposal, fake.state = fake.state.proposals[0], replace(fake.state, proposals=())
    app = AegisApp(fake, first_view="replay", monotonic=Clock())
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.post_message(Told(proposal))
        await settle(pilot)
        assert "is proposed" not in footer(app)


@pytest.mark.parametrize(("playing", "told"), [(True, True), (False, False)], ids=["playing", "paused"])
async def test_the_header_tells_no_rate_of_a_replay_that_stands_still(playing: bool, told: bool) -> None:
    fake = engine(taped())
    fake.state = replace(fake.state, tape=replace(TAPE, playing=playing))
    async with console(fake, "replay").run_test(size=(160, 50)) as pilot:
        await settle(pilot)
        header = pilot.app.screen.query_one(Header)
        assert ("pkt/s" in plain(header._line)) is told


async def test_the_screen_counts_one_flow_as_one() -> None:
    fake = engine(taped())
    fake.state = replace(fake.state, counters=replace(fake.state.counters, flows_total=1, flows_now=1))
    async with console(fake, "replay").run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert " 1 flow;" in shown(pilot.app)  # type: ignore[arg-type]  # run_test gives the base class


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_the_screen_says_replay_and_that_blocking_is_off(size: tuple[int, int]) -> None:
    app = console(engine(taped()), "replay")
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = shown(app)
    assert "blocking off" in text
    assert "Never-block list then: not recorded" in text
    assert "●" in text


# --- the library ---


async def test_screen_4_is_the_library_while_nothing_is_replayed() -> None:
    app = console(engine(shelf=(entry(),)), "overview", FakeStudio((CaptureFile("/c/a.pcap", "a.pcap", 1200, 1.0),)))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("4")
        await settle(pilot)
        app.poll()
        assert view(app) == "library"
        text = shown(app)
    assert "INC-00000042" in text
    assert "a.pcap" in text


@pytest.mark.parametrize(("playing", "words"), [(False, "p goes on; n goes"), (True, "It goes on; n goes")])
async def test_before_the_first_alert_a_replay_says_how_to_come_to_it(playing: bool, words: str) -> None:
    app = console(engine(replace(taped(playing=playing), alerts=())), "replay")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert words in shown(app)


# --- a replay beside ---


async def _replaying(app: AegisApp, pilot: object) -> None:
    await settle(pilot)  # type: ignore[arg-type]  # a pilot
    app.poll()
    await pilot.press("enter")  # type: ignore[attr-defined]  # a pilot
    for _ in range(20):
        await pilot.pause()  # type: ignore[attr-defined]  # a pilot
        if app.replays.is_beside:
            break
    await pilot.pause()  # type: ignore[attr-defined]  # a pilot


async def test_enter_replays_beside_what_is_live_and_esc_ends_it() -> None:
    studio, fake = FakeStudio(), engine(shelf=(entry(),))
    app = console(fake, "library", studio)
    async with app.run_test(size=(120, 36)) as pilot:
        await _replaying(app, pilot)
        played = app.engine
        assert isinstance(played, Played)
        assert (view(app), played.ran, app.home is fake) == ("replay", True, True)
        assert "LIVE goes on" in shown(app)
        await pilot.press("escape")
        for _ in range(50):
            await pilot.pause(0.01)
            if not app.replays.is_beside:
                break
        assert (view(app), app.engine is fake, played.over) == ("library", True, True)
    assert studio.made == ["INC-00000042"]


@dataclass
class Slow(Host):
    """A host whose database answers when a test lets it."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def incident(self, incident_id: str) -> IncidentView:
        self.waiting += 1
        await self.answers.wait()
        return await super().incident(incident_id)


async def test_what_the_host_answers_late_is_not_shown_as_the_replay_s() -> None:
    fake = Slow(replay(), views={"INC-00000042": scenario.incident_view()})
    app = console(fake, "overview")
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        app.poll()
        await pilot.pause()
        assert fake.waiting == 1
        app.show_engine(Played(replace(taped(), incidents=(), alerts=())))
        fake.answers.set()
        await settle(pilot)
        assert "INC-00000042" not in shown(app)
        assert app.selection.incident is None


async def test_what_happens_live_is_told_during_a_replay() -> None:
    fake = engine(shelf=(entry(),))
    app = console(fake)
    async with app.run_test(size=(120, 36)) as pilot:
        await _replaying(app, pilot)
        proposal: Proposal = scenario.proposal()
        fake.queue.put_nowait(proposal)
        await pilot.pause()
        await pilot.pause()
        assert any(words.startswith("LIVE: P-17") for _, words in app.last_line.notices)
        assert "1 PROPOSAL WAITING" in shown(app)


async def test_nothing_live_is_asked_for_by_keys_pressed_in_a_replay() -> None:
    fake = engine(shelf=(entry(),))
    app = console(fake)
    async with app.run_test(size=(120, 36)) as pilot:
        await _replaying(app, pilot)
        before = len(fake.asked)
        await pilot.press("b", "escape", "p", "comma")
        await pilot.pause()
    assert fake.asked[before:] == []


async def test_a_capture_is_replayed_by_its_name() -> None:
    studio = FakeStudio()
    app = console(engine(), "overview", studio)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await app.commands.do("replay /tmp/a.pcap")
        for _ in range(20):
            await pilot.pause(0.01)
        assert isinstance(app.screen, ReplayScreen)
    assert studio.made == ["/tmp/a.pcap"]


# --- comparing, packing ---


@pytest.mark.parametrize(("size", "beside"), [((80, 24), False), ((120, 36), True), ((200, 60), True)])
async def test_a_comparison_stands_side_by_side_where_there_is_room(size: tuple[int, int], beside: bool) -> None:
    studio = FakeStudio()
    app = console(engine(shelf=(entry(),)), "library", studio)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        app.poll()
        await pilot.press("c", *"threshold=0.8", "enter")
        await settle(pilot)
        assert isinstance(app.screen, DifferenceScreen)
        text = shown(app)
        await pilot.press("escape")
        assert isinstance(app.screen, LibraryScreen)
    assert studio.made == [("INC-00000042", {"threshold": "0.8"})]
    assert ("│" in text) is beside
    assert "- gone alert" in text
    assert "high 0.99" in text


async def test_the_story_stays_at_its_end_when_the_alerts_above_it_take_more_room() -> None:
    async with console(engine(taped()), "replay").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pane = pilot.app.screen.query_one("#retold", TextPane)
        pane.write([paragraph(f"step {number}") for number in range(40)])
        pane.styles.height = 3
        await pilot.pause()
        pane.write([paragraph(f"step {number}") for number in range(80)])
        assert (pane.room, pane.offset_y) == (2, 78)


async def test_a_notice_of_two_rows_hides_no_newest_row_of_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    app = AegisApp(engine(), monotonic=Clock())
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        pane = app.screen.query_one("#trace", TextPane)
        view = scenario.incident_view()
        app.selection.incident = replace(view, steps=view.steps * 12)
        app.poll()
        await settle(pilot)
        assert pane.offset_y == len(pane.lines) - pane.room > 0
        # The notice has taken a row; the pane is drawn, and not yet told of its new size.
        less = pane.room - 1
        monkeypatch.setattr(TextPane, "room", property(lambda _: less))
        pane.repaint()
        assert pane.offset_y == len(pane.lines) - pane.room
