from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.guard.folders import HostLock, secure_folder

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the folders must belong to it"),
]


def test_a_missing_folder_is_made_with_its_mode(tmp_path: Path) -> None:
    folder = secure_folder(tmp_path / "aegis", 0o711)
    assert folder.stat().st_mode & 0o7777 == 0o711


def test_an_own_folder_is_narrowed(tmp_path: Path) -> None:
    (tmp_path / "aegis").mkdir(mode=0o755)
    assert secure_folder(tmp_path / "aegis", 0o700).stat().st_mode & 0o7777 == 0o700


def test_a_strangers_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "aegis").mkdir(mode=0o700)
    os.chown(tmp_path / "aegis", 65534, 65534)
    with pytest.raises(PermissionError, match="belongs to uid 65534"):
        secure_folder(tmp_path / "aegis", 0o700)


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_folder_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "aegis").mkdir()
    (tmp_path / "aegis").chmod(mode)
    with pytest.raises(PermissionError, match="others may write"):
        secure_folder(tmp_path / "aegis", 0o700)


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "aegis").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="symbolic link"):
        secure_folder(tmp_path / "aegis", 0o700)


def test_a_folder_below_a_strangers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(PermissionError, match="theirs"):
        secure_folder(tmp_path / "theirs" / "aegis", 0o700)


def test_a_second_holder_learns_who_holds_the_host(tmp_path: Path) -> None:
    first = HostLock(tmp_path / "lock")
    with pytest.raises(BlockingIOError, match=f"PID {os.getpid()}"):
        HostLock(tmp_path / "lock")
    first.release()
    HostLock(tmp_path / "lock").release()
