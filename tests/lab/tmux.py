"""Real terminals in tmux: keys go in, the screen comes out."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

NUMBERS = itertools.count()
PRESSES, ANSWER_S = 12, 2.5
"""How often a key is pressed, and how long its answer may take."""


class Terminal:
    """A terminal of its own server, on which one program runs; 120 by 36 unless told."""

    def __init__(
        self,
        *command: str,
        columns: int = 120,
        rows: int = 36,
        environ: Mapping[str, str] | None = None,
        record: Path | None = None,
    ) -> None:
        """Start the program; ``record`` gets every byte that it writes."""
        self._tmux = ["tmux", "-L", f"aegis-lab-{os.getpid()}-{next(NUMBERS)}", "-f", "/dev/null"]
        named = [f"{name}={text}" for name, text in {"TERM": "tmux-256color", **(environ or {})}.items()]
        plain = ["env", "-u", "COLUMNS", "-u", "LINES", "-u", "COLORTERM", "-u", "NO_COLOR", *named]
        # It waits for a line, so that the recording has begun.
        begun = ["sh", "-c", 'read -r _; exec "$@"', "sh", *plain, *command]
        self._run("new-session", "-d", "-x", str(columns), "-y", str(rows), "--", *begun)
        self._run("set", "-g", "remain-on-exit", "on")
        if record is not None:
            self._run("pipe-pane", f"exec cat > {record}")
        self.press("Enter")
        self.pid = int(self._run("display-message", "-p", "#{pane_pid}"))
        """Of the program: the commands around it became it."""

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Press the keys of a text."""
        self._run("send-keys", "-l", text)

    def press_until(self, key: str, pattern: str, *, shown: bool = True) -> str:
        """Press a key until the screen shows what matches, or no longer does: a dialog does not listen at first."""
        for _ in range(PRESSES):
            self.press(key)
            try:
                return self._wait(pattern, shown=shown, timeout_s=ANSWER_S)
            except TimeoutError:
                continue
        return self._wait(pattern, shown=shown, timeout_s=0)

    def choose(self, *buttons: str) -> None:
        """Go from button to button of a dialog with Tab, and press the last one."""
        for button in buttons:
            self.press_until("Tab", rf">\[ {button} \]<")
        self.press("Enter")

    def screen(self) -> str:
        """Return what the terminal shows."""
        return self._run("capture-pane", "-p")

    def wait_for(self, pattern: str, timeout_s: float = 30) -> str:
        """Return the screen as soon as it shows what matches the pattern."""
        return self._wait(pattern, shown=True, timeout_s=timeout_s)

    def wait_until_gone(self, pattern: str, timeout_s: float = 30) -> str:
        """Return the screen as soon as it shows nothing that matches the pattern."""
        return self._wait(pattern, shown=False, timeout_s=timeout_s)

    def wait_for_end(self, timeout_s: float = 30) -> None:
        """Return as soon as the program has ended."""
        until = time.monotonic() + timeout_s
        while self._run("display-message", "-p", "#{pane_dead}").strip() != "1":
            if time.monotonic() > until:
                raise TimeoutError(f"it runs on:\n{self.screen()}")
            time.sleep(0.05)

    def close(self) -> None:
        """Take the terminal away, as the end of an SSH session does."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def _wait(self, pattern: str, *, shown: bool, timeout_s: float) -> str:
        until = time.monotonic() + timeout_s
        while bool(re.search(pattern, screen := self.screen())) is not shown:
            if time.monotonic() > until:
                raise TimeoutError(f"{pattern!r} is {'not' if shown else 'still'} on the screen:\n{screen}")
            time.sleep(0.05)
        return screen

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True).stdout
