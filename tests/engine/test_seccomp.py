from __future__ import annotations

import os
import platform
import pty
import sys

import pytest

TYPING = """
import ctypes, fcntl, os, struct, sys, termios
from engine import privileges
privileges.drop({})
libc = ctypes.CDLL(None, use_errno=True)
for request in (termios.TIOCSTI, termios.TIOCSTI | 1 << 32, 0x541C):
    failed = libc.ioctl(0, ctypes.c_ulong(request), ctypes.c_char_p(b"x"))
    print("refused" if failed and ctypes.get_errno() == 1 else "typed")
print("size" if len(fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))) == 8 else "no size")
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64", "riscv64"), reason="no filter is known for it")
def test_what_gave_up_root_cannot_type_into_the_shell_that_started_it() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", TYPING])
    assert _read(terminal).split() == ["refused", "refused", "refused", "size"]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _read(terminal: int) -> str:
    """Return what was written to a terminal until its last user closed it."""
    told = b""
    with os.fdopen(terminal, "rb", 0) as file:
        try:
            while part := file.read(4096):
                told += part
        except OSError:
            return told.decode()
    return told.decode()
