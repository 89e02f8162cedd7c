"""Gives up root before the first captured byte is parsed.

The standard library has no ``prctl`` and no ``capset``, so this file calls both through ctypes; they
act on the calling thread only, which is why nothing else may run yet.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from engine.types import Fault

_SET_DUMPABLE, _CAPBSET_DROP, _SET_SECUREBITS, _SET_NO_NEW_PRIVS = 4, 24, 28, 38
_NO_ROOT_NO_AMBIENT_LOCKED = 0x01 | 0x02 | 0x40 | 0x80
_CAPABILITY_VERSION_3 = 0x20080522


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
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("privileges must be dropped before the first thread starts")
    if os.geteuid() != 0:
        _seal()
        name = _name(os.geteuid())
        return Dropped(name, f"user {name}, had no privileges to drop")
    user = target_user(environ)
    blocked = _unreadable(user)
    _drop_bounding_set()
    if not blocked:
        _become(user)
    _drop_capabilities()
    _seal()
    if blocked:
        return Dropped("root", "uid 0 without capabilities", _fault(user, blocked))
    return Dropped(user.pw_name, f"user {user.pw_name}, no capabilities")


def ensure_engine_state(user: str, state: Path) -> Path:
    """Return the engine's own folder below the guard's, made for ``user`` and closed to others.

    A folder left by another user of this program (``nobody`` before ``make install``) changes hands
    with its files. Call it as root, after the guard secured ``state``.
    """
    owner = pwd.getpwnam(user)
    folder = state / "engine"
    if not folder.exists() and not folder.is_symlink():
        folder.mkdir(mode=0o700)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name in os.listdir(fd):  # noqa: PTH208 - by descriptor, so that nobody swaps the folder
            _hand_over(name, fd, owner)
        os.fchown(fd, owner.pw_uid, owner.pw_gid)
        os.fchmod(fd, 0o700)
    finally:
        os.close(fd)
    return folder


def _hand_over(name: str, folder: int, owner: pwd.struct_passwd) -> None:
    """Change a file's owner; a link, or a file that also has a name elsewhere, keeps its own."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return
    try:
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            os.fchown(fd, owner.pw_uid, owner.pw_gid)
    finally:
        os.close(fd)


def _unreadable(user: pwd.struct_passwd) -> str:
    """Return the first folder of the program that the user cannot enter, or empty; a child tries it."""
    folders = list(
        dict.fromkeys([sys.base_prefix, sys.prefix, str(Path(os.__file__).parent), str(Path(__file__).parent)])
    )
    child = os.fork()
    if child == 0:
        _try_folders(user, folders)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return "" if code == 0 else folders[code - 1] if 0 < code <= len(folders) else "the program"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _try_folders(user: pwd.struct_passwd, folders: list[str]) -> NoReturn:
    """End the child with the number of the first closed folder, 0 when all are open."""
    code = 255
    try:
        _become(user)
        closed = [at for at, folder in enumerate(folders, 1) if not os.access(folder, os.R_OK | os.X_OK)]
        code = closed[0] if closed else 0
    finally:
        os._exit(code)


def _become(user: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)


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


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "cannot drop capabilities")


def _seal() -> None:
    """No program started from here gains privileges, and no process of the same user can trace this one."""
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [ctypes.c_ulong(number) for number in (value, 0, 0, 0)]
    if libc.prctl(ctypes.c_int(option), *arguments) != 0:
        raise OSError(ctypes.get_errno(), f"cannot set process control {option} to {value}")
