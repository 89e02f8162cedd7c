"""Makes captured text harmless for a terminal: what cannot be seen is shown as an escape."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import get_character_cell_size

from engine.text import escape

FRAME = range(0x2500, 0x2600)
"""Box drawing, blocks and geometric shapes: what the console's own frames and bars are made of."""


def visible(text: str) -> str:
    """Return ``text`` with everything that moves, hides or reorders characters as a visible escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_with_width, escape(text)))


def foreign(text: str, limit: int = 2000) -> str:
    """Return captured text for display: ``visible``, unable to imitate a frame, and at most ``limit`` long."""
    safe = visible(text[:limit])
    if not safe.isascii():
        safe = "".join(_code(char) if ord(char) in FRAME else char for char in safe)
    return safe if len(text) <= limit else f"{safe}… +{len(text) - limit} characters"


@lru_cache(maxsize=8192)
def _with_width(char: str) -> str:
    return char if get_character_cell_size(char) else _code(char)


def _code(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
