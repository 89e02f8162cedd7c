"""Files that are made once."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from engine.newfile import make, placed


def test_a_named_folder_gets_the_file_and_a_named_file_is_it(tmp_path: Path) -> None:
    assert placed(str(tmp_path), Path("unused"), "a.csv") == tmp_path / "a.csv"
    assert placed(str(tmp_path / "b.csv"), Path("unused"), "a.csv") == tmp_path / "b.csv"


def test_with_no_place_named_a_private_folder_is_made(tmp_path: Path) -> None:
    assert placed("", tmp_path / "exports", "a.csv") == tmp_path / "exports" / "a.csv"
    assert (tmp_path / "exports").stat().st_mode & 0o777 == 0o700


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    make(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("a", "link"):
        with pytest.raises(FileExistsError):
            make(tmp_path / name, b"x")
    assert (tmp_path / "a").read_text() == "kept"
    assert not (tmp_path / "elsewhere").exists()


def test_half_a_file_is_not_left_behind(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # as on a disk that is full
    try:
        with pytest.raises(OSError, match="too large"):
            make(tmp_path / "a", b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
