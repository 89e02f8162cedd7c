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
    if not is_same(process, start_time):
        return ProcessFacts(Finding.GONE, pid, detail="the process is gone, its PID belongs to another one now")
    started = procfs.start_time(process.start_ticks)
    notes: list[str] = []
    exe, deleted = parse_exe(_link(pid, "exe", notes))
    uid = procfs.parse_uid(_read(pid, "status", notes))
    facts = ProcessFacts(
        finding=Finding.FOUND,
        pid=pid,
        ppid=process.ppid,
        start_time=started,
        uid=uid,
        user=user_name(uid),
        comm=process.comm,
        exe=exe,
        exe_deleted=deleted,
        exe_sha256=program_hash(pid, notes),
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


def is_same(process: procfs.Stat, start_time: float) -> bool:
    """Say whether a process is the one that started then; 0 means any."""
    return not start_time or abs(procfs.start_time(process.start_ticks) - start_time) <= SAME_START_S


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


def exe_of(pid: int) -> tuple[str, bool]:
    """Return the path of a process's program and whether the file was deleted since; raises ``OSError``."""
    return parse_exe(procfs.text(os.fsencode(Path(f"/proc/{pid}/exe").readlink()), LINK_BYTES))


def program_hash(pid: int, notes: list[str]) -> str:
    """Return the SHA-256 of the program that runs, even when its file was deleted or replaced; empty with a note."""
    try:
        return file_hash(f"/proc/{pid}/exe")
    except OSError as error:
        notes.append(f"exe not hashed: {error.strerror or error}")
        return ""


def file_hash(path: str) -> str:
    """Return the SHA-256 of a regular file of at most ``HASH_BYTES``, also while it grows; raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(fd, "rb") as program:
        status = os.fstat(fd)
        digest, left = hashlib.sha256(), HASH_BYTES
        if not modes.S_ISREG(status.st_mode) or status.st_size > left:
            raise OSError(f"not a regular file of at most {HASH_BYTES >> 20} MiB")
        while left > 0 and (part := program.read(min(left, 1 << 20))):
            digest.update(part)
            left -= len(part)
        return digest.hexdigest()


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


def user_name(uid: int) -> str:
    """Return the name of a user, empty where there is none."""
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
