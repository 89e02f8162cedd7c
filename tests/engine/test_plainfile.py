"""A file that is named is read to its end, and what has no end is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.plainfile import open_plain, read_plain


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "named"
    file.write_bytes(b"x" * 10)
    assert read_plain(file, 10) == b"x" * 10
    (tmp_path / "link").symlink_to(file)
    assert read_plain(tmp_path / "link", 10) == b"x" * 10


def test_what_is_larger_than_its_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "named"
    file.write_bytes(b"x" * 11)
    with pytest.raises(ValueError, match="named is larger than 10 bytes"):
        read_plain(file, 10)


def test_a_file_of_the_kernel_that_tells_no_size_is_held_to_the_bound_too() -> None:
    with pytest.raises(ValueError, match="/proc/self/status is larger than 10 bytes"):
        read_plain(Path("/proc/self/status"), 10)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is not a regular file"):
        read_plain(tmp_path / "pipe", 10)


@pytest.mark.parametrize("path", ["/dev/zero", "/tmp", "/dev/full"])
def test_a_device_or_a_folder_is_named_and_refused(path: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ValueError, match=f"^{path} is not a regular file$"):
        read_plain(Path(path), 10)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_is_missing_is_named_and_a_link_to_nothing_is_told_from_it(tmp_path: Path) -> None:
    link = tmp_path / "link"
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        read_plain(link, 10)
    link.symlink_to(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"a link to nothing: .*link"):
        read_plain(link, 10)


def test_a_link_is_not_followed_where_that_is_asked(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/status")
    with pytest.raises(OSError, match="symbolic link"):
        open_plain(tmp_path / "link", flags=os.O_NOFOLLOW)
