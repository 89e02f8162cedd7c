"""The last gate before the terminal: no colours where there are none, no signs that its font lacks.

It sees all that is written, also what Textual draws by itself.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

SGR = re.compile(r"\x1b\[([\d;:]*)m")
"""Select Graphic Rendition: attributes and colours."""

LACKING = {
    "—": "-", "–": "-", "…": "~", "×": "x", "┆": "|", "✓": "v", "⏳": "?", "▶": ">", "◀": "<", "↓": "v", "↑": "^",
    "←": "<", "→": ">", "•": "*", "●": "o", "○": "o", "╂": "+", "━": "=", "╌": "-", "╎": "|", "┊": "|", "♥": "*",
    "⏮": "<", "⏭": ">", "⏸": "=", "⏵": ">", "◂": "<", "▸": ">", "▏": "|", "▕": "|",
    "▁": "_", "▂": "_", "▃": "-", "▅": "=", "▆": "=", "▇": "#", "\N{REPLACEMENT CHARACTER}": "?",
}  # fmt: skip
"""What the font of the Linux console lacks or draws as something else."""
DRAWN = {
    "─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
    "═": "=", "║": "|", "▄": "_", "█": "#", "▀": "-", "░": ".", "▒": ":", "▓": "#", "·": ".", "▌": "|", "▐": "|",
    "╭": "+", "╮": "+", "╯": "+", "╰": "+", "┃": "|", "▔": "-", "▎": "|", "▊": "|", "▏": "|", "▕": "|",
}  # fmt: skip
"""What a terminal that does not read UTF-8 lacks as well."""


class Gate:
    """Passes what this terminal can show."""

    def __init__(self, environ: Mapping[str, str], encoding: str) -> None:
        self._ascii = not _is_utf8(encoding)
        bare = environ.get("TERM", "").startswith(("linux", "vt", "cons", "screen.linux"))
        lacking = LACKING | (DRAWN if self._ascii else {})
        self._signs = str.maketrans(lacking) if bare or self._ascii else {}

    def passed(self, text: str, *, colours: bool) -> str:
        """Return the text as the terminal gets it."""
        if not colours:
            text = SGR.sub(_without_colours, text)
        if self._signs:
            text = text.translate(self._signs)
        return text.encode("ascii", "replace").decode() if self._ascii else text


def _is_utf8(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False


def _without_colours(found: re.Match[str]) -> str:
    codes = found[1].replace(":", ";").split(";")
    kept: list[str] = []
    while codes:
        code = codes.pop(0)
        if code in ("38", "48", "58"):
            codes = codes[4 if codes[:1] == ["2"] else 2 :]
        elif not _is_colour(code):
            kept.append(code)
    return f"\x1b[{';'.join(kept)}m" if kept else ""


def _is_colour(code: str) -> bool:
    number = int(code or 0)
    return 30 <= number <= 49 or 90 <= number <= 107 or number == 59
