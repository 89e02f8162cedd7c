"""The ``:`` line: what completes it, and what is wrong with it."""

from __future__ import annotations

import pytest

from aegis_tui.keyboard.completing import Known, network, no_prefix, no_time, offers, problem, seconds, usage

KNOWN = Known(
    screens=("overview", "blocks"),
    themes=("auto", "light"),
    incidents=("INC-4f2a", "INC-9b11"),
    addresses=("203.0.113.9", "198.51.100.7"),
    blocked=("198.51.100.7/32",),
)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("bl", ["block "]),
        ("screen b", ["screen blocks"]),
        ("screen ", ["screen overview", "screen blocks"]),
        ("theme l", ["theme light"]),
        ("density w", ["density wide"]),
        ("utc ", ["utc on", "utc off"]),
        ("incident inc-9", ["incident INC-9b11"]),
        ("block 2", ["block 203.0.113.9"]),
        ("block 203.0.113.9 1", ["block 203.0.113.9 10m", "block 203.0.113.9 1h"]),
        ("undo ", ["undo 198.51.100.7/32"]),
        ("ask what", []),
        ("nonsense ", []),
    ],
)
def test_tab_offers_what_fits_there(typed: str, completed: list[str]) -> None:
    assert [offer.text for offer in offers(typed, KNOWN)] == completed


def test_without_a_beginning_every_command_is_offered() -> None:
    assert len(offers("", KNOWN)) > 30


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("blokc", "no command 'blokc'; nearest: block"),
        ("screen", "'screen' takes SCREEN"),
        ("notices all", "'notices' takes nothing after it"),
        ("screen-", "no command 'screen-'; nearest: screen-overview, screen-incident"),
        ("zzzz", "no command 'zzzz'; tab lists them all"),
    ],
)
def test_what_is_wrong_is_said(typed: str, words: str) -> None:
    assert problem(typed).startswith(words)


@pytest.mark.parametrize("typed", ["", "  ", "block", "block 203.0.113.9", "q", "theme light", "ask who was it"])
def test_a_line_that_can_be_run_has_no_problem(typed: str) -> None:
    assert problem(typed) == ""


def test_the_usage_of_the_command_is_shown_while_it_is_typed() -> None:
    assert usage("block 203") == "block [PREFIX [TIME]]: review a proposal, or ask for one for row or marks"


@pytest.mark.parametrize("text", ["block 203.0.113.9 24h ", "block 203.0.113.9 24h x", "undo 203.0.113.9 x y z "])
def test_nothing_is_offered_behind_the_last_that_a_command_takes(text: str) -> None:
    assert offers(text, Known(addresses=("203.0.113.9",), blocked=("203.0.113.9/32",))) == []


@pytest.mark.parametrize(
    ("words", "prefix"),
    [("203.0.113.9", "203.0.113.9/32"), (" 2001:db8::/32 ", "2001:db8::/32"), ("203.0.113.9/24", ""), ("soon", "")],
)
def test_an_address_is_a_prefix_of_its_own(words: str, prefix: str) -> None:
    assert network(words) == prefix


@pytest.mark.parametrize(("words", "found"), [("10m", 600.0), ("24h", 86400.0), ("soon", None)])
def test_a_time_has_a_unit(words: str, found: float | None) -> None:
    assert seconds(words) == found


def test_what_is_neither_is_quoted_inert() -> None:
    assert "'\\x1b[2J'" in no_prefix("\x1b[2J")
    assert "'\\x1b[2J'" in no_time("\x1b[2J")
