"""The log file: the terminal belongs to the console, or to whoever reads the JSON."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from engine.text import escape

LOG_BYTES = 4 * 1024 * 1024


class _Inert(logging.Formatter):
    """Writes a traceback line by line, so that an exception's text cannot pass for a line of the log."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        return _quoted(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the library's name
        return _quoted(stack_info)


def _quoted(text: str) -> str:
    return "\n".join(f"  | {escape(row)}" for row in text.split("\n"))


def log_to(folder: Path) -> Path:
    """Send the program's log to ``aegis.log`` in a folder, five files of 4 MiB at most."""
    file = folder / "aegis.log"
    os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    handler = RotatingFileHandler(file, maxBytes=LOG_BYTES, backupCount=4, encoding="utf-8")
    handler.setFormatter(_Inert("%(asctime)s %(levelname)s %(name)s %(message)r"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    return file
