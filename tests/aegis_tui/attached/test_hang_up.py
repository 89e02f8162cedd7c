"""An attached console goes when its terminal goes, whatever its daemon does meanwhile, and leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.terminal.pseudoterminal import Terminal, environment
from tests.factories import ATTACKER

pytestmark = pytest.mark.long

PATIENCE_S = 30.0
Daemon = subprocess.Popen[bytes]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    command = [sys.executable, "-m", "tests.aegis_tui.daemonside", str(tmp_path)]
    run = subprocess.Popen(command, env=environment(str(tmp_path)), stdout=subprocess.PIPE)
    assert run.stdout is not None
    with run.stdout as said:
        assert said.readline() == b"ready\n"
        yield run
        run.kill()
        run.wait()


def _console(folder: Path) -> Terminal:
    command = [sys.executable, "-m", "tests.aegis_tui.consoleside", str(folder)]
    terminal = Terminal(command, 120, 36, environment(str(folder)))
    assert terminal.wait_for(rb"quit", PATIENCE_S) < PATIENCE_S
    return terminal


def _attached(folder: Path) -> Terminal:
    terminal = _console(folder)
    _see(terminal, ATTACKER)
    return terminal


def _see(terminal: Terminal, words: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while words.encode() not in terminal.sent:
        assert time.monotonic() < until, f"{words!r} is not shown"
        terminal.pump(0.05)


def _ends(terminal: Terminal) -> None:
    """Hang up, and wait until the console and the process that opens its connections are gone."""
    os.close(terminal.master)
    _gone(terminal)


def _gone(terminal: Terminal) -> None:
    until = time.monotonic() + PATIENCE_S
    while not os.waitpid(terminal.pid, os.WNOHANG)[0]:
        if time.monotonic() > until:
            os.killpg(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
            pytest.fail("the console lives on without its terminal")
        time.sleep(0.02)
    while _any(terminal.pid):
        assert time.monotonic() < until, "a process of the console's lives on"
        time.sleep(0.02)


def _any(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_while_the_daemon_runs(tmp_path: Path, daemon: Daemon) -> None:
    _ends(_attached(tmp_path))
    assert daemon.poll() is None


@pytest.mark.parametrize("after_s", [0.0, 0.01], ids="{} s".format)
@pytest.mark.parametrize("sooner", ["the daemon", "the terminal"])
def test_just_as_the_daemon_goes(tmp_path: Path, daemon: Daemon, sooner: str, after_s: float) -> None:
    terminal = _attached(tmp_path)
    steps: list[Callable[[], None]] = [daemon.kill, lambda: os.close(terminal.master)]
    first, then = steps if sooner == "the daemon" else reversed(steps)
    first()
    time.sleep(after_s)
    then()
    _gone(terminal)


@pytest.mark.parametrize("after_s", [0.0, 0.1], ids="{} s".format)
def test_while_it_attaches(tmp_path: Path, daemon: Daemon, after_s: float) -> None:
    terminal = _console(tmp_path)
    terminal.pump(after_s)
    _ends(terminal)


def test_while_it_looks_for_a_daemon_that_is_gone(tmp_path: Path, daemon: Daemon) -> None:
    terminal = _attached(tmp_path)
    daemon.kill()
    _see(terminal, "STALE")
    _ends(terminal)


def test_while_neither_guard_nor_engine_answers_it_at_first(tmp_path: Path, daemon: Daemon) -> None:
    daemon.send_signal(signal.SIGSTOP)
    terminal = _console(tmp_path)
    terminal.pump(0.3)
    _ends(terminal)


@pytest.mark.parametrize("key", ["\t\r", "b"], ids=["an incident", "a review"])
def test_while_a_daemon_that_stands_still_is_asked(tmp_path: Path, daemon: Daemon, key: str) -> None:
    terminal = _attached(tmp_path)
    daemon.send_signal(signal.SIGSTOP)
    for one in key:
        terminal.press(one)
        terminal.pump(0.3)
    _ends(terminal)


def test_while_the_block_dialog_is_open_and_its_answer_is_under_way(tmp_path: Path, daemon: Daemon) -> None:
    terminal = _attached(tmp_path)
    terminal.press("b")
    _see(terminal, f"Block {ATTACKER}")
    daemon.send_signal(signal.SIGSTOP)
    for one in ("\t", "\t", "\r"):
        terminal.press(one)
        terminal.pump(0.3)
    _ends(terminal)
