"""The process that reads one document: its limits come first, then the bytes from standard input.

It writes one JSON object to standard output: the text, or why there is none.
"""

from __future__ import annotations

import json
import resource
import sys

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_S = 15
DESCRIPTORS = 64


def main() -> None:
    """Read the document that standard input holds; the one argument is its name."""
    limit()
    from engine.documents.formats import FILE_BYTES  # noqa: PLC0415 - after the limits

    reply = answer(sys.stdin.buffer.read(FILE_BYTES + 1), sys.argv[-1])
    sys.stdout.write(json.dumps(reply))


def limit() -> None:
    """Bound what this process may use: memory and time, and no file written, no process started, no core left."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
    ):
        resource.setrlimit(what, (most, most))


def answer(content: bytes, name: str) -> dict[str, object]:
    """Return the text of a document, or the reason why there is none; whatever a parser raises is a reason."""
    from engine.documents.formats import extract  # noqa: PLC0415 - after the limits

    try:
        found = extract(content, name)
    except ValueError as error:
        return {"why": str(error)[:300]}
    except MemoryError:
        return {"why": f"it takes more than {MEMORY_BYTES >> 20} MiB to read"}
    except Exception as error:
        return {"why": f"it cannot be read: {type(error).__name__}: {error}"[:300]}
    return {
        "format": found.format, "sections": found.sections, "encoding": found.encoding, "notes": found.notes,
    }  # fmt: skip
