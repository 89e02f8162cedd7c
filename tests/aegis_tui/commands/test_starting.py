"""The start of a console: what is loaded before its first frame, and what becomes of the garbage meanwhile."""

from __future__ import annotations

import gc
import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from aegis_tui.app import SECOND
from aegis_tui.commands.starting import loading
from engine import paths

FIRST_FRAME = """
import os, sys
from pathlib import Path
from aegis_tui.cli import main
from aegis_tui.terminal.driver import HangUpDriver

place = Path(sys.argv[1])
write = HangUpDriver.write

def note(driver, text):
    write(driver, text)
    if "AEGIS" in text:
        place.write_text(" ".join(sys.modules))
        os._exit(0)

HangUpDriver.write = note
main(["demo"])
"""

HEAVY = {
    "langgraph", "langchain_core", "langchain_openai", "openai", "onnxruntime", "numpy", "yara_x", "pydantic",
    "mcp", "starlette", "uvicorn", "httpx", "apprise", "cypcap", "sqlite_vec", "maxminddb", "pypdf", "psutil",
    "textual.widgets._text_area", "textual.widgets._data_table", "textual.widgets._markdown",
    "engine.agent.report", "engine.agent.graph", "engine.detect.model", "engine.detect.rules", "engine.knowledge",
    "engine.telling", "aegis_tui.attached.remote", "aegis_tui.commands.live", "aegis_tui.commands.stored",
}  # fmt: skip
"""What takes long to load, or leads to what does: the console's first frame does without."""

OURS_AT_MOST = 205
"""Modules of our own before the first frame: each takes a third of a millisecond, a bare Textual application 190."""


def _loaded_before_the_first_frame(folder: Path) -> set[str]:
    """Start the demo on a terminal of its own, and return the names of all that is loaded once its frame is out."""
    noted = folder / "modules"
    process, terminal = pty.fork()
    if process == 0:
        signal.alarm(60)  # which ends it where no frame ever comes
        os.chdir(paths.ROOT)
        environ = os.environ | {
            "XDG_STATE_HOME": str(folder),
            "TERM": "xterm-256color",
            "COLUMNS": "120",
            "LINES": "36",
        }
        os.execve(sys.executable, [sys.executable, "-c", FIRST_FRAME, str(noted)], environ)
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # how a terminal tells that the program has ended
        pass
    os.waitpid(process, 0)
    os.close(terminal)
    return set(noted.read_text().split())


def test_the_first_frame_waits_for_nothing_heavy(tmp_path: Path) -> None:
    loaded = _loaded_before_the_first_frame(tmp_path)
    second = {f"aegis_tui.screens.{name}" for name in SECOND}
    assert loaded & (HEAVY | second) == set()
    ours = sorted(name for name in loaded if name.split(".")[0] in ("aegis_tui", "engine"))
    assert 50 < len(ours) <= OURS_AT_MOST, ours


def test_no_garbage_is_looked_for_while_modules_are_loaded() -> None:
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_module_that_cannot_be_loaded_leaves_the_garbage_to_be_collected() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()


def test_who_collects_no_garbage_is_not_made_to() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
