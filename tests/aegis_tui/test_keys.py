"""The key table: nothing bound twice, everything explained."""

from __future__ import annotations

import pytest

from aegis_tui.keys import APP_COMMANDS, PANE_COMMANDS, footer_hints, help_for


def test_no_key_is_bound_twice() -> None:
    keys = [key for command in (*APP_COMMANDS, *PANE_COMMANDS) for key in command.keys.split(",")]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("view", ["overview", "incident", "blocks", "replay", "health"])
def test_the_help_fits_a_small_terminal(view: str) -> None:
    assert len(help_for(view)) <= 19


def test_every_command_is_explained() -> None:
    assert all(command.help for command in (*APP_COMMANDS, *PANE_COMMANDS))


@pytest.mark.parametrize("view", ["overview", "incident", "blocks", "replay"])
def test_the_footer_of_every_table_offers_a_block(view: str) -> None:
    assert ("b", "block") in footer_hints(view)
