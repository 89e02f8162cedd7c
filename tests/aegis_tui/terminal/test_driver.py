"""The console goes when its terminal goes, however it goes."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pty
import select
import signal
import sys
import termios
import time
from pathlib import Path

import pytest
from textual.app import App
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from aegis_tui.terminal.driver import HangUpDriver
from tests.engine.bench import few_rules


def _console_until(word: bytes, typed_ahead: bytes = b"", errors: str = "&2") -> tuple[int, int]:
    """Start the demo on a terminal of its own, and return it and its process once a word is on screen.

    Its standard ``errors`` go where the shell takes them.
    """
    rules = str(few_rules())
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="80", LINES="24")
        program = [sys.executable, "-m", "aegis_tui", "demo", "--speed", "8", "--rules", rules]
        os.execv("/bin/sh", ["sh", "-c", f'exec "$@" 2>{errors}', "sh", *program])
    os.write(terminal, typed_ahead)
    shown, until = b"", time.monotonic() + 30
    while word not in shown and time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536)
    assert word in shown
    return process, terminal


def _gone_within(process: int, limit_s: float) -> bool:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if os.waitpid(process, os.WNOHANG)[0]:
            return True
        select.select([], [], [], 0.05)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


@pytest.mark.parametrize(
    "signals",
    [(), (signal.SIGHUP,), (signal.SIGHUP, signal.SIGCONT), (signal.SIGCONT, signal.SIGHUP), (signal.SIGTERM,)],
    ids=["no signal", "hang-up", "hang-up as from tmux", "continue, then hang-up", "terminate"],
)
def test_a_console_without_its_terminal_ends(signals: tuple[signal.Signals, ...]) -> None:
    process, terminal = _console_until(b"CRIT")
    os.close(terminal)
    for number in signals:
        os.kill(process, number)
    assert _gone_within(process, 8)


@pytest.mark.parametrize("closed", [False, True], ids=["into a file", "closed"])
def test_a_console_is_drawn_where_its_person_is_whatever_became_of_standard_error(closed: bool, tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    process, terminal = _console_until(b"CRIT", errors="&-" if closed else str(errors))
    os.write(terminal, b"q")
    assert _gone_within(process, 8)
    os.close(terminal)
    assert closed or errors.read_bytes() == b""


@pytest.mark.parametrize("typed", [b"q", b"q\n"], ids=["a key", "a line"])
def test_what_is_typed_before_the_console_is_there_is_no_key(typed: bytes) -> None:
    process, terminal = _console_until(b"CRIT", typed)
    os.write(terminal, b"q")
    assert _gone_within(process, 8)
    os.close(terminal)


CONTINUED = """
import os, signal, sys, threading
from textual.app import App
from aegis_tui.terminal.driver import HangUpDriver

class Continued(App[None]):
    def on_mount(self):
        for number in range(5):
            self.set_timer(0.1 + number / 5, lambda: os.kill(os.getpid(), signal.SIGCONT))
        self.set_timer(1.5, self.tell)

    def tell(self):
        readers = [thread for thread in threading.enumerate() if thread.name == "textual-input"]
        writers = [thread for thread in threading.enumerate() if thread.name == "textual-output"]
        self.exit(message=f"{len(readers)} reads, {len(writers)} writes")

app = Continued()
app.driver_class = HangUpDriver
app.run()
"""


def _running(code: str) -> tuple[int, int]:
    """Start a program on a terminal of its own; return its process and the other end of the terminal."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-c", code])
    return process, terminal


def test_a_console_that_is_told_to_go_on_has_one_reader_and_leaves_the_terminal_as_it_was() -> None:
    process, terminal = _running(CONTINUED)
    before, shown = termios.tcgetattr(terminal), b""
    with contextlib.suppress(OSError):  # the last byte was read
        while select.select([terminal], [], [], 30)[0]:
            shown += os.read(terminal, 65536)
            after = termios.tcgetattr(terminal)
    assert _gone_within(process, 8)
    assert b"1 reads, 1 writes" in shown
    assert after == before
    os.close(terminal)


CONTINUED_WHILE_WRITING = """
import os, signal
from textual.app import App
from aegis_tui.terminal.driver import HangUpDriver

class Writing(App[None]):
    def on_mount(self):
        self.set_timer(0.2, self.interrupt)

    def interrupt(self):
        with self._driver._writer_thread._queue.mutex:
            os.kill(os.getpid(), signal.SIGCONT)
        self.set_timer(0.5, self.exit)

app = Writing()
app.driver_class = HangUpDriver
app.run()
"""


def test_a_console_that_is_told_to_go_on_while_it_writes_does_not_wait_for_itself() -> None:
    process, terminal = _running(CONTINUED_WHILE_WRITING)
    with contextlib.suppress(OSError):  # the last byte was read
        while select.select([terminal], [], [], 8)[0]:
            os.read(terminal, 65536)
    assert _gone_within(process, 8)
    os.close(terminal)


class _Closed(io.StringIO):
    """A terminal that is gone."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_writing_and_closing_return_when_the_writer_has_died() -> None:
    driver: HangUpDriver = HangUpDriver(App[None]())
    driver._writer_thread = WriterThread(_Closed())
    driver._writer_thread.start()
    for _ in range(3 * MAX_QUEUED_WRITES):
        driver.write("text")
    driver.close()
    assert not driver._writer_thread.is_alive()
