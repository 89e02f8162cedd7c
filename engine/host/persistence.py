"""The places from which something is started by itself: which changed last, and what each would start.

Whoever attacks writes some of these files, and users write into their homes: no link is followed,
only regular files are opened, and what lies on a file system that may keep a reader waiting is left alone.
"""

from __future__ import annotations

import os
import re
import stat as modes
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from heapq import nlargest
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from engine.host import procfs
from engine.host.processes import user_name
from engine.redaction import redact
from engine.types import Finding, Persistence, PersistencePoint

MOST_POINTS = 20
MOST_FILES = 1024
"""Most entries looked at of one folder."""
MOST_HOMES = 256
FILE_BYTES = 16384
"""Most bytes read of a file, from its start."""
EXCERPT_BYTES = 200
LINE_BYTES = 2048
"""Most of a line that is searched for secrets."""
NO_LOGIN = ("nologin", "false", "sync", "halt", "shutdown")
WAITING = re.compile(r"nfs|cifs|smb|fuse|autofs|ceph|afs|gluster|lustre|9p")
"""Types of file systems on which a reader may wait for another machine, or for a user's own program."""

CRON = (
    *(f"etc/cron.{when}" for when in ("d", "hourly", "daily", "weekly", "monthly")),
    "var/spool/cron/crontabs",
    "var/spool/cron",
)
UNITS = ("etc/systemd/system",)
UNIT_NAMES = (".service", ".timer", ".socket", ".path", ".mount", ".conf")
SINGLE = (
    ("cron", "etc", "crontab"), ("cron", "etc", "anacrontab"), ("ld_preload", "etc", "ld.so.preload"),
    ("rc", "etc", "rc.local"),
)  # fmt: skip
KEYS = ("authorized_keys", "authorized_keys2")

_FETCHES = re.compile(rb"curl|wget|base64|/dev/tcp|/tmp/|/dev/shm|/var/tmp|\bnc\b|command=|LD_PRELOAD", re.IGNORECASE)
_STARTS = re.compile(rb"\s*(?:ExecStart(?:Pre|Post)?|OnCalendar|OnBootSec|ListenStream|PathChanged|What)\s*=")
_ASSIGNS = re.compile(rb"\s*[A-Za-z_][A-Za-z0-9_]*\s*=")


class _Found(NamedTuple):
    """A file that may be told."""

    changed_at: float
    kind: str
    folder: str
    name: str
    uid: int


def persistence(root: Path = Path("/")) -> Persistence:
    """Return the places below a root folder that changed last, newest first."""
    notes: list[str] = []
    with ExitStack() as open_files:
        try:
            top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            return Persistence(Finding.NOT_PERMITTED, detail=f"cannot open {root}: {error.strerror}")
        open_files.callback(os.close, top)
        found = nlargest(MOST_POINTS, _files(top, notes))
        points = tuple(_point(top, one) for one in found)
    return Persistence(Finding.FOUND, points, "; ".join(dict.fromkeys(notes))[:500])


def telling(kind: str, content: bytes) -> str:
    """Return the line of a file that says most: one that fetches, or starts something; else the last for keys.

    Without its secrets: not everybody may read each of these files, and what is told of them goes further.
    """
    lines = [line.strip() for line in content.splitlines()]
    lines = [line for line in lines if line and not line.startswith((b"#", b";", b"["))]
    if kind == "unit":
        lines = [line for line in lines if _STARTS.match(line)] or lines
    elif kind == "cron":
        lines = [line for line in lines if not _ASSIGNS.match(line)] or lines
    fetching = [line for line in lines if _FETCHES.search(line)]
    if kind != "authorized_keys":
        return _shown((*fetching, *lines, b"")[0])
    return _shown(_without_key((*fetching, *lines[-1:], b"")[0]))


def parse_logins(passwd: bytes) -> list[tuple[str, str]]:
    """Return name and home of each user of a passwd file who has a login shell."""
    found = []
    for line in passwd.splitlines():
        fields = line.split(b":")
        if len(fields) == 7 and not fields[6].strip().endswith(tuple(name.encode() for name in NO_LOGIN)):
            found.append((procfs.text(fields[0], 64), procfs.text(fields[5], 1024)))
    return found


def parse_waiting(mountinfo: bytes) -> tuple[str, ...]:
    """Return where file systems are mounted that may keep a reader waiting, the root itself left out."""
    found = []
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(b" - ")
        place, kind = fields.split(), rest.split()
        if len(place) > 4 and kind and place[4] != b"/" and WAITING.search(procfs.text(kind[0], 64)):
            found.append(_unescaped(procfs.text(place[4])))
    return tuple(found)


def _files(top: int, notes: list[str]) -> Iterator[_Found]:
    for kind, folder, name in SINGLE:
        yield from _listed(top, kind, folder, notes, {name})
    for folder in CRON:
        yield from _listed(top, "cron", folder, notes)
    for folder in UNITS:
        yield from _listed(top, "unit", folder, notes, endings=UNIT_NAMES)
        for inner in _dropins(top, folder):
            yield from _listed(top, "unit", f"{folder}/{inner}", notes, endings=UNIT_NAMES)
    for home in _homes(top, notes):
        yield from _listed(top, "authorized_keys", f"{home}/.ssh", notes, set(KEYS))


def _listed(
    top: int, kind: str, folder: str, notes: list[str], names: set[str] | None = None, endings: tuple[str, ...] = ("",)
) -> Iterator[_Found]:
    """Yield the regular files of a folder that is reached over no link."""
    with ExitStack() as open_files:
        try:
            here = _folder(open_files, top, folder)
            # Files that are known by name are not searched for: who owns the folder could bury them among others.
            there = sorted(names) if names is not None else _names(open_files, here)
        except FileNotFoundError:
            return
        except OSError as error:
            notes.append(f"/{folder}: {error.strerror}")
            return
        for name in there:
            if not name.endswith(endings):
                continue
            with suppress(OSError):
                status = os.stat(name, dir_fd=here, follow_symlinks=False)
                if modes.S_ISREG(status.st_mode):
                    changed_at = max(status.st_mtime, status.st_ctime)
                    yield _Found(changed_at, kind, folder, name, status.st_uid)


def _names(open_files: ExitStack, folder: int) -> list[str]:
    return [entry.name for entry in islice(open_files.enter_context(os.scandir(folder)), MOST_FILES)]


def _dropins(top: int, folder: str) -> list[str]:
    with ExitStack() as open_files:
        try:
            entries = open_files.enter_context(os.scandir(_folder(open_files, top, folder)))
        except OSError:
            return []
        return [
            entry.name
            for entry in islice(entries, MOST_FILES)
            if entry.name.endswith(".d") and entry.is_dir(follow_symlinks=False)
        ]


def _homes(top: int, notes: list[str]) -> Iterator[str]:
    try:
        with ExitStack() as open_files:
            users = parse_logins(_content(_folder(open_files, top, "etc"), "passwd", 1 << 20))
        waiting = parse_waiting(procfs.read("/proc/self/mountinfo", 1 << 20))
    except OSError as error:
        notes.append(f"homes: {error.strerror}")
        return
    homes = dict.fromkeys(home.strip("/") for _, home in users if home.strip("/"))
    for home in islice(homes, MOST_HOMES):
        if _waits(f"/{home}", waiting) or _waits(f"/{home}/.ssh", waiting):
            notes.append(f"/{home} is on a file system that may keep a reader waiting: not looked at")
        else:
            yield home


def _waits(folder: str, mounts: Iterable[str]) -> bool:
    return any(folder == mount or folder.startswith(f"{mount.rstrip('/')}/") for mount in mounts)


def _folder(open_files: ExitStack, top: int, folder: str) -> int:
    """Open a folder part by part, so that no part is a link; raises ``OSError``."""
    here = top
    for part in folder.split("/"):
        if part in ("", ".", ".."):
            raise FileNotFoundError(f"{folder} is no plain path")
        here = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
        open_files.callback(os.close, here)
    return here


def _content(folder: int, name: str, limit: int) -> bytes:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=folder)
    try:
        status = os.fstat(fd)
        # A file with a second name may be somebody else's, whom the owner of the folder cannot read.
        return os.read(fd, limit) if modes.S_ISREG(status.st_mode) and status.st_nlink == 1 else b""
    finally:
        os.close(fd)


def _point(top: int, found: _Found) -> PersistencePoint:
    content = b""
    with ExitStack() as open_files, suppress(OSError):
        content = _content(_folder(open_files, top, found.folder), found.name, FILE_BYTES)
    path = procfs.text(os.fsencode(f"/{found.folder}/{found.name}"), 512)
    owner = user_name(found.uid) or str(found.uid)
    return PersistencePoint(found.kind, path, found.changed_at, owner, telling(found.kind, content))


def _shown(line: bytes) -> str:
    """Return the start of a line; secrets go before it is cut, since half of one may be none that a pattern knows."""
    return redact(procfs.text(line, LINE_BYTES))[:EXCERPT_BYTES]


def _without_key(line: bytes) -> bytes:
    """Return options, type and comment of a key: the key itself says nothing to a reader."""
    return re.sub(rb"(AAAA[A-Za-z0-9+/]{8})[A-Za-z0-9+/=]+", rb"\1...", line)


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
