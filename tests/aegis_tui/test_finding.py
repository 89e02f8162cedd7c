"""Finding rows: the filter and its field, sorting, freezing, and tables of a hundred thousand rows."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from aegis_tui.app import AegisApp
from aegis_tui.widgets.bars import Footer
from aegis_tui.widgets.filterfield import FilterField
from aegis_tui.widgets.line import plain
from aegis_tui.widgets.table import Table
from engine.types import Processes
from tests.aegis_tui import scenario
from tests.aegis_tui.console import console, engine, settle

SIZE = (120, 36)


async def typed(pilot: Pilot[None], text: str) -> FilterField:
    """Open the filter and type into it."""
    await pilot.press("slash")
    await pilot.pause()
    field = pilot.app.screen.query_one(FilterField)
    field.value = text
    await pilot.pause()
    return field


def table(app: AegisApp, name: str) -> Table:
    """Return a table of the screen."""
    return app.screen.query_one(f"#{name}", Table)


def shown(app: AegisApp, name: str) -> list[str]:
    """Return the rows of a table as text."""
    return [plain(row) for row in table(app, name).lines]


def said(app: AegisApp) -> str:
    """Return what stands below the field."""
    footer = app.screen.query_one(Footer)
    return " ".join(footer.render_line(y).text.strip() for y in range(footer.size.height))


async def test_a_filter_works_on_every_table_of_the_screen_by_fields() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await typed(pilot, f"ip:{scenario.BRUTE}")
        assert table(app, "incidents").heading.endswith("1 of 2")
        await typed(pilot, "score>.9")
        assert len(table(app, "flows").lines) == 1
        assert table(app, "flows").heading.endswith("1 of 40")


async def test_while_a_filter_cannot_be_read_the_last_one_stays_and_the_reason_is_told() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await typed(pilot, "score>.9")
        field = await typed(pilot, "score>.9 src:10.")
        assert field.has_class("-wrong")
        assert len(table(app, "flows").lines) == 1
        assert "at character 14: expected an address" in said(app)
        field.value = "score>.9 src:10.0.0.0/8"
        await pilot.pause()
        assert not field.has_class("-wrong")


async def test_esc_clears_the_filter_and_slash_brings_it_back() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await typed(pilot, "score>.9")
        await pilot.press("escape")
        await pilot.pause()
        assert len(table(app, "flows").lines) == 40
        await pilot.press("slash")
        await pilot.pause()
        assert app.screen.query_one(FilterField).value == "score>.9"
        assert len(table(app, "flows").lines) == 1


async def test_up_and_down_go_through_earlier_filters() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        for text in ("app:dns", "app:tls"):
            await typed(pilot, text)
            await pilot.press("escape")
            await pilot.pause()
        field = await typed(pilot, "")
        await pilot.press("up", "up")
        assert field.value == "app:dns"
        await pilot.press("down")
        assert field.value == "app:tls"


async def test_the_right_arrow_takes_the_completion() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        field = await typed(pilot, "")
        await pilot.press("s", "r")
        await settle(pilot)
        await pilot.press("right")
        assert field.value == "src:"


async def test_s_sorts_by_the_next_column_and_the_heading_shows_which_and_how() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        app.screen.look_at(table(app, "flows"))  # type: ignore[attr-defined]
        await pilot.press("s")
        assert "source▲" in table(app, "flows").render_line(1).text
        sources = [row.split()[1 if row.startswith(">") else 0] for row in shown(app, "flows")]
        assert sources == sorted(sources)
        await pilot.press("S")
        assert "source▼" in table(app, "flows").render_line(1).text
        again = [row.split()[1 if row.startswith(">") else 0] for row in shown(app, "flows")]
        assert again == sorted(sources, reverse=True)


async def test_the_cursor_follows_its_row_through_a_sort() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        flows = table(app, "flows")
        app.screen.look_at(flows)  # type: ignore[attr-defined]
        await pilot.press("down", "down")
        key = flows.key
        await pilot.press("s", "s", "S")
        assert flows.key == key


async def test_a_hundred_thousand_flows_make_rows_only_for_what_is_seen() -> None:
    flows = tuple(scenario.flow(number) for number in range(100_000))
    app = console(engine(scenario.snapshot(flows=flows, scores={})))
    async with app.run_test(size=SIZE) as pilot:
        seen = table(app, "flows")
        made: list[str] = []
        listing = seen._arrangement.listing
        make = listing.row
        listing.row = lambda item: (made.append(item.id), make(item))[1]  # type: ignore[func-returns-value]
        app.screen.look_at(seen)  # type: ignore[attr-defined]
        await pilot.press("end")
        assert seen.cursor == 99_999
        assert len(made) < 1_000


async def test_a_process_finds_its_incidents_and_a_table_without_processes_says_where_they_are_known() -> None:
    behind = {"INC-00000042": Processes(("java", "/usr/bin/java"), (8901,), ("shop",))}
    app = console(engine(scenario.snapshot(processes=behind)))
    async with app.run_test(size=SIZE) as pilot:
        for words in ("proc:java", "pid:8901", "user:shop"):
            await typed(pilot, words)
            assert table(app, "incidents").heading.endswith("1 of 2")
            assert table(app, "incidents").key == "INC-00000042"
            told = " ".join(" ".join(shown(app, "flows")).split())
            name = words.partition(":")[0]
            assert f"These rows have no {name}. The host names processes with incidents." in told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("pid:java", "at character 5: expected a number for pid"),
        ("prok:java", "at character 1: expected one of the fields"),
        ("(proc:java", "at character 11: expected a closing ) for the one at character 1"),
    ],
)
async def test_a_filter_that_is_none_says_what_is_wrong_and_where(words: str, reason: str) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await typed(pilot, words)
        assert reason in said(app)
        assert "No row matches" not in " ".join(shown(app, "incidents"))
        await pilot.press("enter")
        await settle(pilot)
        assert reason in said(app)


async def test_the_name_of_a_field_that_is_being_typed_hides_no_row() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        for text in ("sev", "sev:", "sev:zz"):
            await typed(pilot, text)
            assert len(table(app, "incidents").lines) == 2
        await typed(pilot, "sev:critical user")
        assert len(table(app, "incidents").lines) == 1


async def test_the_name_of_a_field_that_was_entered_is_a_word_to_look_for() -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await typed(pilot, "user")
        await pilot.press("enter")
        await pilot.pause()
        assert "No row matches 'user'" in " ".join(shown(app, "incidents"))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("slash",), "enter keep"),
        (("ctrl+p",), "enter run"),
        (("2", "o"), "esc back, the text is kept"),
        (("question_mark",), "esc close"),
        (("b",), "esc cancel"),
    ],
)
async def test_the_last_line_tells_the_keys_that_are_heard_now(keys: tuple[str, ...], words: str) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        view = next(screen for screen in reversed(app.screen_stack) if screen.query(Footer))
        last = view.query_one(Footer).render_line(0).text
        assert words in last
        assert "block" not in last
        await pilot.press("escape")
        await settle(pilot)
        assert "b block" in said(app)
