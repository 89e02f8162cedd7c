"""A damaged database of documents is put aside and said, never fatal."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from engine.config import Settings
from engine.documents.opening import open_documents
from tests.engine.documents.conftest import Opener
from tests.other_program import keeps_the_log_of


def test_what_was_added_is_there_the_next_time(opened: Opener, papers: Path, tmp_path: Path) -> None:
    first = opened()
    first.add(papers)
    found = first.search("restore the database")
    first.close()
    assert opened().search("restore the database") == found
    assert stat.S_IMODE((tmp_path / "documents.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["not a database at all", "a page in the middle"])
def test_a_damaged_database_is_put_aside_and_said(opened: Opener, papers: Path, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "documents.db"
    if damage.startswith("not"):
        file.write_bytes(b"x" * 5000)
    else:
        first = opened()
        first.add(papers)
        first.close()
        content = bytearray(file.read_bytes())
        content[8192:20480] = b"\xff" * 12288
        file.write_bytes(content)
    documents = opened()
    assert "was damaged" in documents.fault
    assert (tmp_path / "documents.db.damaged-1").exists()
    assert documents.entries() == []
    assert len(documents.add(papers).new) == 2


def test_a_later_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "documents.db"
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ValueError, match="newer aegis-tui"):
        open_documents(file, Settings())
    assert not (tmp_path / "documents.db.damaged-1").exists()


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "documents.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="a symbolic link"):
        open_documents(tmp_path / "documents.db", Settings())


def test_one_that_is_open_already_stays_locked_for_other_programs(opened: Opener, tmp_path: Path) -> None:
    first = opened()
    opened().close()
    assert keeps_the_log_of(tmp_path / "documents.db")
    assert first.entries() == []
