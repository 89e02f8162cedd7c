"""Files of the user's that steer the program, read only where nobody else could have put or changed them."""

from __future__ import annotations

import os
import stat as modes
from pathlib import Path

FILE_BYTES = 1 << 20
"""Most of one file."""


def read_own(file: Path) -> bytes:
    """Return the content of the file that was checked, and of no other that takes its place meanwhile.

    Raises:
        PermissionError: others than root and this user could have written it, or it is no plain file.
        OSError: it cannot be read, or is a link.
    """
    for parent in (file.parent, *file.parent.resolve().parents):
        _refuse_strangers(parent, parent.stat(), whole=parent == file.parent)
    fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as source:
        status = os.fstat(fd)
        if not modes.S_ISREG(status.st_mode) or status.st_size > FILE_BYTES:
            raise PermissionError(f"{file} is no regular file of at most {FILE_BYTES >> 20} MiB")
        _refuse_strangers(file, status, whole=True)
        return source.read(FILE_BYTES)


def _refuse_strangers(path: Path, status: os.stat_result, *, whole: bool) -> None:
    """Raise ``PermissionError`` where others than root and this user could put something of theirs.

    Above the file's own folder a group may write, and anybody in a folder with the sticky bit, such as /tmp.
    """
    shared = status.st_mode & (0o022 if whole else 0o002)
    if shared and (whole or not status.st_mode & modes.S_ISVTX):
        raise PermissionError(f"{path} is writable by others")
    if status.st_uid not in (0, os.geteuid()):
        raise PermissionError(f"{path} belongs to another user")
