"""Lines of the command line, kept from one start to the next."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from engine.text import escape

KEPT = 200
LONGEST = 400
"""Characters of a line that is kept; a longer one was pasted, and is not worth finding again."""
MOST_BYTES = KEPT * LONGEST * 4


class History:
    """The newest lines, each once, in a file that only its owner reads; without a folder in memory only."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = folder / "commands" if folder else None
        self.lines: list[str] = self._read()
        """Oldest first."""

    def add(self, line: str) -> None:
        """Keep a line; one that a terminal could take as a command, and one too long, is kept nowhere."""
        if not line.strip() or len(line) > LONGEST or escape(line) != line:
            return
        self.lines = [*(kept for kept in self.lines if kept != line), line][-KEPT:]
        if self._file is not None:
            with contextlib.suppress(OSError):  # a history that cannot be kept is no reason to say anything
                self._write(self._file)

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        try:
            opened = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return []
        with os.fdopen(opened, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return []
            found = file.read(MOST_BYTES).decode("utf-8", "replace").splitlines()
        return [line for line in found if line.strip() and len(line) <= LONGEST and escape(line) == line][-KEPT:]

    def _write(self, file: Path) -> None:
        """Put a new file in the place of the old one: two consoles at once never leave half a line."""
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as writing:
            writing.write("".join(f"{line}\n" for line in self.lines))
        fresh.replace(file)
