"""A database that cannot be had is replaced, and that is said."""

from __future__ import annotations

from pathlib import Path

from engine.store.database import Store
from engine.store.opening import open_or_begin_anew
from engine.store.rows import put_incident
from tests.factories import incident


async def _opened(path: Path | None) -> tuple[list[tuple[str, str, str]], int]:
    """Return what was said, and how many incidents the database holds after one was written."""
    said: list[tuple[str, str, str]] = []
    async with open_or_begin_anew(path, lambda *words: said.append(words)) as store:
        await _write(store)
        return said, len(await store.incidents())


async def _write(store: Store) -> None:
    await store.write([put_incident(incident(), "test")])


async def test_a_sound_database_is_opened_without_a_word(tmp_path: Path) -> None:
    assert await _opened(tmp_path / "aegis.db") == ([], 1)
    assert await _opened(None) == ([], 1)


async def test_a_damaged_database_is_set_aside_and_another_begun(tmp_path: Path) -> None:
    path = tmp_path / "aegis.db"
    path.write_bytes(b"no database" * 1000)
    ((ability, message, remedy),), incidents = await _opened(path)
    assert (ability, remedy, incidents) == ("store", "a new database was begun", 1)
    assert (tmp_path / message.rsplit(" ", 1)[-1]).read_bytes() == b"no database" * 1000


async def test_a_place_that_cannot_be_written_leaves_a_database_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said, incidents = await _opened(tmp_path / "file" / "aegis.db")
    assert incidents == 1
    assert "nothing of this run will be kept" in said[0][2]
