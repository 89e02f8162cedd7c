"""The terminal of a console at a real daemon goes away, as with an SSH session: nothing of the console is left."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import attacks
from tests.lab.lab import INTRUDER, Lab, missing_tools
from tests.lab.test_daemon import Daemon
from tests.lab.tmux import Terminal
from tests.lab.wire import IFACE

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(bool(missing_tools("tmux")), reason=f"the lab needs {', '.join(missing_tools('tmux'))}"),
]
PATIENCE_S = 30


@pytest.fixture
def daemon(lab: Lab) -> Iterator[Daemon]:
    made = Daemon(lab)
    yield made
    made.process.send_signal(signal.SIGCONT)
    made.stop()


def _all_of(console: int) -> set[int]:
    """Return the console and the process that opens its connections."""
    children = Path(f"/proc/{console}/task/{console}/children").read_text(encoding="ascii")
    return {console, *map(int, children.split())}


def _lives(pid: int) -> bool:
    """Whether a process runs; tmux may leave an ended one unburied."""
    try:
        return not re.search(r"^State:\tZ", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return False


def _end(processes: set[int]) -> None:
    """Wait until all have ended."""
    until = time.monotonic() + PATIENCE_S
    try:
        while left := set(filter(_lives, processes)):
            assert time.monotonic() < until, f"{left} of {processes} live on without their terminal"
            time.sleep(0.05)
    finally:
        for pid in filter(_lives, processes):
            os.kill(pid, signal.SIGKILL)


def _console(lab: Lab) -> tuple[Terminal, set[int]]:
    terminal = Terminal(*lab.aegis("attach"))
    terminal.wait_for("quit")
    return terminal, _all_of(terminal.pid)


def test_a_console_that_attaches_and_one_that_is_attached_go_and_the_daemon_stays(lab: Lab, daemon: Daemon) -> None:
    for shown in ("quit", IFACE, "deciding"):
        terminal, processes = _console(lab)
        terminal.wait_for(shown)
        terminal.close()
        _end(processes)
    assert daemon.lives()


@pytest.mark.parametrize("sooner", ["the daemon", "the terminal"])
def test_a_console_goes_with_its_terminal_just_as_the_daemon_ends(lab: Lab, daemon: Daemon, sooner: str) -> None:
    terminal, processes = _console(lab)
    terminal.wait_for("deciding")
    steps = [daemon.process.terminate, terminal.close]
    for step in steps if sooner == "the daemon" else reversed(steps):
        step()
    _end(processes)
    assert daemon.process.wait(PATIENCE_S) == 0


def test_a_console_in_the_block_dialog_goes_while_neither_guard_nor_engine_answers(lab: Lab, daemon: Daemon) -> None:
    terminal, processes = _console(lab)
    attacks.log4shell(lab)
    terminal.wait_for("P-1")
    terminal.press("b")
    terminal.wait_for(f"Block {INTRUDER}/32")
    for pid in (guard := daemon.guard(), daemon.process.pid):
        os.kill(pid, signal.SIGSTOP)
    try:
        terminal.choose("Watch 30 s first", "Block")
        terminal.close()
        _end(processes)
    finally:
        os.kill(guard, signal.SIGCONT)
    assert daemon.lives()
