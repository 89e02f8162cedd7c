"""Gives up root before the first captured byte is parsed.

The standard library has no ``prctl`` and no ``capset``, so this file calls both through ctypes; they
act on the calling thread only, which is why nothing else may run yet.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import select
import signal
import sqlite3
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

from engine.reason import reason
from engine.seccomp import refuse_typing
from engine.types import Fault

_SET_DUMPABLE, _CAPBSET_DROP, _SET_SECUREBITS, _SET_NO_NEW_PRIVS = 4, 24, 28, 38
_NO_ROOT_NO_AMBIENT_LOCKED = 0x01 | 0x02 | 0x40 | 0x80
_CAPABILITY_VERSION_3 = 0x20080522
_DONE, _MISSING, _FAILED = b"+", b"?", b"!"
_DEEPEST = 2
"""Folders below the engine's own: that of the reports, and one for each day."""
_REPLY_BYTES = 256 * 1024 * 1024
"""Most that a child may answer."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What the process runs as from now on."""

    user: str
    text: str
    """For the health screen, such as ``user aegis, no capabilities``."""
    fault: Fault | None = None
    """Set when the user could not be changed."""


def target_user(environ: Mapping[str, str]) -> pwd.struct_passwd:
    """Return the user to become: ``aegis``, else who called sudo, else nobody."""
    try:
        return pwd.getpwnam("aegis")
    except KeyError:
        pass
    caller = environ.get("SUDO_UID", "")
    try:
        if caller.isdecimal() and int(caller) != 0:
            return pwd.getpwuid(int(caller))
    except (KeyError, OverflowError):
        pass
    return pwd.getpwnam("nobody")


def plan_of(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the user that ``drop`` would become, and the folder closed to it that prevents it, or empty."""
    user = target_user(environ)
    return user.pw_name, _unreadable(user)


def engine_user(environ: Mapping[str, str]) -> str:
    """Return the user that the engine's files have to belong to."""
    user, blocked = plan_of(environ)
    return "root" if blocked else user


def drop(environ: Mapping[str, str] = os.environ) -> Dropped:
    """Give up every privilege for good; raises ``RuntimeError`` when threads run already."""
    _refuse_threads()
    if os.geteuid() != 0:
        _seal()
        name = _name(os.geteuid())
        return Dropped(name, f"user {name}, had no privileges to drop")
    user = target_user(environ)
    blocked = _unreadable(user)
    _drop_bounding_set()
    if not blocked:
        _become(user.pw_uid)
    _drop_capabilities()
    _seal()
    if blocked:
        return Dropped("root", "uid 0 without capabilities", _fault(user, blocked))
    return Dropped(user.pw_name, f"user {user.pw_name}, no capabilities")


def confine(uid: int) -> None:
    """Give up for good what root has beyond the files of one user; a plain user has nothing to give up.

    With ``uid`` 0 the process keeps root's own files and no capability.

    Raises:
        RuntimeError: threads run already.
        PermissionError: the program itself cannot be read that way.
    """
    if os.geteuid() != 0:
        return
    _refuse_threads()
    _drop_bounding_set()
    if uid:
        _become(uid)
    _drop_capabilities()
    _seal()
    closed = _closed(_program_folders())
    if closed:
        who = "root without capabilities" if uid == 0 else f"user {_name(uid)}"
        msg = f"{who} cannot read {closed[0]}: run this without sudo, or install for every user: sudo make install"
        raise PermissionError(msg)


def keep_only(capability: int) -> None:
    """Stay uid 0 with one capability and no way back to the others: enough to be told from an engine as root."""
    _refuse_threads()
    _drop_bounding_set()
    _drop_capabilities(1 << capability)
    _seal()


def run_as(uid: int, work: Callable[[], bytes], limit_s: float) -> bytes:
    """Return what ``work`` returns in a child that became another user for good.

    Raises:
        LookupError: ``work`` raised one.
        ValueError: anything else went wrong there; the text says what.
        TimeoutError: it took longer than ``limit_s``.
    """
    receive, send = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        _work_as(uid, work, send)
    os.close(send)
    try:
        reply = _receive(receive, limit_s)
    finally:
        os.close(receive)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if reply[:1] == _DONE:
        return reply[1:]
    reason = reply[1:].decode("utf-8", "backslashreplace") or "the reader ended without an answer"
    raise LookupError(reason) if reply[:1] == _MISSING else ValueError(reason)


def ensure_engine_state(user: str, state: Path) -> Path:
    """Return the engine's own folder below the guard's, made for ``user`` and closed to others.

    A folder left by another user of this program (``nobody`` before ``make install``) changes hands
    with its files and reports. Call it as root, after the guard secured ``state``.
    """
    owner = pwd.getpwnam(user)
    folder = state / "engine"
    if not folder.exists() and not folder.is_symlink():
        folder.mkdir(mode=0o700)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name in os.listdir(fd):  # noqa: PTH208 - by descriptor, so that nobody swaps the folder
            _hand_over(name, fd, owner, _DEEPEST)
        os.fchown(fd, owner.pw_uid, owner.pw_gid)
        os.fchmod(fd, 0o700)
    finally:
        os.close(fd)
    return folder


def _hand_over(name: str, folder: int, owner: pwd.struct_passwd, depth: int) -> None:
    """Change a file's owner; a link, or a file that also has a name elsewhere, keeps its own.

    A folder comes after what is in it, and is passed over when it has its owner: an interrupted start is made good.
    """
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return
    try:
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            os.fchown(fd, owner.pw_uid, owner.pw_gid)
        elif stat.S_ISDIR(found.st_mode) and found.st_uid != owner.pw_uid and depth:
            for inner in os.listdir(fd):  # noqa: PTH208 - by descriptor, so that nobody swaps the folder
                _hand_over(inner, fd, owner, depth - 1)
            os.fchown(fd, owner.pw_uid, owner.pw_gid)
    finally:
        os.close(fd)


def _unreadable(user: pwd.struct_passwd) -> str:
    """Return the first folder of the program that the user cannot enter, or empty."""
    return _first_closed(user.pw_uid, tuple(_program_folders()))


@cache
def _first_closed(uid: int, folders: tuple[str, ...]) -> str:
    """Have a child try it, once: it takes as long as all else of giving up root."""
    child = os.fork()
    if child == 0:
        _try_folders(uid, folders)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return "" if code == 0 else folders[code - 1] if 0 < code <= len(folders) else "the program"


def _program_folders() -> list[str]:
    return list(dict.fromkeys([sys.base_prefix, sys.prefix, str(Path(os.__file__).parent), str(Path(__file__).parent)]))


def _closed(folders: Sequence[str]) -> list[str]:
    return [folder for folder in folders if not os.access(folder, os.R_OK | os.X_OK)]


def _refuse_threads() -> None:
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("privileges must be dropped before the first thread starts")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _try_folders(uid: int, folders: Sequence[str]) -> NoReturn:
    """End the child with the number of the first closed folder, 0 when all are open."""
    code = 255
    try:
        _become(uid)
        closed = _closed(folders)
        code = folders.index(closed[0]) + 1 if closed else 0
    finally:
        os._exit(code)


def _work_as(uid: int, work: Callable[[], bytes], send: int) -> NoReturn:
    """Answer in one write after another, and end without what the parent wants to do at its own end."""
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nowhere, number)
        _drop_bounding_set()
        _become(uid)
        _drop_capabilities()
        _seal()
        _send(send, _answer(work))
    finally:
        os._exit(0)


def _answer(work: Callable[[], bytes]) -> bytes:
    try:
        return _DONE + work()
    except LookupError as error:
        return _MISSING + str(error).encode("utf-8", "backslashreplace")
    except (ValueError, OSError, sqlite3.Error, MemoryError) as error:
        return _FAILED + reason(error).encode("utf-8", "backslashreplace")


def _send(fd: int, reply: bytes) -> None:
    left = memoryview(reply)
    while left:
        left = left[os.write(fd, left) :]


def _receive(fd: int, limit_s: float) -> bytes:
    until = time.monotonic() + limit_s
    parts: list[bytes] = []
    size = 0
    while (left := until - time.monotonic()) > 0 and size <= _REPLY_BYTES:
        if not select.select([fd], [], [], left)[0]:
            break
        part = os.read(fd, 1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
    msg = f"no answer within {limit_s:g} s" if size <= _REPLY_BYTES else f"the answer is over {_REPLY_BYTES} bytes"
    raise TimeoutError(msg)


def _become(uid: int) -> None:
    """Take the ids of a user; one without an entry of its own gets the group of nobody."""
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:
        gid = pwd.getpwnam("nobody").pw_gid
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _fault(user: pwd.struct_passwd, blocked: str) -> Fault:
    return Fault(
        ability="privileges",
        message=f"cannot run as {user.pw_name}: {blocked} is closed to that user, so the engine keeps uid 0 without"
        " capabilities and could still change root's files",
        remedy="Install where every user can read it: sudo make install",
        at=time.time(),
    )


def _drop_bounding_set() -> None:
    _prctl(_SET_SECUREBITS, _NO_ROOT_NO_AMBIENT_LOCKED)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    for capability in range(last + 1):
        _prctl(_CAPBSET_DROP, capability)


def _drop_capabilities(kept: int = 0) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)(kept, kept)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "cannot drop capabilities")


def _seal() -> None:
    """No program started from here gains privileges or types at the terminal, and its user's others cannot trace it."""
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_DUMPABLE, 0)
    refuse_typing()


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [ctypes.c_ulong(number) for number in (value, 0, 0, 0)]
    if libc.prctl(ctypes.c_int(option), *arguments) != 0:
        raise OSError(ctypes.get_errno(), f"cannot set process control {option} to {value}")
