"""The library of stored incidents, and packs made from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.pack import read_pack, verify
from engine.shelf import PAGE, Shelf
from engine.store.database import open_store
from engine.store.rows import Row, put_alert, put_incident, put_verdict
from engine.types import Origin
from tests.aegis_tui import scenario


@asynccontextmanager
async def shelf(folder: Path, *rows: Row) -> AsyncIterator[Shelf]:
    async def settled() -> None:
        return

    async with open_store(folder / "aegis.db") as store:
        await store.write(rows)
        yield Shelf(lambda: store, settled, folder / "packs")


def _incident(number: int, source: str = "live", title: str = "Scan") -> Row:
    incident = scenario.incident(id=f"INC-{number:08x}", opened_at=1000.0 + number, title=title)
    return put_incident(incident, source)


async def test_every_incident_is_read_once_page_by_page_the_newest_first(tmp_path: Path) -> None:
    async with shelf(tmp_path, *(_incident(number) for number in range(2 * PAGE + 3))) as library:
        found: list[str] = []
        after = None
        while not found or after is not None:
            page = await library.library("", after)
            found += [entry.incident.id for entry in page.entries]
            after = page.after
    assert found == [f"INC-{number:08x}" for number in reversed(range(2 * PAGE + 3))]


async def test_incidents_of_the_same_moment_are_not_lost_between_pages(tmp_path: Path) -> None:
    same = [put_incident(scenario.incident(id=f"INC-{n:08x}", opened_at=5.0), "live") for n in range(PAGE + 5)]
    async with shelf(tmp_path, *same) as library:
        first = await library.library()
        second = await library.library("", first.after)
    assert len({entry.incident.id for entry in (*first.entries, *second.entries)}) == PAGE + 5


async def test_an_entry_tells_class_verdict_and_origin(tmp_path: Path) -> None:
    rows = [put_incident(scenario.incident(), "night.pcap"), put_alert(scenario.alert())]
    async with shelf(tmp_path, *rows, put_verdict(scenario.verdict())) as library:
        (entry,) = (await library.library()).entries
    assert (entry.event_class, entry.conclusion, entry.origin) == ("web_exploit", "malicious", Origin.REPLAY)
    assert entry.source == "night.pcap"


async def test_what_was_only_reported_says_so(tmp_path: Path) -> None:
    reported = scenario.alert(detection=replace(scenario.alert().detection, detector="event"))
    async with shelf(tmp_path, put_incident(scenario.incident(), "live"), put_alert(reported)) as library:
        (entry,) = (await library.library()).entries
    assert entry.origin is Origin.EVENT


@pytest.mark.parametrize(
    ("words", "numbers"),
    [("brute", {1}), ("sev:crit", {0, 1}), ("state:replay", {0}), ("night.pcap", {0}), ("id:INC-00000001", {1})],
)
async def test_the_library_is_searched_in_the_language_of_filters(
    tmp_path: Path, words: str, numbers: set[int]
) -> None:
    rows = (_incident(0, "night.pcap"), _incident(1, title="SSH brute force"))
    async with shelf(tmp_path, *rows) as library:
        page = await library.library(words)
    assert {int(entry.incident.id[4:], 16) for entry in page.entries} == numbers


async def test_words_that_are_no_filter_are_refused(tmp_path: Path) -> None:
    async with shelf(tmp_path) as library:
        with pytest.raises(ValueError, match="sev"):
            await library.library("sev:purple")


async def test_a_pack_goes_to_the_folder_of_packs_and_never_over_a_file(tmp_path: Path) -> None:
    async with shelf(tmp_path, put_incident(scenario.incident(), "live")) as library:
        path, digest = await library.save_pack("INC-00000042")
        assert path == str(tmp_path / "packs" / "INC-00000042.zip")
        assert verify(await asyncio.to_thread(read_pack, Path(path))).digest == digest
        with pytest.raises(FileExistsError, match=r"INC-00000042\.zip: File exists; with no place named it goes to /"):
            await library.save_pack("INC-00000042")
        other, _ = await library.save_pack("INC-00000042", str(tmp_path / "b.zip"), redacted=True)
    assert other == str(tmp_path / "b.zip")


async def test_an_incident_that_is_not_stored_cannot_be_packed(tmp_path: Path) -> None:
    async with shelf(tmp_path) as library:
        with pytest.raises(LookupError, match="INC-1"):
            await library.save_pack("INC-1")
