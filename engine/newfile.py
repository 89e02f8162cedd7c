"""A file that is made once: never one that is there already, and nobody else's to read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def placed(named: str, folder: Path, name: str) -> Path:
    """Return where a file goes: a folder or a file that a person named, or ``folder``, which is made when missing."""
    if not named:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Path(named).expanduser() if named else folder
    return place / name if place.is_dir() else place


def begin(path: Path) -> BinaryIO:
    """Return a new file to write into, for who may not make one any more by the time there is something to write.

    Raises:
        OSError: it is there already, or cannot be made.
    """
    return os.fdopen(os.open(path, _NEW, PRIVATE), "wb")


def found_or_made(path: Path) -> None:
    """Make an empty file for a database where there is none; one that is there is not opened.

    Closing any descriptor of a file drops every POSIX lock that this process holds on it. SQLite's are such: without
    them another program takes a database that is in use here for closed, and removes its write-ahead log.

    Raises:
        OSError: it is a link or no plain file, or this user may not read and write it.
    """
    try:
        os.close(os.open(path, _NEW, PRIVATE))
    except FileExistsError:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            wrong = "it is a symbolic link" if stat.S_ISLNK(mode) else "it is no plain file"
            raise PermissionError(errno.EACCES, wrong, str(path)) from None
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, "it may not be read and written", str(path)) from None


def make(path: Path, content: bytes) -> None:
    """Write a new file; half of one is not left behind.

    Raises:
        OSError: it is there already, or cannot be made.
    """
    opened = begin(path)
    try:
        with opened as file:
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)
        raise
