"""The command table: nothing bound twice in one view, everything named and explained."""

from __future__ import annotations

import pytest

from aegis_tui.keyboard.keymap import Keymap, commands
from aegis_tui.keyboard.keys import DIALOG_COMMANDS


def test_no_key_does_two_things_in_one_view() -> None:
    assert Keymap().keys("block") == ("b",)


def test_every_command_has_a_name_of_its_own() -> None:
    names = [command.name for command in commands()]
    assert len(names) == len(set(names))


def test_every_command_is_explained() -> None:
    assert all(command.help for command in (*commands(), *DIALOG_COMMANDS))


@pytest.mark.parametrize("view", ["overview", "incident", "blocks", "replay"])
def test_the_footer_of_every_table_offers_a_block(view: str) -> None:
    assert ("b", "block") in Keymap().hints(view)


@pytest.mark.parametrize("command", [command for command in commands() if command.pair], ids=lambda one: one.name)
def test_a_second_key_of_a_pair_is_shown_with_the_first(command: object) -> None:
    head = next(one for one in commands() if one.name == command.pair)  # type: ignore[attr-defined]  # ids need a name
    assert head.shown
