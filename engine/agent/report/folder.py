"""The folder of reports: one folder a day, kept from other users, and nothing in it is ever followed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from engine.agent.report.moments import day as day_of
from engine.agent.report.rendering import FORMS, report
from engine.types import IncidentView

DAY_FILES: Final = 6000
"""Files in the folder of one day; a further incident's report is refused, those that are there go on."""

REPORTED_FILES: Final = DAY_FILES // 2
REPORTED_DAYS: Final = 366
"""Files of one day, and days, that incidents may fill which were only reported: their day is what somebody wrote."""

_ID = re.compile(r"[A-Za-z0-9-]{1,64}\Z", re.ASCII)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def save_report(folder: Path, view: IncidentView, forms: Sequence[str] = FORMS, lang: str = "en") -> list[Path]:
    """Write an incident's report to the day's folder in ``folder`` and return the files: each is whole, or as it was.

    Raises:
        OSError: it cannot be written, or the folders are not this user's own.
        ValueError: the incident's id cannot be the name of a file.
    """
    incident = view.incident
    if not _ID.match(incident.id):
        msg = f"cannot save a report of {incident.id!r}: it is no name of a file"
        raise ValueError(msg)
    day = day_of(incident.opened_at)
    mark = "" if lang == "en" else f".{lang}"
    texts = {f"{incident.id}{mark}.{form}": report(view, form, lang) for form in forms}
    reported = bool(view.alerts) and all(alert.detection.detector == "event" for alert in view.alerts)
    if reported:
        with _opened(folder.parent, folder.name) as days:
            _need_room(days, day, REPORTED_DAYS, "days")
    with _opened(folder.parent, folder.name, day) as place:
        for name, text in texts.items():
            _need_room(place, name, REPORTED_FILES if reported else DAY_FILES, "files of this day")
            _write(place, name, text.encode())
    return [folder / day / name for name in texts]


@contextmanager
def _opened(above: Path, *names: str) -> Iterator[int]:
    """Yield a descriptor of the folder below ``above``, made where it is missing."""
    folder = os.open(above, _DIRECTORY)
    try:
        for name in names:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
            below = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
            _need_own(folder, name)
        yield folder
    finally:
        os.close(folder)


def _need_own(folder: int, name: str) -> None:
    found = os.fstat(folder)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        msg = f"cannot save a report: the folder {name} is open to others, or another user's"
        raise PermissionError(msg)


def _write(folder: int, name: str, content: bytes) -> None:
    """Put a file in its place at once: a reader sees the old one or the new one, and a link is replaced."""
    fresh = f".{name}.{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(fresh, dir_fd=folder)
    try:
        with os.fdopen(os.open(fresh, _FRESH, 0o600, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=folder)
        raise


def _need_room(folder: int, name: str, most: int, what: str) -> None:
    there = os.listdir(folder)
    if name not in there and len(there) >= most:
        msg = f"cannot save a report: {most} {what} are kept already"
        raise OSError(msg)
