"""Compiles signature rules in a process of its own: here it would hold up every other thread for a second."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import yara_x

from engine import paths

PATIENCE_S = 60.0
_PROGRAM = "import sys; sys.path[:0] = sys.argv[1:2]; from engine.detect.compiling import main; main(*sys.argv[2:])"
_LENGTH = struct.Struct("<Q")


def compiled_aside(folder: Path) -> tuple[yara_x.Rules, yara_x.Rules] | None:
    """Return a folder's rules for requests and those for answers; None where they are better compiled here.

    They come through a pipe from a child of ours and are never kept in a file: what is read back holds machine code.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-I", "-c", _PROGRAM, str(paths.ROOT), str(folder.absolute())],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={}, cwd="/", timeout=PATIENCE_S, check=True,
            # Else a hang-up of the terminal ends it, and the rules would be compiled here, by a program that leaves.
            start_new_session=True,
        )  # fmt: skip
        size = _LENGTH.unpack_from(done.stdout)[0]
        requests, answers = done.stdout[_LENGTH.size :][:size], done.stdout[_LENGTH.size + size :]
        return yara_x.Rules.deserialize_from(io.BytesIO(requests)), yara_x.Rules.deserialize_from(io.BytesIO(answers))
    except (OSError, subprocess.SubprocessError, struct.error, ValueError):
        return None


def main(folder: str) -> None:
    """Write the compiled rules to standard output, the length of the first part before it."""
    from engine.detect.rules import compiled  # noqa: PLC0415 - it imports this module

    requests, answers = (_serialized(rules) for rules in compiled(Path(folder)))
    sys.stdout.buffer.write(_LENGTH.pack(len(requests)) + requests + answers)


def _serialized(rules: yara_x.Rules) -> bytes:
    written = io.BytesIO()
    rules.serialize_into(written)
    return written.getvalue()
