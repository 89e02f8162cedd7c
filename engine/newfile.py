"""A file that is made once: never one that is there already, and nobody else's to read."""

from __future__ import annotations

import os
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
