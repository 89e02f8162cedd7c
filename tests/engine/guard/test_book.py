"""The guard's database is root's alone, and no other program takes it for closed."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from engine.guard.book import Book
from tests.other_program import keeps_the_log_of


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "guard.db").touch(mode=0o644)
    with closing(Book(tmp_path)):
        assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("guard.db*")} == {0o600}


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "guard.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        Book(tmp_path)
    assert not os.path.lexists(tmp_path / "elsewhere")


def test_one_that_is_open_already_stays_locked_for_other_programs(tmp_path: Path) -> None:
    with closing(Book(tmp_path)) as first:
        Book(tmp_path).close()
        assert keeps_the_log_of(tmp_path / "guard.db")
        assert first.chain.verify() == (0, [])
