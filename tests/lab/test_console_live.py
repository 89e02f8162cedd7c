"""The console on real traffic, in a real terminal, with keys alone."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.lab import attacks
from tests.lab.lab import IFACE, INTRUDER, VISITOR, Lab, missing_tools

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(missing_tools("tmux")), reason=f"the lab needs {', '.join(missing_tools('tmux'))}"),
]
DEAF_S = 0.3
"""The dialog does not listen to keys this soon after it appeared."""


class Terminal:
    """A terminal of 120 by 36 in tmux: keys go in, the screen comes out."""

    def __init__(self, *command: str) -> None:
        self._tmux = ["tmux", "-L", f"aegis-lab-{os.getpid()}", "-f", "/dev/null"]
        plain = ["env", "-u", "COLUMNS", "-u", "LINES", "TERM=tmux-256color"]
        self._run("new-session", "-d", "-x", "120", "-y", "36", "--", *plain, *command)

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def wait_for(self, pattern: str, timeout_s: float = 20) -> str:
        """Return the screen as soon as it shows what matches the pattern."""
        until = time.monotonic() + timeout_s
        while not re.search(pattern, shown := self.screen()):
            assert time.monotonic() < until, f"{pattern!r} is not on the screen:\n{shown}"
            time.sleep(0.05)
        return shown

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def console(lab: Lab) -> Iterator[Terminal]:
    terminal = Terminal(*lab.aegis("--iface", IFACE))
    yield terminal
    terminal.close()


def test_keys_alone_block_the_intruder(lab: Lab, console: Terminal) -> None:
    console.wait_for("0 open", 30)
    assert lab.reaches(VISITOR)
    console.wait_for(r"[1-9]\d* judgements")
    began = time.monotonic()
    attacks.log4shell(lab)
    console.wait_for(INTRUDER)
    seen = time.monotonic()
    console.wait_for("proposal", 20)
    print(f"exploit to screen {seen - began:.2f} s, to proposal {time.monotonic() - began:.2f} s")
    console.press("b")
    console.wait_for(f"Block {INTRUDER}/32")
    time.sleep(DEAF_S + 0.1)
    console.press("Tab")
    console.press("Tab")
    console.press("Enter")
    console.wait_for("live, read back")
    assert not lab.reaches(INTRUDER)
    assert lab.reaches(VISITOR)
    console.press("Enter")
    console.press("q")


def test_watching_counts_in_the_kernel_and_drops_nothing(lab: Lab, console: Terminal) -> None:
    console.wait_for("0 open", 30)
    attacks.log4shell(lab)
    console.wait_for(INTRUDER)
    console.wait_for("proposal", 30)
    console.press("b")
    console.wait_for(f"Block {INTRUDER}/32")
    time.sleep(DEAF_S + 0.1)
    console.press("Tab")
    console.press("Enter")
    console.wait_for("watching: ")
    assert lab.reaches(INTRUDER)
    console.wait_for(r"watching: [1-9]\d* packets would have been dropped")
