"""The days of the folder of reports: how much each holds, and the end of one. Nothing in them is followed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Day(NamedTuple):
    """The folder of one day."""

    name: str
    bytes: int
    """Of its files."""
    changed_at: float
    """When a file was last put there: the reports of what happened long ago may be new."""


def days_of(folder: Path) -> list[Day]:
    """Return the days there are, the oldest first."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        days = [entry.name for entry in entries if _DAY.match(entry.name) and entry.is_dir(follow_symlinks=False)]
        return [Day(day, _bytes_in(folder / day), (folder / day).lstat().st_mtime) for day in sorted(days)]
    return []


def incidents_of(folder: Path, day: str) -> list[str]:
    """Return what the files of a day are about, once each: the part of their names before the first dot."""
    with suppress(OSError), os.scandir(folder / day) as entries:
        return sorted({entry.name.partition(".")[0] for entry in entries})
    return []


def remove_day(folder: Path, day: str, kept: Collection[str] = ()) -> None:
    """Remove the files of a day but those about what is ``kept``, and its folder once it is empty.

    Raises:
        OSError: it is no folder, or not ours to change.
    """
    if not _DAY.match(day):
        msg = f"{day!r} is no day"
        raise ValueError(msg)
    place = os.open(folder / day, _DIRECTORY)
    try:
        for name in os.listdir(place):  # noqa: PTH208 - by descriptor: a folder put in its place is not entered
            if name.partition(".")[0] in kept:
                continue
            if stat.S_ISREG(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=place)
    finally:
        os.close(place)
    with suppress(OSError):  # something else lies in it, which is not ours to remove
        (folder / day).rmdir()


def _bytes_in(folder: Path) -> int:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    return 0
