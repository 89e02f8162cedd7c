"""The log file: the terminal belongs to the console, or to whoever reads the JSON."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from aegis_tui.clock import moment
from engine.text import escape

NAME = "aegis.log"
LOG_BYTES = 4 * 1024 * 1024


class _Inert(logging.Formatter):
    """Writes a traceback line by line, so that an exception's text cannot pass for a line of the log."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the library's
        """Write a time with its zone, as everywhere."""
        return moment(record.created)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        return _quoted(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the library's name
        return _quoted(stack_info)


def _quoted(text: str) -> str:
    return "\n".join(f"  | {escape(row)}" for row in text.split("\n"))


def log_to(folder: Path, level: str = "info") -> Path:
    """Send the program's log, from a level on, to ``aegis.log`` in a folder, five files of 4 MiB at most."""
    file = folder / NAME
    os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    handler = RotatingFileHandler(file, maxBytes=LOG_BYTES, backupCount=4, encoding="utf-8")
    handler.setFormatter(_Inert("%(asctime)s %(levelname)s %(name)s %(message)r"))
    least = logging.getLevelNamesMapping()[level.upper()]
    # What libraries say below INFO may hold whole requests, with the keys in their headers.
    logging.basicConfig(level=max(least, logging.INFO), handlers=[handler], force=True)
    for ours in ("engine", "aegis_tui"):
        logging.getLogger(ours).setLevel(least)
    logging.captureWarnings(True)
    return file
