"""The encodings that web attacks hide behind, undone on raw bytes; never raises, work bounded by the input."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

MAX_BYTES = 65_536
ROUNDS = 3
_LOOKUP_ROUNDS = 12

_PERCENT_U = re.compile(rb"%[uU]([0-9a-fA-F]{4})")
_ESCAPE = re.compile(rb"\\(?:u\{?([0-9a-fA-F]{4})\}?|x([0-9a-fA-F]{2})|([\"'/]))")
_ENTITY = re.compile(rb"&(?:#[xX]0{0,6}([0-9a-fA-F]{1,6})|#0{0,6}(\d{1,7})|([a-zA-Z]{2,7}));?")
_OVERLONG = re.compile(rb"\xe0([\x80-\x81])([\x80-\xbf])|([\xc0\xc1])([\x80-\xbf])")
_FULL_WIDTH = re.compile(rb"\xef([\xbc\xbd])([\x80-\xbf])")
_SQL_VERSIONED = re.compile(rb"/\*!\d{0,6}([^\r\n*]{0,200})\*/")
_SQL_COMMENT = re.compile(rb"/\*[\w .!?-]{0,64}\*/")
_SHELL_SPACE = re.compile(rb"\$\{IFS[^}]{0,20}\}|\$IFS(?:\$\d)?|\{(?=[a-z]{2,8},)", re.IGNORECASE)
_LOOKUP = re.compile(
    rb"\$\{(?:[^${}\r\n]{0,64}?:-([^${}\r\n]{0,64})|(?:lower|upper):([^${}\r\n]{0,64})"
    rb"|date:'([^'${}\r\n]{0,64})')\}",
    re.IGNORECASE,
)
_SLASHES = {0x2044: 0x2F, 0x2215: 0x2F, 0x2216: 0x5C, 0x29F8: 0x2F, 0x29F9: 0x5C}
"""Look-alikes of the slash and backslash that some servers map to them."""
_ENTITIES = {
    b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'", b"amp": b"&", b"colon": b":", b"lpar": b"(",
    b"rpar": b")", b"tab": b"\t", b"newline": b"\n", b"sol": b"/", b"bsol": b"\\", b"period": b".", b"num": b"#",
    b"lbrace": b"{", b"rbrace": b"}", b"equals": b"=", b"semi": b";", b"comma": b",", b"nbsp": b" ",
}  # fmt: skip


def decode(payload: bytes, *, form: bool = False) -> bytes:
    """Return ``payload`` as the application behind it would read it; equal to it when nothing is encoded.

    ``form`` says that the payload is an HTTP request, where ``+`` in the target and the body is a space.
    """
    text = _plus_to_space(payload[:MAX_BYTES]) if form else payload[:MAX_BYTES]
    for _ in range(ROUNDS):
        undone = _undo(text)
        if undone == text:
            break
        text = undone
    return _fold(text)


def _plus_to_space(request: bytes) -> bytes:
    if b"+" not in request:
        return request
    line, newline, rest = request.partition(b"\r\n")
    headers, blank, body = rest.partition(b"\r\n\r\n")
    return line.replace(b"+", b" ") + newline + headers + blank + body.replace(b"+", b" ")


def _undo(text: bytes) -> bytes:
    if b"%" in text:
        if b"%u" in text or b"%U" in text:
            text = _PERCENT_U.sub(lambda found: _character(int(found[1], 16)), text)
        text = unquote_to_bytes(text)
    if b"\\" in text:
        text = _ESCAPE.sub(_unescape, text)
    if b"&" in text:
        text = _ENTITY.sub(_entity, text)
    return text


def _fold(text: bytes) -> bytes:
    if not text.isascii():
        text = _FULL_WIDTH.sub(_narrow, _OVERLONG.sub(_shortest, text))
    if b"/*" in text:
        text = _SQL_COMMENT.sub(b" ", _SQL_VERSIONED.sub(rb" \1 ", text))
    if b"IFS" in text or b"{cat," in text or b"{ls," in text:
        text = _SHELL_SPACE.sub(b" ", text)
    if b"${" in text:
        text = _look_up(text)
    return text


def _look_up(text: bytes) -> bytes:
    """Replace the Log4j lookups that only spell a letter, innermost first."""
    for _ in range(_LOOKUP_ROUNDS):
        text, count = _LOOKUP.subn(lambda found: found[1] or found[2] or found[3] or b"", text)
        if not count:
            break
    return text


def _unescape(found: re.Match[bytes]) -> bytes:
    if found[3] is not None:
        return found[3]
    return _character(int(found[1] or found[2], 16))


def _entity(found: re.Match[bytes]) -> bytes:
    if found[3] is not None:
        return _ENTITIES.get(found[3].lower(), found[0])
    return _character(int(found[1], 16) if found[1] else int(found[2]))


def _character(point: int) -> bytes:
    point = _SLASHES.get(point, point - 0xFEE0 if 0xFF01 <= point <= 0xFF5E else point)
    if point < 0x100:
        return bytes([point])
    return chr(point).encode("utf-8", "replace") if point < 0x110000 else b"?"


def _shortest(found: re.Match[bytes]) -> bytes:
    lead, tail = (found[1][0] & 1, found[2][0]) if found[1] else (found[3][0] & 1, found[4][0])
    return bytes([lead << 6 | tail & 0x3F])


def _narrow(found: re.Match[bytes]) -> bytes:
    point = 0xF000 | (found[1][0] & 0x3F) << 6 | found[2][0] & 0x3F
    return _character(point) if 0xFF01 <= point <= 0xFF5E else found[0]
