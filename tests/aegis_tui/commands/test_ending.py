"""A program with a console ends when it is told to, whatever its threads are at."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aegis_tui.commands.ending import run_to_end
from benchmarks.terminal.pseudoterminal import Terminal, environment
from engine.store.database import open_store

PATIENCE_S = 30.0
TO_ITS_END = """
import asyncio, logging, sys, threading, time
from pathlib import Path
from aegis_tui.commands.ending import leave, run_to_end
from engine.courtesy import aside

logging.basicConfig(filename=sys.argv[1], level="INFO")

async def main():
    wait = {wait}
    loading = asyncio.create_task(wait(threading.Event().wait))
    await asyncio.sleep(0)
    loading.cancel()
    logging.info("logged last")
    print("said last")

run_to_end(main)
leave(3)
"""
LOADING = """
import sys, threading
from functools import partial
from pathlib import Path
from aegis_tui.acting.appearing import Preferences
from aegis_tui.commands.console import show
from aegis_tui.commands.ending import leave
from engine.core import Engine
from tests.engine.bench import Wire, live_plan

engine = Engine(live_plan(Path(sys.argv[1]), Wire()), detectors=threading.Event().wait)
leave(show(engine, partial(engine.run, stay=True), preferences=Preferences()))
"""
UNATTENDED = """
import sys, threading
from functools import partial
from pathlib import Path
from aegis_tui.commands.ending import UNATTENDED_GRACE_S, leave, run_to_end
from aegis_tui.commands.live import headless
from engine.core import Engine
from tests.engine.bench import Wire, live_plan

engine = Engine(live_plan(Path(sys.argv[1]), Wire()), detectors=threading.Event().wait)
run_to_end(partial(headless, engine), UNATTENDED_GRACE_S)
leave(3)
"""


@pytest.mark.parametrize("wait", ["aside", "asyncio.to_thread"], ids=["loads", "asks"])
def test_a_thread_that_never_ends_is_not_waited_for_and_nothing_said_is_lost(tmp_path: Path, wait: str) -> None:
    command = [sys.executable, "-c", TO_ITS_END.format(wait=wait), str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "said last\n", "")
    assert "logged last" in (tmp_path / "log").read_text()


def test_what_is_being_written_is_waited_for() -> None:
    written = threading.Event()

    def write(begun: Callable[[], object]) -> None:
        begun()
        time.sleep(0.05)
        written.set()

    async def main() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()
        writing = asyncio.create_task(asyncio.to_thread(write, lambda: loop.call_soon_threadsafe(begun.set)))
        await begun.wait()
        writing.cancel()

    run_to_end(main)
    assert written.is_set()


def test_what_breaks_breaks_the_program() -> None:
    async def main() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run_to_end(main)


def _left_open_at(folder: Path) -> float:
    """Return when the run began that has no end yet, 0 where there is none."""

    async def read() -> float:
        async with open_store(folder / "aegis.db") as store:
            return await store.broke_off_at("live")

    return asyncio.run(read())


def _gone(terminal: Terminal) -> bool:
    """Wait until a program ends by itself; returns whether it did."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if os.waitpid(terminal.pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.05)
    os.killpg(terminal.pid, signal.SIGKILL)
    os.waitpid(terminal.pid, 0)
    return False


@pytest.mark.parametrize(
    "end",
    [
        lambda terminal: os.kill(terminal.pid, signal.SIGHUP),
        lambda terminal: os.kill(terminal.pid, signal.SIGTERM),
        lambda terminal: terminal.press("q"),
        lambda terminal: os.close(terminal.master),
    ],
    ids=["hang-up", "terminate", "the quit key", "its terminal gone"],
)
def test_a_console_that_still_loads_ends_with_all_written_and_nothing_left(
    tmp_path: Path, end: Callable[[Terminal], None]
) -> None:
    terminal = Terminal([sys.executable, "-c", LOADING, str(tmp_path)], 80, 24, environment(str(tmp_path)))
    terminal.wait_for(rb"quit", PATIENCE_S)
    until = time.monotonic() + PATIENCE_S
    while not _left_open_at(tmp_path):
        assert time.monotonic() < until, "the engine did not begin"
        terminal.pump(0.05)
    end(terminal)
    assert _gone(terminal)
    assert _left_open_at(tmp_path) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(terminal.pid, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_engine_without_a_console_that_still_loads_ends_when_told_with_all_written(
    tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen([sys.executable, "-c", UNATTENDED, str(tmp_path)]) as process:
        until = time.monotonic() + PATIENCE_S
        while not (tmp_path / "aegis.db").exists() or not _left_open_at(tmp_path):
            assert time.monotonic() < until, "the engine did not begin"
            time.sleep(0.05)
        process.send_signal(number)
        try:
            assert process.wait(PATIENCE_S) == 3
        finally:
            process.kill()
    assert _left_open_at(tmp_path) == 0
