"""Tests of what a slip on the command line is answered with."""

from __future__ import annotations

import pytest

from aegis_tui.arguments.parser import build_parser


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the answer to words that no command takes."""
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_a_command_that_is_none_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    told = "aegis-tui: no command 'shwo' here; nearest: show; `aegis-tui --help` lists all there are\n"
    assert said(capsys, "shwo") == told


def test_an_action_that_is_none_is_answered_by_its_own_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "blocks", "lsit").startswith("aegis-tui blocks: no command 'lsit' here; nearest: list;")


def test_a_flag_that_is_none_is_told_with_the_usage_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "packets", "INC-1", "--databse", "x")
    assert told.startswith("usage: aegis-tui packets ")
    assert told.endswith("aegis-tui packets: error: no option '--databse' here; nearest: --database\n")


def test_a_flag_of_no_command_names_the_nearest_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--headlees").startswith("aegis-tui: no option '--headlees' here; nearest: --headless, ")


def test_a_command_without_an_action_says_what_it_offers(capsys: pytest.CaptureFixture[str]) -> None:
    first, rotate, show = said(capsys, "token").splitlines()
    assert first == "aegis-tui token: say what to do"
    assert rotate.startswith("  rotate       make a new token")
    assert show.startswith("  show-path    say where the token lies")


def test_packets_takes_its_file_by_place_or_by_flag() -> None:
    parser = build_parser()
    assert parser.parse_args(["packets", "INC-1", "a.pcap"]).file == "a.pcap"
    assert parser.parse_args(["packets", "INC-1", "-o", "a.pcap"]).output == "a.pcap"
