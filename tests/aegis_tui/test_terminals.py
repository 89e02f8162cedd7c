"""What reaches a terminal, byte for byte: nothing that it cannot show, under every name a terminal has."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engine.bench import few_rules

SGR = re.compile(rb"\x1b\[([\d;:]*)m")
WALK = ((b"?", b"Keys and signs"), (b"?", b"CRIT"), (b":", b"tab completes"), (b"the", b"other colours"))
"""Keys, and the words that show that they were taken: help, and the command line with its completions."""


def _written(environ: Mapping[str, str], state: Path) -> bytes:
    """Start the demo on a terminal of its own, walk through it, and return all that it wrote."""
    rules = str(few_rules())
    process, terminal = pty.fork()
    if process == 0:
        own = {"COLUMNS": "80", "LINES": "24", "XDG_STATE_HOME": str(state), "XDG_CONFIG_HOME": str(state), **environ}
        kept = {name: value for name, value in os.environ.items() if name not in ("COLORTERM", "NO_COLOR", "LC_ALL")}
        program = [sys.executable, "-m", "aegis_tui", "demo", "--speed", "8", "--rules", rules]
        os.execve(sys.executable, program, kept | own)
    try:
        shown = _until(terminal, b"CRIT")
        for keys, words in WALK:
            os.write(terminal, keys)
            shown += _until(terminal, words)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)
    return shown


def _until(terminal: int, words: bytes) -> bytes:
    shown, limit = b"", time.monotonic() + 30
    while words not in shown and time.monotonic() < limit:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536)
    assert words in shown, shown[-400:]
    return shown


def _codes(shown: bytes) -> set[int]:
    return {int(code or 0) for found in SGR.findall(shown) for code in re.split(rb"[;:]", found)}


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "xterm-256color", "NO_COLOR": "1"},
        {"TERM": "xterm-256color", "NO_COLOR": "1", "COLORTERM": "truecolor"},
        {"TERM": "vt100"},
        {"TERM": "linux", "NO_COLOR": "1"},
    ],
    ids=str,
)
def test_a_terminal_without_colours_gets_none_at_all(environ: dict[str, str], tmp_path: Path) -> None:
    codes = _codes(_written(environ, tmp_path))
    assert codes <= {0, 1, 2, 3, 4, 7, 9, 22, 23, 24, 27}
    assert 7 in codes


@pytest.mark.parametrize(
    "environ",
    [{"TERM": "linux"}, {"TERM": "linux", "COLORTERM": "truecolor"}, {"TERM": "screen"}, {"TERM": "xterm"}],
    ids=str,
)
def test_a_terminal_of_eight_colours_gets_no_others(environ: dict[str, str], tmp_path: Path) -> None:
    codes = _codes(_written(environ, tmp_path))
    assert not codes & ({38, 48, 2, 5} | set(range(90, 108)))
    assert codes & set(range(31, 38))


def test_the_linux_console_gets_no_sign_that_its_font_lacks(tmp_path: Path) -> None:
    shown = _written({"TERM": "linux"}, tmp_path).decode()
    assert not set(shown) & set("…—┆×▁▂▃▅▆▇✓↓↑")


def test_a_locale_that_is_not_utf8_gets_ascii(tmp_path: Path) -> None:
    environ = {
        "TERM": "xterm",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "latin-1",
    }
    assert _written(environ, tmp_path).isascii()
