"""Describes one process: what it runs, for whom, since when, and what it is connected to."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import stat as modes
from pathlib import Path

from engine.host import procfs, sockets
from engine.types import Finding, ProcessFacts

HASH_BYTES = 64 << 20
"""Largest program file that is hashed."""
LIST_LIMIT = 64
LINK_BYTES = 1024
"""Most bytes kept of a path that a process chose."""
SAME_START_S = 2.0
"""Starts closer than this are the same process: the boot time is known to the second."""
UNIT = re.compile(r"^[\w@.:\\-]+\.(service|scope|socket|slice)$")


def describe(pid: int, start_time: float = 0.0) -> ProcessFacts:
    """Return the facts of a process; with its start time, a reused PID is told apart."""
    process = procfs.stat(pid)
    if process is None:
        return ProcessFacts(Finding.GONE, pid, detail="no such process any more")
    started = procfs.start_time(process.start_ticks)
    if start_time and abs(started - start_time) > SAME_START_S:
        return ProcessFacts(Finding.GONE, pid, detail="the process is gone, its PID belongs to another one now")
    notes: list[str] = []
    exe, deleted = _exe(pid, notes)
    uid = procfs.parse_uid(_read(pid, "status", notes))
    facts = ProcessFacts(
        finding=Finding.FOUND,
        pid=pid,
        ppid=process.ppid,
        start_time=started,
        uid=uid,
        user=_user(uid),
        comm=process.comm,
        exe=exe,
        exe_deleted=deleted,
        exe_sha256=_hash(pid, notes),
        cmdline=parse_cmdline(_read(pid, "cmdline", notes)),
        cwd=_link(pid, "cwd", notes),
        unit=parse_unit(_read(pid, "cgroup", notes)),
        parents=tuple(f"{parent.pid} {parent.comm}" for parent in procfs.lineage(process.ppid)),
        children=_children(pid),
        sockets=_sockets(pid, notes),
        detail="; ".join(dict.fromkeys(notes)),
    )
    again = procfs.stat(pid)
    if again is None or again.start_ticks != process.start_ticks:
        return ProcessFacts(Finding.GONE, pid, detail="the process ended while it was looked at")
    return facts


def parse_cmdline(content: bytes) -> tuple[str, ...]:
    """Return the arguments, together at most ``TEXT_BYTES``; a program that renamed itself leaves empty ones behind."""
    content = content[: procfs.TEXT_BYTES].rstrip(b"\0")
    return tuple(procfs.text(argument) for argument in content.split(b"\0")) if content else ()


def parse_unit(content: bytes) -> str:
    """Return the innermost systemd unit or container of ``/proc/PID/cgroup``, or empty."""
    for line in content.splitlines():
        path = procfs.text(line.split(b":", 2)[-1])
        for part in reversed(path.split("/")):
            if UNIT.match(part) and not part.endswith(".slice"):
                return part
            if re.fullmatch(r"[0-9a-f]{64}", part):
                return f"container {part[:12]}"
    return ""


def parse_exe(link: str) -> tuple[str, bool]:
    """Return the path and whether the file was deleted since."""
    return (link.removesuffix(" (deleted)"), True) if link.endswith(" (deleted)") else (link, False)


def _exe(pid: int, notes: list[str]) -> tuple[str, bool]:
    return parse_exe(_link(pid, "exe", notes))


def _hash(pid: int, notes: list[str]) -> str:
    """SHA-256 of the program that runs, even when its file was deleted or replaced."""
    try:
        fd = os.open(f"/proc/{pid}/exe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        notes.append(f"exe not hashed: {error.strerror}")
        return ""
    with os.fdopen(fd, "rb") as program:
        status = os.fstat(fd)
        if not modes.S_ISREG(status.st_mode) or status.st_size > HASH_BYTES:
            notes.append(f"exe not hashed: not a regular file of at most {HASH_BYTES >> 20} MiB")
            return ""
        return hashlib.file_digest(program, "sha256").hexdigest()


def _read(pid: int, name: str, notes: list[str]) -> bytes:
    try:
        return procfs.read(f"/proc/{pid}/{name}")
    except OSError as error:
        notes.append(f"{name}: {error.strerror}")
        return b""


def _link(pid: int, name: str, notes: list[str]) -> str:
    try:
        return procfs.text(os.fsencode(Path(f"/proc/{pid}/{name}").readlink()), LINK_BYTES)
    except OSError as error:
        notes.append(f"{name}: {error.strerror}")
        return ""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return ""


def _children(pid: int) -> tuple[str, ...]:
    processes = (procfs.stat(other) for other in procfs.pids())
    return tuple(f"{child.pid} {child.comm}" for child in processes if child and child.ppid == pid)[:LIST_LIMIT]


def _sockets(pid: int, notes: list[str]) -> tuple[str, ...]:
    try:
        return sockets.sockets_of(pid, LIST_LIMIT)
    except OSError as error:
        notes.append(f"sockets: {error.strerror}")
        return ()
