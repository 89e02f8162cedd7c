"""An engine is killed on a real host, or ended as people end it: the next start tells of the one only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import attacks
from tests.lab.lab import Lab, missing_tools
from tests.lab.test_daemon import Daemon, approve
from tests.lab.tmux import Terminal
from tests.lab.wire import IFACE

pytestmark = [
    pytest.mark.root,
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(bool(missing_tools("tmux")), reason=f"the lab needs {', '.join(missing_tools('tmux'))}"),
]
SAID = "the last run broke off after"
PATIENCE_S = 20
ENDED_AT = """
import sqlite3
print(*sqlite3.connect("file:/var/lib/aegis/engine/aegis.db?mode=ro", uri=True).execute("SELECT ended_at FROM run"))
"""
ENDINGS: dict[str, Callable[[Terminal], None]] = {
    "the quit key": lambda console: console.press("q"),
    "SIGTERM": lambda console: os.kill(console.pid, signal.SIGTERM),
    "a hang-up": lambda console: console.close(),
}


def _ended(lab: Lab) -> bool:
    """Return whether the last run is marked as one that came to its end."""
    command = [*lab.desk(), sys.executable, "-c", ENDED_AT]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() not in ("(0.0,)", "")


def _opened(lab: Lab) -> Terminal:
    """Return a console that watches, with what it attached for the first time kept."""
    console = Terminal(*lab.aegis("--iface", IFACE))
    console.wait_for("any key keeps")
    console.press("Enter")
    console.wait_until_gone("any key keeps")
    console.wait_for(r"[1-9]\d* judgements")
    return console


def _gone(pid: int) -> None:
    """Wait until a process has ended; tmux may leave it unburied."""
    until = time.monotonic() + PATIENCE_S
    while (status := Path(f"/proc/{pid}/status")).exists() and "State:\tZ" not in status.read_text():
        assert time.monotonic() < until, "the console lives on"
        time.sleep(0.05)


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_a_person_ends_the_console_that_is_an_end(lab: Lab, ending: str) -> None:
    console = _opened(lab)
    try:
        assert not _ended(lab)
        ENDINGS[ending](console)
        _gone(console.pid)
        assert _ended(lab)
    finally:
        console.close()


def test_a_console_started_after_a_kill_says_so_and_the_one_after_that_says_nothing(lab: Lab) -> None:
    console = _opened(lab)
    again = third = None
    try:
        attacks.log4shell(lab)
        console.wait_for("P-1")
        os.kill(console.pid, signal.SIGKILL)
        console.wait_for_end()
        again = Terminal(*lab.aegis("--iface", IFACE), columns=80, rows=24)
        again.wait_for(SAID)
        again.wait_for(r"1 open incident, \d+ alerts?, [^$]*1\s+proposal to decide,\s+0 blocks in force")
        again.press("q")
        again.wait_for_end()
        third = Terminal(*lab.aegis("--iface", IFACE))
        third.wait_for("1 open")
        third.type(":notices")
        third.press("Enter")
        assert SAID not in third.wait_for("Faults that stand")
    finally:
        for one in (console, again, third):
            if one is not None:
                one.close()


def test_a_daemon_that_was_killed_says_what_it_recovered_and_so_does_a_console_attached_to_it(lab: Lab) -> None:
    killed, console = Daemon(lab), Terminal(*lab.aegis())
    again = None
    try:
        console.wait_for(IFACE)
        attacks.log4shell(lab)
        console.wait_for("P-1")
        approve(console)
        killed.process.kill()
        console.wait_for("STALE")
        again = Daemon(lab)
        assert again.process.stdout is not None
        while SAID not in (said := again.process.stdout.readline()):
            assert said, "the daemon ended"
        assert said.rstrip().endswith("1 block in force")
        console.wait_for(SAID)
        again.process.terminate()
        assert SAID not in again.process.stdout.read()
    finally:
        console.close()
        killed.stop()
        if again is not None:
            again.stop()
