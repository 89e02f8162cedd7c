"""The mark of a panic that outlives a reboot: a file in the guard's folder, which only root may write to."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "halted"


def mark(state: Path) -> None:
    """Write the mark so that it is there after a power failure; raises ``OSError``."""
    fd = os.open(state / NAME, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_marked(state: Path) -> bool:
    """Whether a panic was not ended by a person yet; where that cannot be told, it was not."""
    try:
        (state / NAME).lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def clear(state: Path) -> None:
    """Remove the mark; raises ``OSError``."""
    (state / NAME).unlink(missing_ok=True)
