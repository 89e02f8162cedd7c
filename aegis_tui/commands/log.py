"""``log``: what the program wrote to its log, made inert.

The engine's log lies in a folder of the engine's user, who may be anyone's by now: root becomes that user to read it.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from aegis_tui.commands.confined import owner_of
from aegis_tui.commands.guarded import need_root
from aegis_tui.commands.logfile import NAME
from aegis_tui.commands.terminal import say
from engine import paths

DECISIONS = "what was decided, and by whom, is not in here: sudo aegis-tui audit export"
LOOK_AGAIN_S = 0.3
LINE_BYTES = 64 * 1024
"""A longer line is printed in pieces."""
_ESCAPED = r"\\(?:[\\'\"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})"
_QUOTED = rf"'(?:[^'\\]|{_ESCAPED})*'|\"(?:[^\"\\]|{_ESCAPED})*\""
_WRITTEN = re.compile(rf"(?P<at>\S+ \S+ [+-]\d{{4}}) (?P<level>[A-Z]+) \S+ (?P<words>{_QUOTED})")
"""How ``logfile`` writes a line: the sentence is quoted, so that nothing in it can pass for a line of the log."""


def run(arguments: argparse.Namespace) -> int:
    """Print the last lines, and with ``--follow`` each further one until ctrl-C.

    Raises:
        LookupError: there is no log yet.
    """
    if arguments.guard:
        need_root()
    file = place(guards=arguments.guard)
    _give_up_root(arguments, file)
    wait = (lambda: time.sleep(LOOK_AGAIN_S)) if arguments.follow else None
    for line in read(file, arguments.lines, wait):
        say(plain(line), sys.stdout)
    if sys.stdout.isatty() and file.is_relative_to(paths.LIVE_STATE):
        say(f"({DECISIONS})", sys.stderr)
    return 0


def plain(line: str) -> str:
    """Return a line of the log for a person: when, how bad where it is worse than usual, and the sentence itself.

    What was quoted in the file has to be made inert again before it is shown; any other line stays as it is.
    """
    written = _WRITTEN.fullmatch(line)
    if written is None:
        return line
    level = "" if written["level"] == "INFO" else f"{written['level'].lower()}: "
    return f"{written['at']}  {level}{ast.literal_eval(written['words'])}"


def place(*, guards: bool) -> Path:
    """Return where the log lies: the live engine's for root where there is one, else that of the user's own runs.

    Raises:
        LookupError: nothing was logged yet.
    """
    live = paths.LIVE_STATE / "guard.log" if guards else paths.LIVE_DATABASE.with_name(NAME)
    own = paths.user_state_place() / NAME
    wanted = [live] if guards else [live, own] if os.geteuid() == 0 else [own]
    for file in wanted:
        if file.exists() or file.is_symlink():
            return file
    msg = f"nothing was logged yet: there is no {wanted[-1]}"
    raise LookupError(msg)


def _give_up_root(arguments: argparse.Namespace, file: Path) -> None:
    """Become who owns the folder of the log before it is opened."""
    if os.geteuid() != 0 or not getattr(arguments, "own_process", False):
        return
    from engine.privileges import confine  # noqa: PLC0415 - only root has any

    confine(owner_of(file.parent))


def read(file: Path, lines: int, wait: Callable[[], None] | None = None) -> Iterator[str]:
    """Yield the last lines, all for 0; then, while ``wait`` lets time pass, each further one, for ever.

    A new file that takes the place of a full one is followed; those before it are not looked at.
    """
    with _opened(file) as opened:
        yield from map(_text, deque(_lines(opened), maxlen=lines or None))
        if wait is not None:
            yield from _further(opened, file, wait)
    while wait is not None:
        with _opened(file) as opened:
            yield from _further(opened, file, wait)


def _further(opened: BinaryIO, file: Path, wait: Callable[[], None]) -> Iterator[str]:
    """Yield what is written to an open log until another takes its place."""
    begun = b""
    while True:
        begun += opened.readline(LINE_BYTES)
        if begun.endswith(b"\n") or len(begun) >= LINE_BYTES:
            yield _text(begun)
            begun = b""
        elif _replaced(opened, file):
            return
        else:
            wait()


def _replaced(opened: BinaryIO, file: Path) -> bool:
    """Whether another file, or a shorter one, is at this place now."""
    now, then = file.stat() if file.exists() else None, os.fstat(opened.fileno())
    return now is not None and (now.st_ino != then.st_ino or now.st_size < opened.tell())


def _lines(opened: BinaryIO) -> Iterator[bytes]:
    while line := opened.readline(LINE_BYTES):
        yield line


def _opened(file: Path) -> BinaryIO:
    """Open a log; a link in its place is refused, and a pipe there holds nobody up."""
    return os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def _text(line: bytes) -> str:
    return line.rstrip(b"\n").decode("utf-8", "backslashreplace")
