"""The parser of the whole command line: every command is told, exemplified, and leads somewhere."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator

import pytest

from aegis_tui.arguments.parser import build_parser


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield every command, and those it is divided into."""
    yield parser
    for action in [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]:
        for command in action.choices.values():
            yield from _commands(command)


def test_every_command_has_an_example_and_every_argument_help() -> None:
    for command in _commands(build_parser()):
        assert "aegis-tui " in (command.epilog or ""), command.prog
        own = [action for action in command._actions if not isinstance(action, argparse._SubParsersAction)]
        assert [action.dest for action in own if not action.help] == [], command.prog


def test_every_command_leads_to_a_function() -> None:
    places = {command.get_default("run") for command in _commands(build_parser())} - {None}
    assert len(places) > 40
    for place in sorted(places):
        module, function = place.split(":")
        assert callable(getattr(importlib.import_module(f"aegis_tui.commands.{module}"), function)), place


def test_a_group_of_commands_without_an_action_is_answered_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args(["blocks"])
    assert stopped.value.code == 2
    offered = [line.split()[0] for line in capsys.readouterr().err.splitlines()[1:]]
    assert offered == ["list", "add", "extend", "keep", "watch", "remove", "resume", "import", "export"]


@pytest.mark.parametrize("words", [["--utc", "incidents"], ["incidents", "--utc"]], ids=["before", "after"])
def test_utc_counts_before_a_command_and_after_it(words: list[str]) -> None:
    assert build_parser().parse_args(words).utc is True
    assert build_parser().parse_args(["incidents"]).utc is False


def test_no_flag_before_a_command_is_lost_to_the_command_s_own_default() -> None:
    parser = build_parser()
    for words in (["--json", "incidents"], ["--model", "m", "demo"], ["--iface", "eth0", "serve"]):
        dest = words[0].removeprefix("--")
        assert getattr(parser.parse_args(words), dest) == getattr(parser.parse_args([words[-1], *words[:-1]]), dest)
    assert parser.parse_args(["incidents"]).json is False
    assert parser.parse_args(["--threshold", "0.5", "replay", "a", "--threshold", "0.7"]).threshold == 0.7


def _offered(parser: argparse.ArgumentParser) -> list[str]:
    return [
        name for action in parser._actions if isinstance(action, argparse._SubParsersAction) for name in action.choices
    ]


@pytest.mark.parametrize("name", _offered(build_parser()))
def test_a_command_is_read_the_same_where_no_other_was_prepared(name: str) -> None:
    alone, among_all = (_commands(parser) for parser in (build_parser([name]), build_parser()))
    told = {command.prog: command.format_help() for command in among_all}
    found = {command.prog: command.format_help() for command in alone if command.prog != "aegis-tui"}
    assert f"aegis-tui {name}" in found
    assert found == {prog: told[prog] for prog in found}


@pytest.mark.parametrize("words", [["demo"], ["show", "INC-1"], []], ids=str)
def test_no_more_is_prepared_than_the_words_need(words: list[str]) -> None:
    assert len(_offered(build_parser(words))) < 6 < len(_offered(build_parser()))


@pytest.mark.parametrize("words", [["--help"], ["dmeo"], ["--iface", "eth0", "demo"]], ids=str)
def test_whatever_may_need_every_command_finds_it(words: list[str]) -> None:
    assert _offered(build_parser(words)) == _offered(build_parser())
