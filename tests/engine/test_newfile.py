"""Files that are made once."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from engine.newfile import found_or_made, make, placed


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


def test_a_database_to_be_is_its_owners_alone_and_one_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    found_or_made(tmp_path / "new.db")
    assert (tmp_path / "new.db").stat().st_mode & 0o777 == 0o600
    make(tmp_path / "old.db", b"content")
    found_or_made(tmp_path / "old.db")
    assert (tmp_path / "old.db").read_bytes() == b"content"


def test_a_lock_of_this_process_on_what_is_there_is_kept(tmp_path: Path) -> None:
    asks = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with (tmp_path / "a.db").open("w+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        found_or_made(tmp_path / "a.db")
        other = subprocess.run([sys.executable, "-c", asks, tmp_path / "a.db"], capture_output=True, check=False)
    assert b"BlockingIOError" in other.stderr


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_is_refused_wherever_it_leads(tmp_path: Path, target: str) -> None:
    (tmp_path / "there").touch()
    (tmp_path / "a.db").symlink_to(tmp_path / target)
    with pytest.raises(PermissionError, match="it is a symbolic link"):
        found_or_made(tmp_path / "a.db")
    assert not (tmp_path / "nowhere").exists()


def test_what_is_no_plain_file_is_refused_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(PermissionError, match="it is no plain file"):
            found_or_made(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any file")
def test_what_this_user_may_not_write_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch(mode=0o400)
    with pytest.raises(PermissionError, match="it may not be read and written"):
        found_or_made(tmp_path / "a.db")
