"""Answers a program's questions the way a person does: on a terminal."""

from __future__ import annotations

import os
import pty
import select
import time


def answer(command: list[str], question: bytes, reply: bytes, timeout_s: float = 30) -> tuple[int, str]:
    """Run a command on a terminal of its own, reply once to its question, and return exit status and what it wrote."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    said, answered, until = b"", False, time.monotonic() + timeout_s
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        said += chunk
        if not answered and question in said:
            answered = True
            os.write(terminal, reply)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said.decode("utf-8", "replace")
