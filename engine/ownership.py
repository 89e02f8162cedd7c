"""Files of the user's that steer the program, read only where nobody else could have put or changed them."""

from __future__ import annotations

import os
import stat as modes
from pathlib import Path

from engine.plainfile import content_of, open_plain

FILE_BYTES = 1 << 20
"""Most of one file."""


def read_own(file: Path) -> bytes:
    """Return the content of the file that was checked, and of no other that takes its place meanwhile.

    Raises:
        PermissionError: others than root and this user could have written it, or it is no plain file, or too long.
        OSError: it cannot be read, or is a link.
    """
    for parent in (file.parent, *file.parent.resolve().parents):
        _refuse_strangers(parent, parent.stat(), whole=parent == file.parent)
    try:
        with open_plain(file, flags=os.O_NOFOLLOW) as source:
            _refuse_strangers(file, os.fstat(source.fileno()), whole=True)
            return content_of(source, file, FILE_BYTES)
    except ValueError as refusal:
        raise PermissionError(str(refusal)) from None


def _refuse_strangers(path: Path, status: os.stat_result, *, whole: bool) -> None:
    """Raise ``PermissionError`` where others than root and this user could put something of theirs.

    Above the file's own folder a group may write, and anybody in a folder with the sticky bit, such as /tmp.
    """
    shared = status.st_mode & (0o022 if whole else 0o002)
    if shared and (whole or not status.st_mode & modes.S_ISVTX):
        raise PermissionError(f"{path} is writable by others")
    if status.st_uid not in (0, os.geteuid()):
        raise PermissionError(f"{path} belongs to another user")
