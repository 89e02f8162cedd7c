"""The writer keeps every row it accepted, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.store import writer as writing
from engine.store.database import Store, open_store
from engine.store.rows import Row, forget_incident, put_flow, put_incident
from engine.store.writer import Writer
from tests.factories import flow, incident


def fault(number: int) -> Row:
    return "INSERT INTO fault (at, body) VALUES (?, ?)", (float(number), "")


FITS_NOT: Row = ("INSERT INTO fault (number, at, body) VALUES (?, ?, ?)", (1, None, ""))


class Desk:
    """A writer at work, and what it said."""

    def __init__(self, file: Path, *, live: bool) -> None:
        self.file = file
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.broken: list[str] = []
        self.writer = Writer(self.said.put_nowait, self.broken.append, live=live)

    def stored(self) -> list[int]:
        with closing(sqlite3.connect(self.file)) as other:
            return [int(at) for (at,) in other.execute("SELECT at FROM fault ORDER BY number")]


@asynccontextmanager
async def at_work(folder: Path, *, live: bool = False) -> AsyncIterator[tuple[Desk, Store, asyncio.Task[None]]]:
    desk = Desk(folder / "a.db", live=live)
    async with open_store(desk.file) as store, asyncio.timeout(20):
        task = asyncio.create_task(desk.writer.run(store))
        try:
            yield desk, store, task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await desk.writer.finish(store)


async def test_rows_are_written_in_the_order_they_came(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (desk, _, _):
        desk.writer.add(fault(number) for number in range(2500))
        await desk.writer.drained()
        assert desk.stored() == list(range(2500))


async def test_waiting_for_what_was_accepted_does_not_wait_for_what_comes_later(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (desk, _, task):
        desk.writer.add([fault(1)])
        waiting = asyncio.create_task(desk.writer.drained())
        while not waiting.done():
            desk.writer.add([fault(2)])
            await asyncio.sleep(0)
        assert not task.done()


async def test_a_row_that_does_not_fit_is_quarantined_and_the_rest_is_written(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (desk, store, _):
        desk.writer.add([fault(1), FITS_NOT, fault(2), fault(3)])
        await desk.writer.drained()
        assert desk.stored() == [1, 2, 3]
        assert (await store.counts())["quarantine"] == 1
        assert "NOT NULL" in desk.broken[0]


async def test_text_that_is_no_unicode_is_stored_with_its_bytes_named(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (desk, store, _):
        desk.writer.add([put_incident(incident(), "\udcff.pcap")])
        await desk.writer.drained()
        assert await store.source_of(incident().id) == "\\udcff.pcap"
        assert desk.broken == []


async def test_a_locked_database_is_said_once_it_is_free_again_too_and_every_row_is_written(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (desk, _, _):
        with closing(sqlite3.connect(desk.file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            desk.writer.add([fault(1), fault(2)])
            assert "locked" in await desk.said.get()
            other.execute("ROLLBACK")
        await desk.writer.drained()
        assert desk.stored() == [1, 2]
        assert desk.said.get_nowait() == ""


async def test_a_view_does_not_wait_for_a_database_that_fails(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (desk, _, _):
        with closing(sqlite3.connect(desk.file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            desk.writer.add([fault(1)])
            await desk.writer.settled()
            assert desk.writer.fill()[0] == 1
            other.execute("ROLLBACK")


async def test_a_writer_cancelled_while_it_writes_writes_nothing_twice(tmp_path: Path) -> None:
    for turn in range(20):
        folder = tmp_path / str(turn)
        folder.mkdir()
        async with at_work(folder) as (desk, _, _):
            desk.writer.add(fault(number) for number in range(50))
            for _ in range(turn):
                await asyncio.sleep(0)
        assert desk.stored() == list(range(50))


@pytest.mark.parametrize("live", [False, True], ids=["replay holds back", "live goes on"])
async def test_a_failing_database_holds_back_a_replay_but_never_the_watch(tmp_path: Path, live: bool) -> None:
    async with at_work(tmp_path, live=live) as (desk, _, _):
        with closing(sqlite3.connect(desk.file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            desk.writer.add([fault(0)])
            await desk.said.get()
            desk.writer.add(put_flow(flow(), "live") for _ in range(writing.MAX_WAITING + 1))
            desk.writer.add([fault(1)])
            assert desk.writer.is_full() is not live
            assert desk.writer.refused == (2 if live else 0)
            other.execute("ROLLBACK")
        await desk.writer.drained()
        assert desk.stored() == [0, 1]


async def test_a_damaged_database_is_put_aside_and_the_rows_go_to_a_new_one(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (desk, _, _):
        desk.writer.add([fault(1)])
        await desk.writer.drained()
        with closing(sqlite3.connect(desk.file, isolation_level=None)) as other:
            other.execute("INSERT INTO fault (at, body) VALUES (2, '')")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with desk.file.open("r+b") as raw:
            raw.seek(4096)
            raw.write(b"\xff" * (desk.file.stat().st_size - 4096))
        desk.writer.add([fault(3)])
        await desk.writer.drained()
        assert desk.stored() == [3]
        assert "a.db.damaged-1" in desk.said.get_nowait()


async def test_nothing_is_written_of_a_spared_incident_and_everything_else_is(tmp_path: Path) -> None:
    spared, other = incident(id="INC-1"), incident(id="INC-2")
    async with at_work(tmp_path) as (desk, store, _):
        await store.write([put_incident(spared, "a.pcap")])
        desk.writer.spared = await store.of_other_sources("b.pcap")
        later = [put_incident(replace(one, title="later"), "b.pcap") for one in (spared, other)]
        desk.writer.add([*forget_incident(spared.id), *later, fault(1)])
        await desk.writer.drained()
        assert {one.id: one.title for one in await store.incidents()} == {"INC-1": spared.title, "INC-2": "later"}
        assert (desk.stored(), desk.writer.left) == ([1], {"INC-1"})
