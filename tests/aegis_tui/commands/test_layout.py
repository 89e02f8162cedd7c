"""Tests of lines that fit the terminal."""

from __future__ import annotations

from aegis_tui.commands.layout import Column, Table, cells_of, hanging

Pair = tuple[str, str, str]
COLUMNS: tuple[Column[Pair], ...] = (
    Column("id", lambda row: row[0], least=6),
    Column("seen", lambda row: row[1], goes=1, right=True, least=12),
    Column("what", lambda row: row[2]),
)
ROWS: list[Pair] = [("INC-1", "3", "one long sentence that tells what happened here"), ("INC-22", "12", "短句")]


def test_a_table_has_headings_and_cuts_only_the_last_column() -> None:
    lines = list(Table(COLUMNS, 40).lines(ROWS))
    assert lines == ["ID      SEEN  WHAT", "INC-1      3  one long sentence that te…", "INC-22    12  短句"]


def test_columns_give_way_before_the_last_one_is_too_narrow() -> None:
    lines = list(Table(COLUMNS, 24).lines(ROWS))
    assert lines == ["ID      WHAT", "INC-1   one long senten…", "INC-22  短句"]


def test_without_a_terminal_everything_stands_in_columns_that_stay() -> None:
    table = Table(COLUMNS, 0)
    first, second = list(table.lines(ROWS[:1])), list(table.lines(ROWS[1:]))
    assert first == ["ID              SEEN  WHAT", f"INC-1              3  {ROWS[0][2]}"]
    assert second == ["INC-22            12  短句"]
    assert list(table.lines([])) == []


def test_a_hostile_cell_is_measured_as_it_is_printed() -> None:
    lines = list(Table(COLUMNS, 60).lines([("\x1b[2J", "1", "x"), ("INC-1", "1", "y")]))
    assert lines[1:] == ["\\x1b[2J     1  x", "INC-1       1  y"]


def test_a_paragraph_hangs_below_its_first_word_and_no_word_is_torn() -> None:
    lines = list(hanging("verdict", "the attacker came in through the log of the web server", 40, 10))
    assert lines == ["verdict   the attacker came in through", "          the log of the web server"]


def test_a_word_longer_than_the_line_is_broken_and_nothing_is_lost() -> None:
    text = "see " + "x" * 70 + " 你好" * 20
    lines = list(hanging("", text, 40, 10))
    assert all(cells_of(line) <= 40 for line in lines)
    assert "".join(line[10:] for line in lines).replace(" ", "") == text.replace(" ", "")


def test_without_a_terminal_a_paragraph_is_one_line() -> None:
    assert list(hanging("claim", "a " * 200 + "b", 0, 10)) == ["claim     " + "a " * 200 + "b"]
