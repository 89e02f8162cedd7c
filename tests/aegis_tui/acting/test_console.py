"""Each command of the table is done by one part of the console, and nothing else can be reached by a key or a name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import aegis_tui
from aegis_tui.acting.console import Deed, together
from aegis_tui.app import AegisApp
from aegis_tui.keyboard.keymap import Keymap
from aegis_tui.keyboard.keys import APP_COMMANDS, Command
from tests.aegis_tui.console import console


def test_every_command_has_a_doer_and_every_doer_a_command() -> None:
    assert console().commands.deeds.keys() == {command.name for command in APP_COMMANDS}


def test_two_parts_cannot_do_the_same_command() -> None:
    with pytest.raises(ValueError, match="two parts of the console do block"):
        together([{"block": Deed(lambda: None)}, {"undo": Deed(lambda: None)}, {"block": Deed(lambda: None)}])


@pytest.mark.parametrize("command", APP_COMMANDS, ids=lambda command: command.name)
def test_words_are_taken_after_the_names_that_the_table_says_take_some(command: Command) -> None:
    deed = console().commands.deeds[command.name]
    assert (deed.take is not None) == bool(command.takes)
    assert deed.do is not None or not command.keys, "a key needs something to do"


def test_every_key_of_the_console_leads_to_a_command_by_its_name() -> None:
    bound = {binding.action for _, binding in console()._bindings}
    by_name = {f"press('{command.name}')" for _, command in Keymap().for_app()}
    assert bound == by_name | {"quit", "help_quit"}, "Textual has two keys of its own"


def test_what_a_screen_asks_of_the_console_is_a_command_of_the_table() -> None:
    sources = [file.read_text(encoding="utf-8") for file in Path(aegis_tui.__path__[0]).rglob("*.py")]
    asked = {action for source in sources for action in re.findall(r"\"app\.([^\"]+)\"", source)}
    commands = {f"press('{command.name}')" for command in APP_COMMANDS}
    assert asked - commands == {"focus_next", "focus_previous"}, "Textual's own"


def test_no_part_of_the_console_can_be_reached_past_the_table() -> None:
    ours = [kind for kind in AegisApp.__mro__ if kind.__module__.startswith("aegis_tui")]
    actions = {name for kind in ours for name in vars(kind) if name.startswith(("action_", "_action_"))}
    assert actions == {"action_press", "action_quit", "action_help_quit"}
