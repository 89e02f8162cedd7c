"""A program on a pseudo-terminal of its own: what it sends, when, and what it costs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from pathlib import Path

from benchmarks.terminal import usage

ROOT = Path(__file__).parent.parent.parent
_ASKED = re.compile(rb"\x1b\[(?:(6)n|(c)|\?(\d+)\$p|(\?u))")


class Terminal:
    """Runs a program and reads all it sends; answers the questions that a plain xterm answers."""

    def __init__(self, command: list[str], columns: int, rows: int, given: dict[str, str]) -> None:
        self.began = time.monotonic()
        self.sent = b""
        self.first_at = 0.0
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.pid = os.fork()
        if not self.pid:
            _become(command, slave, given)
        os.close(slave)
        os.set_blocking(master, False)
        self.master = master

    def pump(self, seconds: float) -> int:
        """Read for a while; returns how many bytes came."""
        before, until = len(self.sent), time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._read(left)
        return len(self.sent) - before

    def wait_for(self, pattern: bytes, seconds: float = 20.0) -> float:
        """Return how many seconds passed until a pattern was sent, from now; infinite where it was not."""
        began, start = time.monotonic(), len(self.sent)
        while time.monotonic() < began + seconds:
            self._read(0.02)
            if re.search(pattern, self.sent[start:]):
                return time.monotonic() - began
        return float("inf")

    def settle(self, quiet_s: float = 0.4, most_s: float = 5.0) -> None:
        """Read until nothing came for a while."""
        until = time.monotonic() + most_s
        while time.monotonic() < until and self.pump(quiet_s):
            pass

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def answered(self, keys: str, seconds: float = 5.0) -> float:
        """Type, and return how long the first byte of the answer took."""
        self.press(keys)
        return self.wait_for(rb"(?s).", seconds)

    def finished(self, keys: str, quiet_s: float = 0.35) -> float:
        """Type, and return how long the last byte of the answer took: that after which nothing came for a while."""
        began = last = time.monotonic()
        self.press(keys)
        while time.monotonic() < last + quiet_s:
            before = len(self.sent)
            self._read(0.02)
            last = time.monotonic() if len(self.sent) > before else last
        return last - began

    def cpu_s(self) -> float:
        """Return the processor time used so far, of all threads."""
        return usage.cpu_s([self.pid])

    def rss_mb(self) -> float:
        """Return the memory in use."""
        return usage.rss_mb([self.pid])

    def hang_up(self, seconds: float = 10.0) -> float:
        """Take the terminal away, and return how long the program lived on."""
        began = time.monotonic()
        os.close(self.master)
        while time.monotonic() < began + seconds:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return time.monotonic() - began
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return float("inf")

    def end(self) -> None:
        """End a program that may not heed the end of its terminal, and all that it started."""
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)

    def _read(self, seconds: float) -> None:
        if not select.select([self.master], [], [], max(0.0, seconds))[0]:
            return
        with contextlib.suppress(OSError):
            came = os.read(self.master, 65536)
            self.first_at = self.first_at or time.monotonic()
            self.sent += came
            self._answer(came)

    def _answer(self, came: bytes) -> None:
        for found in _ASKED.finditer(came):
            place, device, mode, _ = found.groups()
            told = b"\x1b[1;1R" if place else b"\x1b[?62;22c" if device else b""
            told = b"\x1b[?%s;%d$y" % (mode, 2 if mode == b"2026" else 0) if mode else told
            os.write(self.master, told)


def environment(state: str) -> dict[str, str]:
    """Return what a program gets that is to meet the settings of nobody, and keeps its state where it is told."""
    own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    places = {"XDG_STATE_HOME": state, "XDG_CONFIG_HOME": state}
    return own | places | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}


def _become(command: list[str], slave: int, given: dict[str, str]) -> None:
    try:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for number in (0, 1, 2):
            os.dup2(slave, number)
        os.closerange(3, 64)
        os.execvpe(command[0], command, given)
    finally:
        os._exit(127)
