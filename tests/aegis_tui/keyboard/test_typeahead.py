"""Keys that come faster than the screen, as a multiplexer or a paste sends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from aegis_tui.screens.command_line import CommandLine
from aegis_tui.screens.decision import Decision
from aegis_tui.screens.note import NoteDialog
from aegis_tui.screens.view import View
from aegis_tui.widgets import table
from engine.types import FiveTuple
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, console, engine, settle

SIZE = (120, 36)
NEWER = scenario.flow(
    99, five_tuple=FiveTuple("192.0.2.99", 40000, scenario.LOCAL, 443, "tcp"), last_seen=scenario.NOW + 1
)


def _burst(pilot: Pilot[None], keys: str) -> None:
    """Put keys into the application's queue at once, with nothing handled between them."""
    for key in keys:
        name = {"/": "slash", ":": "colon", "\n": "enter", ".": "full_stop"}.get(key, key)
        pilot.app.post_message(events.Key(name, None if key == "\n" else key))


def _press_at_once(pilot: Pilot[None], *keys: str) -> None:
    """Press keys by name, with nothing handled between them."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_text_that_follows_a_slash_at_once_is_the_filter() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "/shop.bqs1")
        await settle(pilot)
        assert pilot.app.screen.query_one("#filter", Input).value == "shop.bqs1"
        assert not isinstance(pilot.app.screen, Decision)


async def test_text_that_follows_a_colon_at_once_is_the_command() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, ":block")
        await settle(pilot)
        assert isinstance(pilot.app.screen, CommandLine)
        assert pilot.app.screen.query_one(Input).value == "block"


async def test_a_filter_typed_with_its_enter_at_once_is_kept() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "/port:8080\n")
        await settle(pilot)
        field = pilot.app.screen.query_one("#filter", Input)
        assert field.value == "port:8080"
        assert pilot.app.focused is not field


async def test_a_filter_typed_on_the_way_to_another_screen_belongs_to_that() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "2/bob")
        await settle(pilot)
        assert pilot.app.screen.query_one("#filter", Input).value == "bob"
        assert type(pilot.app.screen).__name__ == "IncidentScreen"


async def test_keys_of_one_burst_are_done_in_order() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "325")
        await settle(pilot)
        assert type(pilot.app.screen).__name__ == "HealthScreen"


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param("ezzz", id="a question"),
        pytest.param(":\n\n\n", id="the command line"),
        pytest.param(":1\n\n", id="a command"),
        pytest.param("yqqq", id="copying"),
        pytest.param("???", id="help"),
        pytest.param(["ctrl+p", "enter", "enter", "enter"], id="the palette"),
        pytest.param(["i", "x", "enter", "enter"], id="a question in words"),
        pytest.param(["b", "escape", "escape", "escape"], id="the block dialog"),
    ],
)
async def test_keys_behind_the_one_that_closes_something_close_nothing_below_it(keys: Sequence[str]) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _press_at_once(pilot, keys[0])
        await settle(pilot)
        _burst(pilot, keys[1:]) if isinstance(keys, str) else _press_at_once(pilot, *keys[1:])
        await settle(pilot)
        assert any(isinstance(screen, View) for screen in pilot.app.screen_stack)
        assert pilot.app.is_running


@pytest.mark.parametrize("pasted", ["b", "b\n", "b\ny\n\n", ":block 203.0.113.9\n", "q"])
async def test_a_paste_where_no_field_is_does_nothing(pasted: str) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        before = pilot.app.screen
        pilot.app.post_message(events.Paste(pasted))
        await settle(pilot)
        assert pilot.app.screen is before
        assert pilot.app.is_running


async def test_a_paste_right_behind_a_slash_is_text() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        _burst(pilot, "/")
        pilot.app.post_message(events.Paste("b\nsecond line"))
        await settle(pilot)
        assert pilot.app.screen.query_one("#filter", Input).value == "b"


async def test_a_paste_never_answers_the_block_dialog() -> None:
    async with console().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        dialog = pilot.app.screen
        assert isinstance(dialog, Decision)
        pilot.app.post_message(events.Paste("\t\t\ny\n"))
        await settle(pilot)
        assert pilot.app.screen is dialog


async def test_an_arrow_right_before_the_key_that_opens_the_dialog_chooses_its_row() -> None:
    fake = engine(scenario.snapshot(proposals=()))
    async with console(fake).run_test(size=SIZE) as pilot:
        await settle(pilot)
        _press_at_once(pilot, "down", "up", "down", "b")
        await settle(pilot)
        assert [call for call in fake.asked if call[0] == "propose"] == [("propose", scenario.BRUTE, "INC-00000041")]


async def test_an_arrow_right_behind_it_changes_nothing_about_the_dialog() -> None:
    fake = engine()
    async with console(fake, Clock()).run_test(size=SIZE) as pilot:
        await settle(pilot)
        _press_at_once(pilot, "b", "down", "down", "tab", "enter")
        await settle(pilot)
        dialog = pilot.app.screen
        assert isinstance(dialog, Decision)
        assert dialog.proposal.terms.prefix == f"{scenario.ATTACKER}/32"
        assert dialog.focused is dialog.query_one("#cancel")
        assert not any(call[0] == "decide" for call in fake.asked)


@pytest.mark.parametrize(
    ("reaction_s", "address"), [(1e9, scenario.ATTACKER), (0.0, "192.0.2.99")], ids=["just came", "was seen"]
)
async def test_a_row_that_comes_while_the_key_is_on_its_way_is_not_what_the_dialog_is_about(
    reaction_s: float, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "REACTION_S", reaction_s)
    fake = engine(scenario.snapshot(proposals=(), incidents=()))
    async with console(fake).run_test(size=SIZE) as pilot:
        await settle(pilot)
        flows = pilot.app.screen.query_one("#flows", table.Table)
        pilot.app.screen.look_at(flows)  # type: ignore[attr-defined]  # run_test gives the base class
        fake.state = replace(fake.state, flows=(NEWER, *fake.state.flows))
        while flows.key != NEWER.id:
            pilot.app.poll()  # type: ignore[attr-defined]  # as above
        _press_at_once(pilot, "b")
        await settle(pilot)
        assert [call[1] for call in fake.asked if call[0] == "propose"] == [address]


async def test_a_note_that_comes_in_one_packet_with_tab_and_enter_is_stored() -> None:
    fake = engine()
    async with console(fake).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        _press_at_once(pilot, *"askedtheownerofthehostatnine", "tab", "enter")
        await settle(pilot)
        assert not isinstance(pilot.app.screen, NoteDialog)
    assert [call[2] for call in fake.asked if call[0] == "note"] == ["askedtheownerofthehostatnine"]


async def test_a_note_that_is_pasted_with_tab_and_enter_behind_it_is_stored() -> None:
    fake = engine()
    async with console(fake).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        pilot.app.post_message(events.Paste("asked the owner of the host"))
        _press_at_once(pilot, "tab", "enter")
        await settle(pilot)
    assert [call[2] for call in fake.asked if call[0] == "note"] == ["asked the owner of the host"]


async def test_a_reason_that_comes_in_one_packet_with_its_enters_suppresses() -> None:
    fake = engine()
    async with console(fake).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("x")
        await settle(pilot)
        _press_at_once(pilot, *"ourownscanner", "enter", "enter")
        await settle(pilot)
    assert [call[4] for call in fake.asked if call[0] == "suppress"] == ["ourownscanner"]


async def test_an_arrow_and_enter_in_one_packet_press_the_button_that_the_arrow_reached() -> None:
    fake = engine()
    async with console(fake).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        _press_at_once(pilot, "tab", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Decision)
    assert [call[0] for call in fake.commands()] == ["watch"]


async def test_what_comes_with_a_key_that_opens_the_block_dialog_never_answers_it() -> None:
    fake = engine()
    async with console(fake, Clock()).run_test(size=SIZE) as pilot:
        await settle(pilot)
        _press_at_once(pilot, "b", "tab", "tab", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Decision)
    assert fake.commands() == []
