"""The file that a process runs: whose it is, since when, and which package brought it."""

from __future__ import annotations

import os
import stat as modes
from itertools import islice
from pathlib import Path
from time import monotonic

from engine.host import processes, procfs
from engine.types import FileFacts, Finding

PACKAGE_LISTS = Path("/var/lib/dpkg/info")
MOST_LISTS = 16384
LIST_BYTES = 8 << 20
"""Most bytes read of one package's list of files."""
LOOK_S = 2.0
"""After so long the search for the package ends without one."""


def program_file(pid: int, start_time: float = 0.0) -> FileFacts:
    """Return the facts of the file a process was started from, also where it was deleted since."""
    process = procfs.stat(pid)
    if process is None or not processes.is_same(process, start_time):
        return FileFacts(Finding.GONE, pid, detail="no such process any more")
    notes: list[str] = []
    try:
        path, deleted = processes.exe_of(pid)
        status = _status(pid)
    except FileNotFoundError:
        return FileFacts(Finding.GONE, pid, detail="it has no program file: a kernel thread, or it ended")
    except OSError as error:
        finding = Finding.NOT_PERMITTED if isinstance(error, PermissionError) else Finding.GONE
        return FileFacts(finding, pid, detail=f"cannot look at its program: {error.strerror}")
    facts = FileFacts(
        finding=Finding.FOUND,
        pid=pid,
        path=path,
        owner=processes.user_name(status.st_uid) or str(status.st_uid),
        mode=f"{modes.S_IMODE(status.st_mode):04o}",
        size_bytes=status.st_size,
        modified_at=status.st_mtime,
        changed_at=status.st_ctime,
        deleted=deleted,
        sha256=processes.program_hash(pid, notes),
        detail="; ".join(notes),
    )
    again = procfs.stat(pid)
    if again is None or again.start_ticks != process.start_ticks:
        return FileFacts(Finding.GONE, pid, detail="the process ended while it was looked at")
    return facts


def package_of(path: str, lists: Path = PACKAGE_LISTS) -> str:
    """Return the Debian package that holds a file, empty where none does or there are no such lists."""
    if not path.startswith("/") or "\n" in path:
        return ""
    # With a merged /usr the kernel says /usr/bin/ls where the package says /bin/ls.
    names = {path, path.removeprefix("/usr")} if path.startswith("/usr/") else {path}
    wanted = tuple(b"\n" + os.fsencode(name) + b"\n" for name in names)
    until = monotonic() + LOOK_S
    try:
        found = list(islice(lists.glob("*.list"), MOST_LISTS))
    except OSError:
        return ""
    for file in found:
        if monotonic() > until:
            return ""
        try:
            content = b"\n" + procfs.read_plain(str(file), LIST_BYTES) + b"\n"
        except OSError:
            continue
        if any(name in content for name in wanted):
            return file.stem.partition(":")[0]
    return ""


def _status(pid: int) -> os.stat_result:
    fd = os.open(f"/proc/{pid}/exe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)
