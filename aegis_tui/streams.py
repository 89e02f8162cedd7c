"""The standard streams: one that was closed is there all the same, and what one did not take is told on the other."""

from __future__ import annotations

import os
import signal
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any, TextIO

INTERRUPTED = 128 + signal.SIGINT
NOBODY_READS = 128 + signal.SIGPIPE
"""As a shell tells of a program that a signal ended."""
LOST = 2


class _Descriptor(FileIO):
    """Where a stream leads; it keeps why something was not written, whoever is told of it when it happens."""

    refusal: OSError | None = None

    def write(self, content: Any) -> int:
        """Write, or raise and remember why not."""
        try:
            return super().write(content)
        except OSError as refusal:
            self.refusal = refusal
            raise


def take_over() -> None:
    """Watch what the standard streams take, and put something where one was closed.

    Else the first file that is opened, or a socket, would have its number, and get what others write to it. What
    stands there has nothing to read, and takes no output.
    """
    if sys.stdin is None:
        _set("stdin", os.fdopen(_nothing(), encoding="utf-8", closefd=False))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        _set(name, _watched(stream if stream is not None else _lost()))


def _set(name: str, stream: TextIO) -> None:
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)


def _lost() -> TextIOWrapper:
    return os.fdopen(_nothing(), "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def _nothing() -> int:
    """Return a descriptor that every program started from here has as well."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    return descriptor


def _watched(stream: TextIOWrapper) -> TextIOWrapper:
    stream.flush()
    descriptor = _Descriptor(stream.fileno(), "w", closefd=False)
    return TextIOWrapper(
        descriptor if isinstance(stream.buffer, FileIO) else BufferedWriter(descriptor),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def is_of_output(error: Exception) -> bool:
    """Whether an error is that a standard stream took something no more: ``written_out`` tells of it."""
    return error in (_refusal(sys.stdout), _refusal(sys.stderr))


def written_out(status: int) -> int:
    """Write out what was said, and return the status of the command, or another one where some of it was lost."""
    for stream, name, other in (
        (sys.stdout, "standard output", sys.stderr),
        (sys.stderr, "standard error", sys.stdout),
    ):
        refusal = _refusal(stream)
        if refusal is not None:
            _drop(stream)
            status = NOBODY_READS if isinstance(refusal, BrokenPipeError) else LOST
        if status == LOST and refusal is not None:
            _tell(f"aegis-tui: {name} was not written: {refusal.strerror}", other)
    return status


def _refusal(stream: TextIO) -> OSError | None:
    """Write out what is buffered, and return why something was not written, now or before."""
    try:
        stream.flush()
    except OSError as refusal:
        return refusal
    buffer = getattr(stream, "buffer", None)
    return getattr(getattr(buffer, "raw", buffer), "refusal", None)


def _tell(line: str, stream: TextIO) -> None:
    try:
        print(line, file=stream, flush=True)
    except OSError:  # neither takes anything
        _drop(stream)


def _drop(stream: TextIO) -> None:
    """Let what is still buffered go nowhere: Python itself would try once more, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
