"""The person at the terminal: what they are asked, and what they answer."""

from __future__ import annotations

import os
import pwd
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TextIO

TERMINAL = Path("/dev/tty")


def name_of_person() -> str:
    """Return who types, for the record of what persons wrote: the caller of sudo before the user, and the terminal.

    The guard finds out for itself who approves a block; this is what the session says.
    """
    user = os.environ.get("SUDO_USER") or _name_of(os.getuid())
    try:
        where = os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    except (OSError, ValueError):
        return user
    return f"{user} on {where}"


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


@contextmanager
def terminal() -> Iterator[TextIO | None]:
    """Open the terminal that answers come from; ``None`` where there is no person.

    Standard input may be a list (``import -``): the person then answers at the terminal that
    controls this process.
    """
    if sys.stdin.isatty():
        yield sys.stdin
        return
    try:
        controlling = TERMINAL.open(encoding="utf-8", errors="replace")
    except OSError:
        yield None
        return
    with controlling:
        yield controlling


def ask(question: str, answers: TextIO) -> str:
    """Return what is typed, empty for nothing and for the end of input.

    An answer that is already typed counts: whoever started the command named in it what is asked about, and what
    came before the command cannot be told from what came with it.
    """
    print(question, end="", flush=True)
    return answers.readline().strip()


def ask_within(question: str, answers: TextIO, seconds: float) -> str | None:
    """Return what is typed within a time, or ``None``; the seconds that are left stand for ``{left}``.

    What was typed before the question is dropped: it is no sign that the person is still there.
    """
    _forget_typed(answers)
    until = monotonic() + seconds
    again = "\r" if sys.stdout.isatty() else "\n"
    while (left := until - monotonic()) > 0:
        print(question.format(left=f"{left:2.0f} s"), end="", flush=True)
        ready, _, _ = select.select([answers], [], [], min(left, 1.0 if again == "\r" else left))
        if ready:
            return answers.readline().strip()
        print(end=again)
    return None


def _forget_typed(answers: TextIO) -> None:
    with suppress(termios.error):  # no terminal: nobody types ahead
        termios.tcflush(answers, termios.TCIFLUSH)
