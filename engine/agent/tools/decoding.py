"""A payload as those behind it would read it: URL and HTML encodings, gzip and base64 undone; never raises."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from engine.detect.decode import decode

MOST = 6
"""Decoded texts of one payload."""
MOST_BYTES = 2048
"""Of each decoded text; what a compressed payload unpacks to beyond it is not unpacked."""
DEEPEST = 3
_GZIP = b"\x1f\x8b\x08"
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_READABLE = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}


@dataclass(frozen=True, slots=True)
class Decoded:
    """One text that a payload held in another form."""

    how: str
    """``url and html``, ``gzip`` or ``base64``, the outermost first, such as ``url and html, base64``."""
    text: bytes
    """Hostile bytes."""


def decodings(payload: bytes, *, form: bool = False) -> tuple[Decoded, ...]:
    """Return the texts hidden in a payload, outer ones first; none where nothing was encoded.

    ``form`` says that the payload is an HTTP request, where ``+`` is a space.
    """
    found: list[Decoded] = []
    waiting = [("", payload, 0)]
    while waiting and len(found) < MOST:
        how, text, depth = waiting.pop(0)
        for step, inner in _layers(text, form=form and not depth):
            if inner == payload or any(inner == known.text for known in found):
                continue
            one = Decoded(f"{how}, {step}" if how else step, inner[:MOST_BYTES])
            found.append(one)
            if depth + 1 < DEEPEST:
                waiting.append((one.how, one.text, depth + 1))
    return tuple(found[:MOST])


def _layers(text: bytes, *, form: bool) -> Iterator[tuple[str, bytes]]:
    if _is_readable(text) and (plain := decode(text, form=form)) != text:
        yield "url and html", plain
    at = text.find(_GZIP)
    if at >= 0 and (unpacked := _unpack(text[at:])):
        yield "gzip", unpacked
    for match in list(_BASE64.finditer(text))[:MOST]:
        if inner := _from_base64(match[0]):
            yield "base64", inner


def _unpack(text: bytes) -> bytes:
    """Return what a gzip stream begins with, also where it was cut off."""
    try:
        return zlib.decompressobj(wbits=31).decompress(text, MOST_BYTES)
    except zlib.error:
        return b""


def _from_base64(text: bytes) -> bytes:
    """Return what a run of letters stands for, when that can be read; a word of ordinary text cannot."""
    letters = text.rstrip(b"=").translate(_URL_SAFE)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        inner = base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
    if inner.startswith(_GZIP):
        return _unpack(inner)
    if inner[1::2].count(0) * 2 > len(inner) * 0.9:
        inner = inner[::2]  # UTF-16, as PowerShell takes its commands
    return inner if _is_readable(inner) else b""


def _is_readable(text: bytes) -> bool:
    return sum(byte in _READABLE for byte in text) >= 0.9 * len(text) > 0
