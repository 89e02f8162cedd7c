"""What steers the program is read only from where nobody else can write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import paths
from engine.agent.prompts import Prompts
from engine.ownership import FILE_BYTES, read_own
from engine.playbooks import read_playbooks

READERS: dict[str, Callable[[Path], object]] = {
    "any file": read_own,
    "a prompt": lambda file: Prompts(file.parent),
    "a playbook": lambda file: read_playbooks(paths.PLAYBOOKS, file.parent),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file that is a prompt and a playbook by its name and its content."""
    folder = tmp_path / "own"
    folder.mkdir(mode=0o755)
    made = folder / "verdict.md"
    made.write_bytes((paths.PLAYBOOKS / "scan.md").read_bytes())
    made.chmod(0o644)
    return made


@pytest.fixture(params=list(READERS.values()), ids=list(READERS))
def read(request: pytest.FixtureRequest) -> Callable[[Path], object]:
    """Return what reads such a file."""
    return request.param  # type: ignore[no-any-return]


Read = Callable[[Path], object]


def test_a_file_of_one_s_own_is_read(file: Path, read: Read) -> None:
    assert read(file)
    assert read_own(file) == (paths.PLAYBOOKS / "scan.md").read_bytes()


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_is_refused(mode: int, file: Path, read: Read) -> None:
    file.chmod(mode)
    with pytest.raises(PermissionError, match=r"verdict\.md is writable by others"):
        read(file)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_may_write_is_refused(mode: int, file: Path, read: Read) -> None:
    file.parent.chmod(mode)
    with pytest.raises(PermissionError, match="own is writable by others"):
        read(file)


def test_a_folder_within_one_that_anybody_may_write_is_refused(file: Path, read: Read, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="writable by others"):
        read(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("whole", [True, False], ids=["the file", "its folder"])
def test_what_belongs_to_somebody_else_is_refused(whole: bool, file: Path, read: Read) -> None:
    os.chown(file if whole else file.parent, 65534, 65534)
    with pytest.raises(PermissionError, match="belongs to another user"):
        read(file)


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_is_not_followed(target: str, file: Path, read: Read, tmp_path: Path) -> None:
    file.rename(tmp_path / "there")
    file.symlink_to(tmp_path / target)
    with pytest.raises(OSError, match="symbolic link"):
        read(file)


def test_a_pipe_is_not_waited_for(file: Path, read: Read) -> None:
    file.unlink()
    os.mkfifo(file, 0o644)
    with pytest.raises(PermissionError, match="not a regular file"):
        read(file)


def test_a_folder_in_its_place_is_named(file: Path) -> None:
    file.unlink()
    file.mkdir()
    with pytest.raises(PermissionError, match=r"verdict\.md is not a regular file"):
        read_own(file)


def test_a_file_that_is_too_long_is_refused(file: Path, read: Read) -> None:
    file.write_bytes(b"x" * (FILE_BYTES + 1))
    with pytest.raises(PermissionError, match="larger than 1 MiB"):
        read(file)


def test_a_prompt_is_read_once(file: Path) -> None:
    file.write_text("Mine.")
    prompts = Prompts(file.parent)
    file.write_text("Somebody else's.")
    assert prompts.text("verdict") == "Mine."
