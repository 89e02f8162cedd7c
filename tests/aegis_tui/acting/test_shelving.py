"""The library is read page by page, and searched in the database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegis_tui.bridge import CaptureFile
from aegis_tui.widgets.pane import Pane
from engine.types import LibraryEntry
from tests.aegis_tui import scenario
from tests.aegis_tui.console import engine, settle
from tests.aegis_tui.replayside import FakeStudio, console, entry, shown
from tests.aegis_tui.widgets.test_safe import BIDI, HOSTILE


async def test_older_incidents_are_read_when_the_cursor_comes_to_the_last() -> None:
    fake = engine(shelf=tuple(entry(number) for number in range(10, 99)), page=40)
    app = console(fake)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(3):
            await settle(pilot)
            app.poll()
            await pilot.press("end")
        await settle(pilot)
    pages = [call[2] for call in fake.asked if call[0] == "library"]
    assert pages == [None, *((scenario.NOW - number, f"INC-000000{number}") for number in (49, 89))]


async def test_a_page_that_does_not_fill_the_pane_is_followed_by_the_next() -> None:
    fake = engine(shelf=(entry(42), entry(43), entry(44)), page=1)
    app = console(fake)
    async with app.run_test(size=(120, 36)) as pilot:
        for _ in range(4):
            await settle(pilot)
            app.poll()
        assert "INC-00000044" in shown(app)


async def test_a_search_goes_to_the_database() -> None:
    fake = engine(shelf=(entry(42),))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"Log", "enter")
        await settle(pilot)
        pilot.app.poll()  # type: ignore[attr-defined]  # the console's
        await settle(pilot)
    assert [call[1] for call in fake.asked if call[0] == "library"][-1] == "Log"


async def test_a_search_that_finds_nothing_does_not_say_that_nothing_is_stored() -> None:
    app = console(engine(shelf=(entry(42),)))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"zebra", "enter")
        await settle(pilot)
        app.poll()
        await settle(pilot)
        assert "No stored incident matches 'zebra'. esc clears the filter." in shown(app)
        assert "No incident is stored" not in shown(app)


async def test_an_empty_library_teaches() -> None:
    app = console(engine())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.poll()
        await settle(pilot)
        app.poll()
        assert "aegis-tui demo" in shown(app)


@pytest.mark.parametrize("part", range(0, len(HOSTILE), 40))
async def test_hostile_names_of_captures_and_incidents_are_inert(part: int) -> None:
    texts = HOSTILE[part : part + 40]
    shelf = tuple(_hostile(number, text) for number, text in enumerate(texts))
    studio = FakeStudio(tuple(CaptureFile(f"/c/{text}", text, 1, 1.0) for text in texts))
    app = console(engine(shelf=shelf), studio=studio)
    async with app.run_test(size=(200, 120)) as pilot:
        await settle(pilot)
        app.poll()
        await settle(pilot)
        panes = list(app.screen.query(Pane))
        rows = [pane.render_line(y).text for pane in panes for y in range(pane.size.height)]
    assert sum("INC-000000" in row for row in rows) == len(texts)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or char in BIDI for row in rows for char in row)


def _hostile(number: int, text: str) -> LibraryEntry:
    found = entry(10 + number, source=text, event_class=text, conclusion=text)
    return replace(found, incident=replace(found.incident, title=text))
