"""Reads the kernel's text about processes; every parser takes bytes and never raises on garbage."""

from __future__ import annotations

import os
import socket
import stat as modes
import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

TEXT_BYTES = 4096
"""Most bytes kept of a command line or name: processes choose these themselves."""
ANCESTORS = 64
"""Most ancestors walked; deeper trees are cut."""
UNSET_LOGIN = 0xFFFFFFFF
SO_NETNS_COOKIE = 71
FIRST_NETWORK = 0xEFFFFFF9
"""The host's network namespace, ``NET_NS_INIT_INO`` since Linux 6.18; earlier kernels number from 0xF0000000 up."""


class Stat(NamedTuple):
    """The fields of ``/proc/PID/stat`` that name a process and its terminal."""

    pid: int
    comm: str
    ppid: int
    tty_nr: int
    start_ticks: int
    """Clock ticks after boot; with the PID it names the process for good."""


def read(path: str, limit: int = 65536) -> bytes:
    """Return the start of a kernel file, without waiting for a writer; raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _start_of(fd, limit)
    finally:
        os.close(fd)


def read_plain(path: str, limit: int = 65536) -> bytes:
    """Return the start of a regular file that is no link, as where others may write; raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY)
    try:
        if not modes.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(f"{path} is no regular file")
        return _start_of(fd, limit)
    finally:
        os.close(fd)


def _start_of(fd: int, limit: int) -> bytes:
    chunks = []
    while limit > 0 and (chunk := os.read(fd, min(limit, 1 << 20))):
        chunks.append(chunk)
        limit -= len(chunk)
    return b"".join(chunks)


def text(value: bytes, limit: int = TEXT_BYTES) -> str:
    """Return bounded text; what is not UTF-8 shows as backslash escapes."""
    return value[:limit].decode("utf-8", "backslashreplace")[:limit]


def number(value: bytes, base: int = 10, default: int = 0) -> int:
    """Return the number, or ``default`` where the bytes are none."""
    if len(value) > 20:
        return default
    try:
        return int(value, base)
    except ValueError:
        return default


def parse_stat(content: bytes) -> Stat | None:
    """Return the fields, or None for garbage; the name may itself hold spaces and brackets."""
    opening, closing = content.find(b"("), content.rfind(b")")
    fields = content[closing + 1 :].split()
    if opening < 0 or closing < opening or len(fields) < 20:
        return None
    comm = text(content[opening + 1 : closing], 64)
    return Stat(number(content[:opening].strip()), comm, number(fields[1]), number(fields[4]), number(fields[19]))


def parse_environ(content: bytes) -> dict[str, str]:
    """Return the variables of ``/proc/PID/environ``; entries without ``=`` are left out."""
    pairs = (entry.partition(b"=") for entry in content.split(b"\0"))
    return {text(name, 256): text(value) for name, equals, value in pairs if equals}


def parse_uid(status: bytes) -> int:
    """Return the real user id of ``/proc/PID/status``, -1 for garbage."""
    for line in status.splitlines():
        if line.startswith(b"Uid:"):
            fields = line.split()
            return number(fields[1], default=-1) if len(fields) > 1 else -1
    return -1


def login_uid(pid: int) -> int:
    """Return the audit login id of a process, which survives sudo and su; -1 where none was set."""
    try:
        found = number(read(f"/proc/{pid}/loginuid", 64).strip(), default=UNSET_LOGIN)
    except OSError:
        return -1
    return -1 if found == UNSET_LOGIN else found


def uid(pid: int) -> int:
    """Return the real user id of a process, -1 when it is gone."""
    try:
        return parse_uid(read(f"/proc/{pid}/status"))
    except OSError:
        return -1


def parse_capabilities(status: bytes) -> int:
    """Return the effective capabilities of ``/proc/PID/status``, 0 for garbage."""
    for line in status.splitlines():
        if line.startswith(b"CapEff:"):
            return number(line[7:].strip(), 16)
    return 0


def stat(pid: int) -> Stat | None:
    """Return what the kernel says of a process, or None when it is gone."""
    try:
        return parse_stat(read(f"/proc/{pid}/stat", TEXT_BYTES))
    except OSError:
        return None


def environ(pid: int) -> dict[str, str]:
    """Return the environment a process was started with, empty when gone or not permitted."""
    try:
        return parse_environ(read(f"/proc/{pid}/environ", 1 << 17))
    except OSError:
        return {}


def lineage(pid: int) -> list[Stat]:
    """Return the process and its ancestors, nearest first."""
    found: list[Stat] = []
    while pid > 0 and len(found) < ANCESTORS and (process := stat(pid)) is not None:
        found.append(process)
        pid = process.ppid
    return found


def pids(limit: int = 32768) -> list[int]:
    """Return the processes that exist now, lowest first."""
    return sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())[:limit]


def parse_boot_time(content: bytes) -> int:
    """Return the boot time of ``/proc/stat`` in seconds since the epoch, 0 for garbage."""
    for line in content.splitlines():
        if line.startswith(b"btime "):
            return number(line[6:].strip())
    return 0


@lru_cache(maxsize=1)
def _boot_time() -> int:
    """Read once: a clock that is set later must not rename every process."""
    try:
        return parse_boot_time(read("/proc/stat", 1 << 20))
    except OSError:
        return 0


def start_time(ticks: int) -> float:
    """Return seconds since the epoch for a process's start."""
    return _boot_time() + ticks / os.sysconf("SC_CLK_TCK")


def network_namespace(boot_id: str) -> str:
    """Return ``host`` for the first process's network namespace, else a name that no other namespace ever gets.

    The number of ``/proc/PID/ns/net`` would not do: the kernel uses it again.
    """
    if Path("/proc/self/ns/net").stat().st_ino in (FIRST_NETWORK, _network_of_first_process()):
        return "host"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        (cookie,) = struct.unpack("=Q", any_socket.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8))
    return f"{cookie} of boot {boot_id}"


def _network_of_first_process() -> int:
    try:
        return Path("/proc/1/ns/net").stat().st_ino
    except PermissionError:
        return FIRST_NETWORK
