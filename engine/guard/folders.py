"""Folders only root may have made, and the lock that lets one guard hold the host."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path


def secure_folder(path: Path, mode: int) -> Path:
    """Return the folder, made when missing; refuses one that a stranger made or may write to."""
    for parent in reversed(path.absolute().parents):
        _check(parent, sticky_is_safe=True)
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        _check(path, sticky_is_safe=False)
    path.chmod(mode)
    return path


def _check(path: Path, sticky_is_safe: bool) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise PermissionError(f"refusing {path}: it is a symbolic link")
    if not stat.S_ISDIR(status.st_mode):
        raise PermissionError(f"refusing {path}: it is no folder")
    if status.st_uid != 0:
        raise PermissionError(f"refusing {path}: it belongs to uid {status.st_uid}, not to root")
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if shared and not (sticky_is_safe and status.st_mode & stat.S_ISVTX):
        raise PermissionError(f"refusing {path}: others may write to it (mode {stat.S_IMODE(status.st_mode):04o})")


class HostLock:
    """One guard per host: the lock lasts as long as the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 256, 0).decode("ascii", "replace").strip() or "another guard"
            os.close(self._fd)
            raise BlockingIOError(f"this host is held by {holder}") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"guard with PID {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go."""
        os.close(self._fd)
