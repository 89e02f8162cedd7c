"""Has documents read by a process of their own, so that a hostile one takes nothing else down."""

from __future__ import annotations

import json
import subprocess
import sys

from engine import paths
from engine.documents.reader import CPU_S, MEMORY_BYTES
from engine.documents.sections import Extract, Section

READ_S = 30.0
"""Longest that one document may take, however slow the machine."""

_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from engine.documents.reader import main; main()"


def read_apart(content: bytes, name: str, limit_s: float = READ_S) -> Extract:
    """Return the text of a document.

    The reader starts without the environment, where the keys are, and without the terminal.

    Raises:
        ValueError: it cannot be read; the text says why.
    """
    command = [sys.executable, "-I", "-c", _PROGRAM, str(paths.ROOT), name.replace("\x00", "")]
    try:
        done = subprocess.run(  # noqa: S603 - this program's own reader
            command, input=content, capture_output=True, timeout=limit_s, check=False, env={}, cwd="/",
            start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ValueError(f"reading it took more than {limit_s:g} s") from None
    if done.returncode:
        raise ValueError(f"its reader was stopped: more than {CPU_S} s of work or {MEMORY_BYTES >> 20} MiB")
    return _understood(done.stdout)


def _understood(reply: bytes) -> Extract:
    """Return what the reader answered, which is no more to be trusted than what it read."""
    try:
        said = json.loads(reply)
        if "why" not in said:
            sections = tuple(Section(str(heading), str(text)) for heading, text in said["sections"])
            return Extract(str(said["format"]), sections, str(said["encoding"]), tuple(map(str, said["notes"])))
        reason = str(said["why"])
    except (ValueError, LookupError, TypeError, RecursionError):
        reason = "its reader gave no answer"
    raise ValueError(reason)
