"""One JSON object in one frame: four bytes of length, then the text."""

from __future__ import annotations

import asyncio
import json
from typing import Any

ASKED_BYTES = 256 * 1024
"""Most that a console may send at once."""
TOLD_BYTES = 32 * 1024 * 1024
"""Most that an engine may send at once: a snapshot at its fullest takes a few MiB."""
_HEAD = 4


def frame(message: dict[str, Any], limit: int = TOLD_BYTES) -> bytes:
    """Return a message as bytes; raises ``ValueError`` when it is too long."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    if len(body) > limit:
        msg = f"{len(body)} bytes are more than {limit}"
        raise ValueError(msg)
    return len(body).to_bytes(_HEAD, "big") + body


async def read(reader: asyncio.StreamReader, limit: int) -> dict[str, Any]:
    """Return the next message.

    Raises:
        EOFError: the other end is gone.
        ValueError: it is too long, or no JSON object.
    """
    length = int.from_bytes(await reader.readexactly(_HEAD), "big")
    if length > limit:
        msg = f"a frame of {length} bytes is longer than {limit}"
        raise ValueError(msg)
    return parse(await reader.readexactly(length))


def parse(body: bytes) -> dict[str, Any]:
    """Return the object in a frame's body; raises ``ValueError``."""
    try:
        message = json.loads(body)
    except RecursionError:
        msg = "a frame is nested too deeply"
        raise ValueError(msg) from None
    if not isinstance(message, dict):
        msg = "a frame holds no object"
        raise ValueError(msg)
    return message
