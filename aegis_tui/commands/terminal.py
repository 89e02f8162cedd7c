"""Lines for the person at the terminal, made inert before they are printed."""

from __future__ import annotations

import datetime
import sys
from typing import TextIO

from engine.text import escape


def say(line: str, out: TextIO | None = None, *, as_json: bool = False) -> None:
    """Print one finished line; whatever a terminal could take as a command is a visible escape.

    JSON has escapes of its own: in ASCII, only DEL is left to be seen to.
    """
    print(line.replace("\x7f", "\\u007f") if as_json else escape(line), file=out, flush=out is not None)


def moment(at: float) -> str:
    """Return a moment as local date and time; one that no calendar holds, as its number of seconds."""
    try:
        return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    except (ValueError, OverflowError, OSError):
        return f"{at:.6g} s after 1970"


def need_terminal() -> None:
    """Refuse to open a console where there is nobody to see it.

    Raises:
        ValueError: standard input or output is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        msg = "the console needs a terminal; without one, use --headless"
        raise ValueError(msg)
