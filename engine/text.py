"""Hostile text made inert: visible escapes for what a terminal or a model could take as a command.

Everything that came from a packet, a process, a file or a model passes through here before it is
shown, stored as text, or put into a prompt.
"""

from __future__ import annotations

import re

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x00": "\\0"}

_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, range(0x180B, 0x1810)))
    + "".join(map(chr, range(0xFE00, 0xFE10)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
"""Printable by Unicode's tables, yet drawn as nothing: fillers and variation selectors."""

_UNCERTAIN, _UNCERTAIN_IN_LINES = re.compile("[^ -~]+"), re.compile("[^ -~\n]+")
"""What has to be looked at character by character: all but the printable ASCII, of which most text is made."""

_IDEOGRAPHIC_SPACE = "\u3000"

_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_STACKED_MARKS = re.compile(f"({_MARK}{{3}}){_MARK}+")
"""More than three combining marks in a row: they would be drawn over the neighbouring lines."""


def escape(text: str | bytes, *, limit: int | None = None, keep_newlines: bool = False) -> str:
    """Return ``text`` with C0, C1, bidi, zero-width and other invisible characters as visible escapes.

    Bytes are read as UTF-8; those that are not become ``\\xNN``. A text of more than ``limit``
    characters is cut, and says how many characters are missing.
    """
    decoded = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    whole = len(decoded)
    kept = decoded if limit is None else decoded[:limit]
    shown = _escape_all(kept, keep_newlines)
    if not shown.isascii():
        shown = _STACKED_MARKS.sub(_without_marks, shown)
    return shown if len(kept) == whole else f"{shown}[+{whole - len(kept)} characters]"


def _escape_all(text: str, keep_newlines: bool) -> str:
    if text.isprintable() and (text.isascii() or _BLANK.isdisjoint(text)):
        return text
    return (_UNCERTAIN_IN_LINES if keep_newlines else _UNCERTAIN).sub(_escape_run, text)


def _escape_run(found: re.Match[str]) -> str:
    return "".join(map(_escape_one, found[0]))


def _escape_one(character: str) -> str:
    if (character.isprintable() and character not in _BLANK) or character == _IDEOGRAPHIC_SPACE:
        return character
    if character in _SHORT:
        return _SHORT[character]
    point = ord(character)
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def _without_marks(found: re.Match[str]) -> str:
    return f"{found[1]}[+{len(found[0]) - 3} marks]"


def fence(text: str | bytes, nonce: str, label: str = "", *, limit: int | None = None) -> str:
    """Return untrusted ``text`` between two marker lines that it cannot close.

    Whatever looks like a marker inside is broken up, even when the nonce was guessed.
    """
    body = escape(text, limit=limit)
    body = re.sub("<(?=<)", r"\\x3c", body)
    body = re.sub(re.escape(nonce), "[nonce]", body, flags=re.IGNORECASE)
    return f"<<<untrusted {nonce} {escape(label)}\n{body}\n<<<end {nonce}"
