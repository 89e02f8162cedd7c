"""Has documents read by a process of their own, so that a hostile one takes nothing else down."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from engine import paths
from engine.documents.reader import CPU_S, MEMORY_BYTES
from engine.documents.sections import Extract, Section

READ_S = 30.0
"""Longest that one document may take, however slow the machine."""

REPLY_BYTES = 64 * 1024 * 1024
"""Most of what the reader may answer."""

_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from engine.documents.reader import main; main()"


def read_apart(content: bytes, name: str, limit_s: float = READ_S) -> Extract:
    """Return the text of a document.

    The reader starts without the environment, where the keys are, and without the terminal.

    Raises:
        ValueError: it cannot be read; the text says why.
    """
    command = [sys.executable, "-I", "-c", _PROGRAM, str(paths.ROOT), name.replace("\x00", "")]
    until = time.monotonic() + limit_s
    with (
        _in_memory(content) as source,
        subprocess.Popen(  # noqa: S603 - this program's own reader
            command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/",
            start_new_session=True,
        ) as child,
    ):  # fmt: skip
        try:
            reply = _reply(child, until)
            stopped = child.wait(max(0.0, until - time.monotonic())) != 0
        except (TimeoutError, subprocess.TimeoutExpired):
            raise ValueError(f"reading it took more than {limit_s:g} s") from None
        finally:
            child.kill()
    if stopped:
        raise ValueError(f"its reader was stopped: more than {CPU_S} s of work or {MEMORY_BYTES >> 20} MiB")
    return _understood(reply)


@contextmanager
def _in_memory(content: bytes) -> Iterator[IO[bytes]]:
    """Yield a file to read from: a pipe would have to be filled while the reply is read."""
    with os.fdopen(os.memfd_create("document"), "w+b") as file:
        file.write(content)
        file.seek(0)
        yield file


def _reply(child: subprocess.Popen[bytes], until: float) -> bytes:
    """Return what the reader writes; raises ``TimeoutError``, or ``ValueError`` where there is no end to it."""
    assert child.stdout is not None  # noqa: S101 - it was asked for
    whole = bytearray()
    ready = select.poll()
    ready.register(child.stdout, select.POLLIN)
    while ready.poll(max(0.0, until - time.monotonic()) * 1000):
        part = os.read(child.stdout.fileno(), 1 << 16)
        if not part:
            return bytes(whole)
        whole += part
        if len(whole) > REPLY_BYTES:
            raise ValueError(f"its text is longer than {REPLY_BYTES >> 20} MiB")
    raise TimeoutError


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
