"""Replays inside the console: the tape's keys, the library, a replay beside what is live, comparisons, packs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from aegis_tui.app import AegisApp
from aegis_tui.bridge import CaptureFile, Told
from aegis_tui.screens.difference import DifferenceScreen
from aegis_tui.screens.library import LibraryScreen
from aegis_tui.screens.replay import ReplayScreen
from aegis_tui.screens.view import View
from aegis_tui.widgets.bars import Footer, Header
from aegis_tui.widgets.line import paragraph, plain
from aegis_tui.widgets.pane import Pane, TextPane
from aegis_tui.widgets.table import Table
from engine.stored import Stored
from engine.types import Change, Comparison, IncidentView, LibraryEntry, Origin, Proposal, Snapshot, Tape
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, LateClock, engine, replay, settle
from tests.aegis_tui.widgets.test_safe import BIDI, HOSTILE

TAPE = Tape(5, 9, scenario.NOW, scenario.NOW - 60, scenario.NOW + 60, whole=True, playing=True, speed=1.0,
            alerts=(scenario.NOW - 13, scenario.NOW + 20))  # fmt: skip
CHANGE = Change("gone", "alert", scenario.NOW, "203.0.113.9 model.malicious", "high 0.99", "")


def taped(**changes: object) -> Snapshot:
    return replace(replay(), tape=replace(TAPE, **changes))  # type: ignore[arg-type]  # a test names what it changes


class Played(Host):
    """A replay that goes on until it is ended."""

    ran = False
    over = False

    async def run(self) -> None:
        self.ran = True
        try:
            await asyncio.Event().wait()
        finally:
            self.over = True


@dataclass
class FakeStudio:
    """Makes replays that stand still."""

    files: tuple[CaptureFile, ...] = ()
    made: list[object] = field(default_factory=list)
    folder: str = "/captures"

    def captures(self) -> Sequence[CaptureFile]:
        return self.files

    def _play(self, of: object) -> Played:
        self.made.append(of)
        return Played(taped(), views={"INC-00000042": scenario.incident_view()})

    def of_incident(self, stored: Stored) -> Played:
        return self._play(stored.id)

    def of_capture(self, path: str) -> Played:
        return self._play(path)

    async def compare(self, stored: Stored | None, path: str, changes: Mapping[str, str]) -> Comparison:
        self.made.append((stored.id if stored else path, dict(changes)))
        return Comparison("INC", "threshold as shipped", "threshold 0.8", (CHANGE,), 3)


def entry(number: int = 42, **changes: object) -> LibraryEntry:
    incident = scenario.incident(id=f"INC-000000{number}", opened_at=scenario.NOW - number)
    made = LibraryEntry(incident, "web_exploit", "malicious", Origin.LIVE, "live")
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def console(fake: Host, view: str = "library", studio: FakeStudio | None = None) -> AegisApp:
    return AegisApp(fake, first_view=view, monotonic=LateClock(), studio=studio or FakeStudio())


def shown(app: AegisApp) -> str:
    return "\n".join(plain(line) for pane in app.screen.query(Pane) for line in pane.lines)


def view(app: AegisApp) -> str:
    return app.screen.view if isinstance(app.screen, View) else type(app.screen).__name__


def footer(app: AegisApp) -> str:
    return " ".join(plain(row) for row in app.screen.query_one(Footer)._rows)


# --- the tape ---


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("p", ("pause", 0.0)), ("full_stop", ("step", 1.0)), ("comma", ("step", -1.0)),
        ("less_than_sign", ("start", 0.0)), ("greater_than_sign", ("end", 0.0)),
        ("right_square_bracket", ("speed", 2.0)),
        ("left_square_bracket", ("speed", 0.5)), ("n", ("alert", 1.0)), ("N", ("alert", -1.0)),
    ],
)  # fmt: skip
async def test_the_keys_of_the_tape_become_commands(key: str, command: tuple[str, float]) -> None:
    fake = engine(taped())
    async with console(fake, "replay").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
    assert fake.asked == [("transport", *command)]


async def test_a_moment_is_typed_and_gone_to() -> None:
    fake = engine(taped())
    async with console(fake, "replay").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("g", *"+30s", "enter")
        await pilot.press("g", *"noon", "enter")
        await settle(pilot)
    assert fake.asked == [("transport", "seek", scenario.NOW + 30)]


async def test_home_and_end_wind_the_tape_where_it_has_the_focus() -> None:
    fake = engine(taped())
    async with console(fake, "replay").run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("shift+tab", "home", "end")
        await settle(pilot)
    assert fake.asked == [("transport", "start", 0.0), ("transport", "end", 0.0)]


async def test_the_alert_whose_number_was_typed_is_looked_at_where_one_step_raised_two() -> None:
    fake = engine(taped())
    both = (scenario.alert(id="A-2", first_at=scenario.NOW - 13), scenario.alert(id="A-1", first_at=scenario.NOW - 13))
    fake.state = replace(fake.state, alerts=both)
    app = console(fake, "replay")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("g", *"alert1", "enter")
        await settle(pilot)
        assert app.screen.query_one("#replayed", Table).key == "A-1"


async def test_what_was_said_of_a_moment_is_gone_when_the_tape_is_moved() -> None:
    app = AegisApp(engine(taped()), first_view="replay", monotonic=Clock())
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.say("P-17: block 203.0.113.9/32 is proposed")
        assert "is proposed" in footer(app)
        await pilot.press("less_than_sign")
        await settle(pilot)
        assert "is proposed" not in footer(app)


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


async def test_an_alert_that_was_gone_to_is_looked_at() -> None:
    fake = engine(taped())
    app = console(fake, "replay")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        newest = max(fake.state.alerts, key=lambda alert: alert.first_at)
        assert app.screen.query_one("#replayed", Table).key == newest.id


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


async def test_older_incidents_are_read_when_the_cursor_comes_to_the_last() -> None:
    fake = engine(shelf=tuple(entry(number) for number in range(10, 99)), page=40)
    app = console(fake)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(3):
            await settle(pilot)
            app.poll()
            await pilot.press("end")
        await settle(pilot)
    pages = [call[2] for call in fake.asked if call[0] == "library"]
    assert pages == [None, *((scenario.NOW - number, f"INC-000000{number}") for number in (49, 89))]


async def test_a_page_that_does_not_fill_the_pane_is_followed_by_the_next() -> None:
    fake = engine(shelf=(entry(42), entry(43), entry(44)), page=1)
    app = console(fake)
    async with app.run_test(size=(120, 36)) as pilot:
        for _ in range(4):
            await settle(pilot)
            app.poll()
        assert "INC-00000044" in shown(app)


async def test_a_search_goes_to_the_database() -> None:
    fake = engine(shelf=(entry(42),))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"Log", "enter")
        await settle(pilot)
        pilot.app.poll()  # type: ignore[attr-defined]  # the console's
        await settle(pilot)
    assert [call[1] for call in fake.asked if call[0] == "library"][-1] == "Log"


async def test_a_search_that_finds_nothing_does_not_say_that_nothing_is_stored() -> None:
    app = console(engine(shelf=(entry(42),)))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"zebra", "enter")
        await settle(pilot)
        app.poll()
        await settle(pilot)
        assert "No stored incident matches 'zebra'. esc clears the filter." in shown(app)
        assert "No incident is stored" not in shown(app)


@pytest.mark.parametrize(("playing", "words"), [(False, "p goes on; n goes"), (True, "It goes on; n goes")])
async def test_before_the_first_alert_a_replay_says_how_to_come_to_it(playing: bool, words: str) -> None:
    app = console(engine(replace(taped(playing=playing), alerts=())), "replay")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert words in shown(app)


async def test_an_empty_library_teaches() -> None:
    app = console(engine())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.poll()
        await settle(pilot)
        app.poll()
        assert "aegis-tui demo" in shown(app)


@pytest.mark.parametrize("part", range(0, len(HOSTILE), 40))
async def test_hostile_names_of_captures_and_incidents_are_inert(part: int) -> None:
    texts = HOSTILE[part : part + 40]
    shelf = tuple(_hostile(number, text) for number, text in enumerate(texts))
    studio = FakeStudio(tuple(CaptureFile(f"/c/{text}", text, 1, 1.0) for text in texts))
    app = console(engine(shelf=shelf), studio=studio)
    async with app.run_test(size=(200, 120)) as pilot:
        await settle(pilot)
        app.poll()
        await settle(pilot)
        panes = list(app.screen.query(Pane))
        rows = [pane.render_line(y).text for pane in panes for y in range(pane.size.height)]
    assert sum("INC-000000" in row for row in rows) == len(texts)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or char in BIDI for row in rows for char in row)


def _hostile(number: int, text: str) -> LibraryEntry:
    found = entry(10 + number, source=text, event_class=text, conclusion=text)
    return replace(found, incident=replace(found.incident, title=text))


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
