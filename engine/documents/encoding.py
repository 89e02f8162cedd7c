"""Bytes to text: UTF-8, UTF-16, GB18030 or Windows-1252, found out simply and said."""

from __future__ import annotations

import codecs
import re

SAMPLE = 65_536
"""Bytes or characters that are looked at to tell one encoding from another."""

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROLS_ALLOWED = 0.02
"""As a share of the characters; log files hold a few."""


def decode(content: bytes) -> tuple[str, str]:
    """Return the text and the name of its encoding.

    Raises:
        ValueError: these bytes are no text.
    """
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return _text(content.decode("utf-8-sig" if name == "utf-8" else name, "replace")), name
    if wide := _wide(content[:SAMPLE]):
        return _text(content.decode(wide, "replace")), wide
    for name in ("utf-8", "gb18030"):
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if name == "utf-8" or _is_chinese(text[:SAMPLE]):
            return _text(text), name
    return _text(content.decode("cp1252", "replace")), "windows-1252"


def _wide(sample: bytes) -> str:
    """Return the UTF-16 without a mark that has a zero in nearly every other byte, or empty."""
    pairs = len(sample) // 2
    if pairs < 2:
        return ""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.4 * pairs and even < 0.05 * pairs:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * pairs and odd < 0.05 * pairs else ""


def _is_chinese(text: str) -> bool:
    """Whether what GB18030 made of bytes beyond ASCII are characters that are in use, not letters with accents."""
    beyond = [character for character in text if ord(character) > 0x7F]
    common = len("".join(beyond).encode("gb2312", "ignore")) // 2
    return common >= 0.9 * len(beyond)


def _text(text: str) -> str:
    if len(_CONTROLS.findall(text[:SAMPLE])) > _CONTROLS_ALLOWED * len(text[:SAMPLE]):
        raise ValueError("it holds binary data, not text")
    return text
