"""A database that somebody else may have written is read for a while, and never changed."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from engine.store import reading
from engine.store.connection import connect
from engine.store.database import open_store
from engine.store.reading import read_store
from engine.store.rows import put_incident
from tests.factories import incident


async def _made(file: Path) -> Path:
    async with open_store(file) as store:
        await store.write([put_incident(incident(id="INC-1"), "a.pcap")])
    return file


async def _ids(file: Path) -> list[str]:
    async with read_store(file) as store:
        return [found.id for found in await store.incidents()]


async def test_what_is_stored_is_read_and_nothing_is_changed(tmp_path: Path) -> None:
    file = await _made(tmp_path / "what?.db")
    before = file.read_bytes()
    assert await _ids(file) == ["INC-1"]
    async with read_store(file) as store:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await store.write([put_incident(incident(id="INC-2"), "a.pcap")])
    assert file.read_bytes() == before


async def test_rows_that_a_killed_writer_left_in_the_log_are_read(tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.mkdir()
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_incident(incident(id="INC-1"), "a.pcap")])
        for name in ("a.db", "a.db-wal"):
            shutil.copy(tmp_path / name, left / name)
        assert await _ids(tmp_path / "a.db") == ["INC-1"]
    assert await _ids(left / "a.db") == ["INC-1"]


async def test_a_view_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LIMIT_S", 0.2)
    file = await _made(tmp_path / "a.db")
    with sqlite3.connect(file) as hostile:
        hostile.executescript(
            "DROP TABLE incident; CREATE VIEW incident AS WITH RECURSIVE n(i) AS"
            " (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, '' AS body, 0 AS opened_at FROM n;"
        )
    hostile.close()
    with pytest.raises(ValueError, match=r"a\.db: no answer within 0\.2 s"):
        await _ids(file)


async def test_what_is_no_database_of_this_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"no database at all\n" * 100)
    with pytest.raises(ValueError, match=r"junk\.db: file is not a database"):
        await _ids(tmp_path / "junk.db")
    for layout, said in ((0, "brings it forward"), (99, "newer")):
        other = sqlite3.connect(tmp_path / "other.db")
        other.execute(f"PRAGMA user_version = {layout}")
        other.execute("CREATE TABLE IF NOT EXISTS x (y)")
        other.close()
        with pytest.raises(ValueError, match=rf"other\.db: it has layout {layout}.*{said}"):
            await _ids(tmp_path / "other.db")


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.db: unable to open"):
        asyncio.run(_ids(tmp_path / "none.db"))
    assert list(tmp_path.iterdir()) == []


def test_no_thread_is_left_when_a_database_cannot_be_opened(tmp_path: Path) -> None:
    async def threads() -> list[str]:
        with pytest.raises(sqlite3.OperationalError):
            await connect(f"file:{tmp_path / 'none.db'}?mode=ro", uri=True)
        return [thread.name for thread in threading.enumerate() if "connection_worker" in thread.name]

    for _ in range(20):
        assert asyncio.run(threads()) == []
