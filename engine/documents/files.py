"""The user's files, found and opened: regular ones only, no links, nothing hidden in a folder.

All of them are opened before the first is read, so that a process that starts with more rights than it needs can give
them up in between.
"""

from __future__ import annotations

import os
import pwd
import resource
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from engine.documents.formats import FILE_BYTES, SUFFIXES

FILES = 10_000
"""Of one call."""
_SPARE = 128
"""Descriptors for everything else."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that can be read whatever becomes of its name or of this process's rights."""

    name: str
    """Absolute path, in characters that can be stored."""
    descriptor: int

    def read(self) -> bytes:
        """Return the content, of which one byte more than ``FILE_BYTES`` is enough, and close the file."""
        with os.fdopen(self.descriptor, "rb") as file:
            return file.read(FILE_BYTES + 1)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the paths that were named."""

    files: tuple[OpenFile, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Names, each with the reason why it is not read."""


@dataclass(slots=True)
class _Finding:
    files: list[OpenFile] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)


def open_files(named: Iterable[Path]) -> Found:
    """Open the files that were named and, of folders, those with a suffix that is known, however deep.

    Raises:
        ValueError: there are more than ``FILES``, or than this process may open.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard - _SPARE)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most + _SPARE), hard))
    finding = _Finding()
    for path in map(Path, map(os.path.abspath, named)):  # resolve() would follow links
        with _acting_as(_steerer(path)):
            _open_named(path, finding, most)
    return Found(tuple(finding.files), tuple(finding.skipped))


def _open_named(path: Path, finding: _Finding, most: int) -> None:
    try:
        kind = path.lstat().st_mode
        if stat.S_ISLNK(kind):
            finding.skipped.append((storable(path), "it is a link: name what it points to"))
        elif stat.S_ISDIR(kind):
            before = len(finding.files)
            _open_folder(path, finding, most)
            if len(finding.files) == before:
                finding.skipped.append((storable(path), f"no file in it ends in {' '.join(SUFFIXES)}"))
        else:
            _open_one(str(path), path, None, finding, most)
    except OSError as error:
        finding.skipped.append((storable(path), str(error.strerror)))


def _open_folder(path: Path, finding: _Finding, most: int) -> None:
    def note(error: OSError) -> None:
        finding.skipped.append((storable(error.filename or path), str(error.strerror)))

    for where, folders, names, descriptor in os.fwalk(path, onerror=note, follow_symlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and PurePath(name).suffix.lower() in SUFFIXES:
                _open_one(name, Path(where) / name, descriptor, finding, most)


def _open_one(name: str, path: Path, folder: int | None, finding: _Finding, most: int) -> None:
    """Open a file; its kind is looked at before, as opening a device can already do something."""
    if len(finding.files) >= most:
        _close(finding.files)
        raise ValueError(f"more than {most:,} files: add the folders below one after the other")
    try:
        kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(kind):
            return
        if not stat.S_ISREG(kind):
            finding.skipped.append((storable(path), "it is no regular file"))
            return
        descriptor = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        finding.skipped.append((storable(path), str(error.strerror)))
        return
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or (found.st_dev, found.st_ino) in finding.seen:
        os.close(descriptor)
        return
    finding.seen.add((found.st_dev, found.st_ino))
    finding.files.append(OpenFile(storable(path), descriptor))


def _close(files: list[OpenFile]) -> None:
    for file in files:
        os.close(file.descriptor)


def storable(path: Path | str) -> str:
    """Return a path in characters that can be stored and shown."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _steerer(path: Path) -> int:
    """Return the first user on the way to a path who is not root, and so decides what it leads to; else root."""
    for step in (*reversed(path.parents), path):
        try:
            owner = step.lstat().st_uid
        except OSError:
            break
        if owner != 0:
            return owner
    return 0


@contextmanager
def _acting_as(uid: int) -> Iterator[None]:
    """Have root open files with no more rights than that user; a plain user stays who they are."""
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    groups = os.getgroups()
    try:
        user = pwd.getpwuid(uid)
        gid, theirs = user.pw_gid, os.getgrouplist(user.pw_name, user.pw_gid)
    except KeyError:
        gid, theirs = pwd.getpwnam("nobody").pw_gid, []
    os.setgroups(theirs)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


Progress = Callable[[int, int, str], object]
"""Told how much of how much is done, and with what."""
