"""Textual's terminal driver, made to survive the terminal, and deaf to what was typed before it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
from collections.abc import Callable
from io import TextIOWrapper
from queue import Full
from typing import Any

from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key, Paste
from textual.message import Message

from aegis_tui.terminal.gate import Gate
from aegis_tui.widgets.theme import in_force
from engine.courtesy import expect_answer

PATIENCE_S = 0.2
"""How long to wait for room in the writer's queue before looking whether the writer still lives."""


class HangUpDriver(LinuxDriver):
    """Writes nothing once the thread that writes has died, and never has two that read.

    The stock driver's writer ends with the first write to a terminal that is gone; its queue of 30 then fills,
    and the next write, or closing, waits for ever. A multiplexer that is killed sends SIGCONT beside SIGHUP, on
    which the stock driver starts a second writer and a second reader, and later ends one reader: the other goes on
    reading nothing, as fast as it can, and the program never ends. This is the ordinary end of an SSH session in tmux.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._file = _screen()
        encoding = getattr(self._file, "encoding", None) or "ascii"
        self._gate = Gate(os.environ, encoding)
        self._loop = asyncio.get_running_loop()

    def start_application_mode(self) -> None:
        """Take the terminal over, without what was typed while nothing was on it.

        A key of before would answer a question that nobody has read.
        """
        attributes = self.attrs_before
        if again := self._key_thread is not None and self._key_thread.is_alive():
            self._end_threads()
        with contextlib.suppress(termios.error):
            termios.tcflush(self.fileno, termios.TCIFLUSH)
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual leaves it untyped
        if again:  # what was just found is our own
            self.attrs_before = attributes

    def _sigtstp_application(self, *_: object) -> None:
        self._soon(super()._sigtstp_application)

    def _sigcont_application(self, *_: object) -> None:
        self._soon(self._take_over_again)

    def _soon(self, obey: Callable[[], None]) -> None:
        """Obey a signal between two steps of the event loop.

        It comes anywhere, also where this thread holds the lock of the writer's queue: it would wait for itself.
        """
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(obey)

    def _take_over_again(self) -> None:
        """Take the terminal over, also where it was never given away; not for a console that is leaving."""
        if not self._app._exit:
            super()._sigcont_application()

    def _end_threads(self) -> None:
        self.disable_input()
        if self._writer_thread is not None:
            with contextlib.suppress(Full):  # one that waits for its terminal is not waited for
                self._writer_thread._queue.put_nowait(None)

    def write(self, data: str) -> None:
        """Queue terminal output, unless nobody takes it from the queue."""
        self._put(self._gate.passed(data, colours=in_force().name != "mono"))

    def process_message(self, message: Message) -> None:
        """Pass on what came from the terminal, and have loading give way to the answer."""
        if isinstance(message, Key | Paste):
            expect_answer()
        super().process_message(message)

    def close(self) -> None:
        """Let the writer finish, unless it has ended already."""
        if self._put(None) and self._writer_thread is not None:
            self._writer_thread.join()

    def _put(self, data: str | None) -> bool:
        writer = self._writer_thread
        while writer is not None and writer.is_alive():
            with contextlib.suppress(Full):
                writer._queue.put(data, timeout=PATIENCE_S)
                return True
        return False


def _screen() -> TextIOWrapper | None:
    """Return standard output, which is the terminal where a console opens; Textual draws on standard error."""
    screen = sys.__stdout__
    if screen is not None:
        screen.reconfigure(errors="backslashreplace")  # as standard error: what cannot be written stops no drawing
    return screen
