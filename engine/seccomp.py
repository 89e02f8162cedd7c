"""Refuses the one call by which a process types into its own terminal, for good.

A console shares the terminal of the root shell that started it. Whoever takes the console over needs no privilege to
type a command there (``TIOCSTI``, ``TIOCLINUX``), which root's shell then reads. Kernels from 6.2 on can refuse that by
``dev.tty.legacy_tiocsti``; not all do.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import termios
from typing import NamedTuple


class _Machine(NamedTuple):
    arch: int
    """What the kernel calls the convention of its system calls."""
    ioctl: int
    seccomp: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 16, 317),
    "aarch64": _Machine(0xC00000B7, 29, 277),
    "riscv64": _Machine(0xC00000F3, 29, 277),
}
_TIOCLINUX = 0x541C
_OTHER_CONVENTION = 0x40000000
"""x86-64 has a second set of numbers from here on."""
_SET_FILTER, _SPECULATION_AS_BEFORE = 1, 4
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER, _ARCH, _REQUEST = 0, 4, 24
"""Where the kernel's record holds them; of the request the lower half, which alone the kernel reads."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def refuse_typing() -> bool:
    """Refuse it in this thread and what it starts; ``no_new_privs`` must hold. Returns whether the kernel took it."""
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    steps = _steps(machine)
    program = _Program(len(steps) // 8, steps)
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (machine.seccomp, _SET_FILTER, _SPECULATION_AS_BEFORE)
    return bool(libc.syscall(*map(ctypes.c_long, arguments), ctypes.byref(program)) == 0)


def _steps(machine: _Machine) -> bytes:
    """Return the filter: operation, steps to leave out when it holds and when it does not, value."""
    steps = (
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 0, 7, machine.arch),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 5, 0, _OTHER_CONVENTION),
        (_EQUAL, 0, 3, machine.ioctl),
        (_LOAD, 0, 0, _REQUEST),
        (_EQUAL, 2, 0, termios.TIOCSTI),
        (_EQUAL, 1, 0, _TIOCLINUX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
