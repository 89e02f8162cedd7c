"""Lines for the person at the terminal, made inert before they are printed."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from aegis_tui.clock import moment
from engine.text import escape

__all__ = ["in_browser", "moment", "need_terminal", "say"]


def say(line: str, out: TextIO | None = None, *, as_json: bool = False) -> None:
    """Print one finished line; whatever a terminal could take as a command is a visible escape.

    JSON has escapes of its own: in ASCII, only DEL is left to be seen to. What standard error does not take stops
    nothing: it is told at the end, on standard output.
    """
    try:
        print(line.replace("\x7f", "\\u007f") if as_json else escape(line), file=out, flush=out is not None)
    except OSError:
        if out is not sys.stderr:
            raise


def in_browser() -> bool:
    """Whether another program draws the console: textual-serve gives it a driver of its own."""
    return bool(os.environ.get("TEXTUAL_DRIVER"))


def need_terminal() -> None:
    """Refuse to open a console where there is nobody to see it, neither here nor in a browser.

    Raises:
        ValueError: standard input or output is no terminal.
    """
    if not in_browser() and not (sys.stdin.isatty() and sys.stdout.isatty()):
        msg = "the console needs a terminal; without one, use --headless"
        raise ValueError(msg)
