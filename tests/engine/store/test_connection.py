"""The file is private, written all or nothing, and put aside when it is damaged."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from engine.store.connection import set_aside
from engine.store.database import open_store
from engine.store.rows import (
    put_incident,
)
from engine.store.schema import MIGRATIONS
from tests.factories import incident
from tests.other_program import keeps_the_log_of


async def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db"):
        mode = (tmp_path / "a.db").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize("there", [True, False])
async def test_a_link_to_another_disk_is_followed(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "elsewhere.db").touch()
    (tmp_path / "a.db").symlink_to("elsewhere.db")
    async with open_store(tmp_path / "a.db") as store:
        assert await store.incidents() == []
    assert ((tmp_path / "a.db").is_symlink(), (tmp_path / "elsewhere.db").stat().st_size > 0) == (True, True)


async def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").symlink_to("a.db")
    with pytest.raises(OSError, match="symbolic link"):
        async with open_store(tmp_path / "a.db"):
            pass


async def test_one_that_is_open_already_stays_locked_for_other_programs(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as first:
        async with open_store(tmp_path / "a.db"):
            pass
        assert keeps_the_log_of(tmp_path / "a.db")
        assert await first.incidents() == []


async def test_a_failed_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        with pytest.raises(sqlite3.Error):
            await store.write([put_incident(incident(), "live"), ("INSERT INTO nowhere VALUES (1)", ())])
        assert await store.incidents() == []


async def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    raw.close()
    with pytest.raises(ValueError, match="newer aegis-tui"):
        async with open_store(tmp_path / "a.db"):
            pass


def test_a_damaged_database_is_set_aside_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"damaged")
    first = set_aside(file)
    file.write_bytes(b"damaged again")
    second = set_aside(file)
    assert (first.read_bytes(), second.read_bytes()) == (b"damaged", b"damaged again")
