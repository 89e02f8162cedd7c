"""The table: which columns stay, what is repainted, where the cursor goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from textual.app import App, ComposeResult

from aegis_tui.widgets.line import Span, plain
from aegis_tui.widgets.table import Column, Row, Table
from engine.filter import parse

COLUMNS = (Column("name", 6, 0, flex=True), Column("size", 5, 2, right=True), Column("state", 8, 1))


class Bench(App[None]):
    """A table alone."""

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield Table("Things", COLUMNS)


def rows(*names: str, size: int = 1) -> Sequence[Row]:
    """Return a row for each name."""
    return [Row(name, (Span(name), Span(str(size)), Span("well"))) for name in names]


async def test_columns_drop_by_priority() -> None:
    async with Bench().run_test(size=(18, 6)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one"), "Things", ())
        await pilot.pause()
        head = table.render_line(1).text
        assert "size" not in head
        assert "state" in head


async def test_only_changed_rows_are_repainted() -> None:
    async with Bench().run_test(size=(40, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one", "two", "three"), "Things", ())
        await pilot.pause()
        before = [table.render_line(y) for y in range(6)]
        table.fill([*rows("one"), *rows("two", size=9), *rows("three")], "Things", ())
        after = [table.render_line(y) for y in range(6)]
        assert [y for y in range(6) if before[y] is not after[y]] == [3]


async def test_the_cursor_follows_its_row() -> None:
    async with Bench().run_test(size=(40, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one", "two", "three"), "Things", ())
        table.action_move(1)
        table.fill(rows("new", "one", "two", "three"), "Things", ())
        assert table.key == "two"


@pytest.mark.parametrize("act", [Table.mark, Table.hold, lambda table: table.action_move(-1)])
async def test_the_cursor_follows_the_first_row_too_once_a_person_acts_on_it(act: Callable[[Table], object]) -> None:
    async with Bench().run_test(size=(40, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one"), "Things", ())
        act(table)
        table.fill(rows("new", "one"), "Things", ())
        assert table.key == "one"


async def test_a_cursor_at_the_top_stays_there_until_a_person_acts() -> None:
    async with Bench().run_test(size=(40, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one", "two"), "Things", ())
        table.fill(rows("new", "one", "two"), "Things", ())
        assert table.key == "new"


async def test_a_filter_that_matches_nothing_says_so() -> None:
    async with Bench().run_test(size=(60, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one"), "Things", ())
        table.narrow(parse("zebra"))
        assert "No row matches 'zebra'" in plain(table.lines[0])


async def test_a_filter_counts_nothing_in_a_table_without_rows() -> None:
    async with Bench().run_test(size=(60, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill((), "Things 0", ("nothing yet",))
        table.narrow(parse("zebra"))
        assert table.heading == "Things 0"


@pytest.mark.parametrize(("width", "name"), [(80, 63), (200, 60)])
async def test_the_eye_finds_the_next_column_in_a_wide_table(width: int, name: int) -> None:
    async with Bench().run_test(size=(width, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one"), "Things", ())
        await pilot.pause()
        assert table.render_line(1).text.index("size") == name + 4


async def test_a_wide_table_cuts_no_cell_for_that() -> None:
    async with Bench().run_test(size=(200, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("n" * 90), "Things", ())
        await pilot.pause()
        assert "n" * 90 in table.render_line(2).text


async def test_a_filter_on_what_the_rows_do_not_have_says_which() -> None:
    async with Bench().run_test(size=(60, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one"), "Things", ())
        table.narrow(parse("pid:1 or user:root !pid:2"))
        assert "These rows have no pid and no user." in " ".join(map(plain, table.lines))


async def test_an_empty_table_teaches() -> None:
    async with Bench().run_test(size=(60, 10)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill((), "Things", ("Make one with n.",))
        assert "Make one with n." in plain(table.lines[0])


LONG = "2001:db8:85a3:8d3:1319:8a2e:370:7344"


class Hosts(App[None]):
    """A table with a column that grows."""

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield Table("Hosts", (Column("host", 8, 0, cap=39, full=15, ends=True), Column("state", 8, 1)))


def host(name: str) -> Sequence[Row]:
    """Return one row."""
    return [Row(name, (Span(name), Span("well")))]


@pytest.mark.parametrize("width", [26, 34, 60])
async def test_a_long_cell_takes_what_others_leave_and_drops_none(width: int) -> None:
    async with Hosts().run_test(size=(width, 6)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(host(LONG), "Hosts", ())
        await pilot.pause()
        assert table.render_line(2).text.rstrip().endswith("well")
        first = table.render_line(2).text.split()[1]
        assert (first[:7], first[-7:], len(first)) == (LONG[:7], LONG[-7:], min(len(LONG), width - 11))


async def test_a_heading_that_is_too_long_says_so() -> None:
    async with Bench().run_test(size=(30, 6)) as pilot:
        table = pilot.app.query_one(Table)
        table.fill(rows("one"), "A heading that is longer than its pane", ())
        await pilot.pause()
        assert "…" in table.render_line(0).text
