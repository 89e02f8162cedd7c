"""Commands by name: they go through the same dialogs, questions and screens as the keys."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from aegis_tui.acting.appearing import Preferences
from aegis_tui.app import AegisApp
from aegis_tui.screens.ask import Ask, AskWords
from aegis_tui.screens.block_dialog import BlockDialog
from aegis_tui.screens.command_line import CommandLine
from aegis_tui.screens.copying import Copying
from aegis_tui.screens.help import Help
from aegis_tui.screens.palette import Palette
from aegis_tui.screens.reading import Reading
from aegis_tui.screens.view import View
from aegis_tui.widgets import theme
from aegis_tui.widgets.table import Table
from engine.types import Passage, SourcedAnswer
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, console, engine, settle
from tests.aegis_tui.screens.test_block_dialog import text

SIZES = [(80, 24), (120, 36), (200, 60)]


def _typed(line: str) -> list[str]:
    return ["space" if char == " " else char for char in line]


async def _run(pilot: Pilot[None], line: str) -> None:
    await pilot.press("colon")
    await settle(pilot)
    await pilot.press(*_typed(line), "enter")
    await settle(pilot)


def _app(fake: Host | None = None, view: str = "overview", **chosen: object) -> AegisApp:
    preferences = replace(Preferences(), **chosen)  # type: ignore[arg-type]  # a test names the fields it changes
    return AegisApp(fake or engine(), first_view=view, monotonic=Clock(), preferences=preferences)


# --- the line itself ---


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_command_and_its_help_are_shown_while_it_is_typed(size: tuple[int, int]) -> None:
    async with console().run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"theme")
        await settle(pilot)
        assert "theme THEME: other colours" in text(pilot)
        assert text(pilot).splitlines()[-1].startswith(" :theme")


async def test_tab_goes_through_what_fits() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"sc", "tab")
        await settle(pilot)
        assert ":screen " in text(pilot).splitlines()[-1]
        await pilot.press("ctrl+u", *_typed("screen "), "tab", "tab", "shift+tab")
        await settle(pilot)
        assert ":screen overview" in text(pilot).splitlines()[-1]


async def test_an_unknown_command_stays_to_be_corrected() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await _run(pilot, "blokc 203.0.113.9")
        assert isinstance(pilot.app.screen, CommandLine)
        assert "no command 'blokc'; nearest: block" in text(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, View)


async def test_lines_come_back_at_the_next_start(tmp_path: Path) -> None:
    async with _app(state=tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await _run(pilot, "density compact")
        await _run(pilot, "screen blocks")
    async with _app(state=tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("colon", "up", "up")
        await settle(pilot)
        assert ":density compact" in text(pilot).splitlines()[-1]
        await pilot.press("down", "down")
        await settle(pilot)
        assert text(pilot).splitlines()[-1].strip() == ":"


async def test_hostile_text_pasted_into_the_line_is_inert_and_not_kept(tmp_path: Path) -> None:
    async with _app(state=tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("colon")
        await settle(pilot)
        pilot.app.screen.query_one("Field").value = "nonsense\x1b[2J\u202e"  # type: ignore[attr-defined]  # a Field
        await pilot.press("enter")
        await settle(pilot)
        assert "\x1b" not in text(pilot)
        assert "no command 'nonsense\\x1b[2J\\u202e'" in text(pilot)
    assert not (tmp_path / "commands").exists()


# --- blocks ---


async def test_block_opens_the_dialog_with_those_terms_and_blocks_nothing() -> None:
    fake = engine(scenario.snapshot(proposals=()))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await _run(pilot, "block 198.51.100.99 24h")
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
        await _run(pilot, "block 203.0.113.9")
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
        await _run(pilot, "block")
    assert fake.commands()[0][0] == "propose_list"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("block nonsense", "'nonsense' is no address and no prefix"),
        ("block 203.0.113.9 soon", "'soon' is no time such as 10m, 1h"),
        ("undo 192.0.2.99", "no block of 192.0.2.99; in force: 198.51.100.7/32"),
        ("extend 198.51.100.7 soon", "'soon' is no time"),
        ("screen nowhere", "no screen 'nowhere'; there are: overview"),
        ("theme pink", "no theme 'pink'; there are: auto, dark"),
        ("density huge", "no density 'huge'; there are: auto"),
        ("utc maybe", "'utc' takes on or off"),
        ("incident INC-", "2 incidents begin with INC-"),
        ("incident NONE", "cannot open it: no incident NONE"),
        ("triage nonsense", "not an event"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(line: str, words: str) -> None:
    fake = engine()
    async with _app(fake).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await _run(pilot, line)
        assert words in text(pilot)
        assert isinstance(pilot.app.screen, View)
    assert fake.commands() == []


async def test_undo_of_an_address_asks_first() -> None:
    fake = engine()
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await _run(pilot, "undo 198.51.100.7")
        assert isinstance(pilot.app.screen, Ask)
        assert fake.commands() == []
        await pilot.press("y")
        await settle(pilot)
    assert fake.commands() == [("unblock", "198.51.100.7/32")]


async def test_extend_and_keep_and_allow_take_what_they_are_about() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await _run(pilot, "extend 198.51.100.7 7d")
        assert isinstance(pilot.app.screen, BlockDialog)
        await pilot.press("escape")
        await settle(pilot)
        await _run(pilot, "keep 198.51.100.7/32")
        await _run(pilot, "allow 192.0.2.7 the office")
        await pilot.press("y")
        await settle(pilot)
        await _run(pilot, "allow 192.0.2.8")
        assert isinstance(pilot.app.screen, AskWords)
    extended, withdrawn, kept, allowed = fake.commands()
    assert extended == ("extend", "198.51.100.7/32", 604800.0)
    assert withdrawn == ("decide", "P-92", "token of P-92", False, "")
    assert (kept, allowed) == (("keep", "198.51.100.7/32"), ("allow", "192.0.2.7/32", "the office"))


# --- going, asking, looking ---


async def test_screens_incidents_and_filters_are_a_line_away() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await _run(pilot, "screen bl")
        assert isinstance(pilot.app.screen, View)
        assert pilot.app.screen.view == "blocks"
        await _run(pilot, "incident inc-00000041")
        assert pilot.app.screen.view == "incident"
        assert "INC-00000041" in text(pilot)
        await _run(pilot, "screen overview")
        await _run(pilot, "filter brute")
        assert pilot.app.screen.query_one("#incidents", Table).key == "INC-00000041"
        assert not pilot.app.screen.query_one("#filter").has_focus


async def test_a_question_and_an_event_need_no_second_field() -> None:
    fake = engine(answer_is=SourcedAnswer("what happened", (), (), analyst="playbook"))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await _run(pilot, "ask what happened")
        assert isinstance(pilot.app.screen, Reading)
        await pilot.press("escape")
        await _run(pilot, "triage 2026/11/22 03:10 203.0.113.9:40000 192.0.2.1:443 scan many ports")
    assert fake.commands() == [
        ("ask", "what happened", "INC-00000042"),
        ("triage", "203.0.113.9", "192.0.2.1", "scan"),
    ]


async def test_what_the_knowledge_base_holds_is_shown_inert() -> None:
    passage = Passage("T1190", "Exploit\x1b[2J", "attack", "line one\nline \u202etwo", 0.9)
    fake = engine(answer_is=SourcedAnswer("", (), (passage,), "playbook"))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await _run(pilot, "knowledge log4shell")
        shown = text(pilot)
    assert fake.commands() == [("search", "log4shell", 5, "")]
    assert "Exploit\\x1b[2J" in shown
    assert "\\u202etwo" in shown
    assert "\x1b" not in shown


async def test_settings_are_shown_with_their_origin() -> None:
    rows = (("theme", "light", "/etc/aegis/config.toml"), ("openai_api_key", "(set)", "environment OPENAI_API_KEY"))
    async with _app(settings=rows).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await _run(pilot, "settings")
        assert "light  /etc/aegis/config.toml" in text(pilot)
        assert "Colours of the console: auto, dark, light" in text(pilot)
        assert "(set)" in text(pilot)


@pytest.mark.parametrize(
    ("line", "words"),
    [("keys", "block [PREFIX [TIME]]"), ("doctor", "sudo aegis-tui doctor"), ("notices", "stands llm: cannot reach")],
)
async def test_what_there_is_to_read_opens_over_the_screen(line: str, words: str) -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await _run(pilot, line)
        assert words in text(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, View)


# --- palette and help ---


async def test_the_palette_narrows_and_runs() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Palette)
        assert "step-forward" not in text(pilot)
        await pilot.press(*_typed("kernel drops"), "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, View)
        assert pilot.app.screen.view == "blocks"


async def test_a_command_that_needs_more_is_completed_on_the_line() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", *"theme", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CommandLine)
        assert text(pilot).splitlines()[-1].startswith(" :theme ")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_dialog_has_help_of_its_own_and_stays(size: tuple[int, int]) -> None:
    fake = engine()
    async with console(fake).run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Help)
        assert "only [ Block ] blocks" in " ".join(text(pilot).replace("│", " ").split())
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, BlockDialog)
        assert pilot.app.screen.query_one("#cancel").has_focus
    assert fake.commands() == []


# --- density, theme, time ---


async def _panes_in_sight(pilot: Pilot[None]) -> int:
    await settle(pilot)
    return sum(bool(pane.size.height) for pane in pilot.app.screen.query("Pane"))


@pytest.mark.parametrize(
    ("size", "density", "panes"),
    [
        ((80, 24), "auto", 2),
        ((80, 24), "compact", 1),
        ((80, 24), "wide", 2),
        ((100, 24), "auto", 2),
        ((100, 24), "wide", 3),
        ((120, 36), "auto", 3),
        ((120, 36), "compact", 1),
        ((120, 36), "wide", 4),
        ((200, 60), "compact", 1),
        ((200, 60), "auto", 4),
    ],
    ids=str,
)
async def test_density_lays_the_panes_out(size: tuple[int, int], density: str, panes: int) -> None:
    async with console().run_test(size=size) as pilot:
        await settle(pilot)
        await _run(pilot, f"density {density}")
        assert await _panes_in_sight(pilot) == panes


async def test_v_goes_through_the_densities_and_keeps_the_row() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("down")
        table = pilot.app.screen.query_one("#incidents", Table)
        key, seen = table.key, []
        for _ in range(3):
            await pilot.press("v")
            seen.append(await _panes_in_sight(pilot))
        assert (seen, table.key) == ([1, 4, 3], key)


async def test_a_screen_not_in_sight_takes_the_density_too() -> None:
    async with console().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3", "1", "v", "3")
        assert await _panes_in_sight(pilot) == 1


async def test_a_theme_repaints_every_row_at_once() -> None:
    app = console()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3", "1")
        await settle(pilot)
        await _run(pilot, "theme light")
        await settle(pilot)
        for key in ("1", "3"):
            await pilot.press(key)
            await settle(pilot)
            grounds = {
                segment.style.bgcolor.triplet.hex if segment.style and segment.style.bgcolor else None
                for row in app.screen._compositor.render_strips()
                for segment in row
                if segment.style and segment.style.bgcolor and segment.style.bgcolor.triplet
            }
            assert "#ffffff" in grounds
            assert "#121212" not in grounds
    theme.use(theme.ANSI)


async def test_times_are_local_with_their_zone_or_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XST-9")
    time.tzset()
    async with _app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "18:02:11 XST" in text(pilot).splitlines()[0]
        await _run(pilot, "utc")
        assert "09:02:11 UTC" in text(pilot).splitlines()[0]
        await _run(pilot, "utc off")
        assert "18:02:11 XST" in text(pilot).splitlines()[0]


# --- values and notices ---


async def test_a_row_offers_its_values_and_enter_keeps_one() -> None:
    async with _app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Copying)
        assert " address   203.0.113.9" in text(pilot)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert pilot.app.clipboard == "INC-00000042"
        assert "copied: INC-00000042" in text(pilot)


async def test_every_line_of_a_pane_can_be_copied() -> None:
    async with _app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("tab", "y")
        await settle(pilot)
        await pilot.press("end", "enter")
        await settle(pilot)
        assert len(pilot.app.clipboard) > 10


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_terminal_s_clipboard_is_written_only_where_that_is_allowed(allowed: bool) -> None:
    app = _app(clipboard=allowed)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        written: list[str] = []
        assert app._driver is not None
        app._driver.write = written.append  # type: ignore[assignment, method-assign]  # what would reach the terminal
        app.copy_to_clipboard("203.0.113.9\x1b]52;c;AAAA\x07")
        del app._driver.write
    assert app.clipboard == "203.0.113.9\\x1b]52;c;AAAA\\x07"
    assert any("\x1b]52;c;" in text for text in written) is allowed


@pytest.mark.parametrize("size", [(80, 24), (60, 20)], ids=str)
async def test_a_notice_takes_a_second_row_above_the_keys_and_is_kept_in_full(size: tuple[int, int]) -> None:
    app = _app()
    long = "the end of a long notice is there to be read: " + "word " * 40 + "END"
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        app.say(long)
        await settle(pilot)
        *_, first, second, keys = text(pilot).splitlines()
        assert first.strip().startswith("the end of a long notice")
        assert second.rstrip().endswith("… :notices")
        assert keys.startswith(" enter open") and keys.rstrip().endswith("q quit")
        await _run(pilot, "notices")
        assert "END" in text(pilot)


async def test_where_nothing_stands_and_nothing_was_said_the_notices_say_so() -> None:
    async with console(engine(scenario.snapshot(faults=()))).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await _run(pilot, "notices")
        assert "Nothing was said yet" in text(pilot)


async def test_only_the_last_fifty_notices_are_kept() -> None:
    app = _app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for number in range(60):
            app.say(f"notice {number}")
        assert [words for _, words in app.last_line.notices] == [f"notice {number}" for number in range(10, 60)]


async def test_a_number_opens_its_screen_at_the_first_pane_and_esc_where_it_was_left() -> None:
    async with console(view="blocks").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("tab", "5", "escape")
        await settle(pilot)
        assert pilot.app.screen.pane().id == "proposals"  # type: ignore[attr-defined]  # run_test gives the base class
        await pilot.press("1", "3")
        await settle(pilot)
        assert pilot.app.screen.pane().id == "blocks"  # type: ignore[attr-defined]  # as above
