"""One direction of a flow, read as the application behind it would read it. Hostile bytes: nothing here raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from engine.agent.judging.words import ALSO_CODE, JOINING

_START = re.compile(rb"(?:[A-Z]{3,10}) (\S+) (?:HTTP|ICAP|RTSP)/\d")
_WIDE = re.compile(rb"([\x20-\x7e])\0(?=[\x20-\x7e]\0|\0|$)")
_STATUS = re.compile(rb"(?:HTTP|ICAP|RTSP)/\d(?:\.\d)? (\d{3})")
_DELIMITERS = {"line": b" ?&=;", "json": b'"', "form": b"&="}

_BREAKS_OUT = re.compile(r"[<>;|`$(){}=\\]|\.\./|--|/\*|'.*'|%[0-9a-f]{2}|\d,\d|null,|\bnull\b", re.IGNORECASE)
_SET_AS_TEXT = re.compile(r"<(?:p|li|h[1-6]|pre|code|blockquote)>|`[^`]+`|\[code\]", re.IGNORECASE)
"""Marks that set text, or code inside it, to be read."""
WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Message:
    """The first bytes of one direction."""

    raw: bytes
    is_http: bool
    """Whether it begins with an HTTP-like request or status line."""
    target: str
    """Of a request, decoded."""
    status: int
    """Of an answer, else 0."""
    headers: dict[str, str]
    """Names in lower case."""
    body_at: int
    body: str
    """Decoded."""
    decoded: str
    """The whole of it, percent encodings and wide characters undone."""

    @property
    def kind(self) -> str:
        """Whether the body is ``json``, ``form``, ``multipart``, ``xml`` or something else (empty)."""
        told = self.headers.get("content-type", "")
        words = {"json": "json", "ndjson": "json", "urlencoded": "form", "multipart": "multipart", "xml": "xml"}
        by_header = next((kind for word, kind in words.items() if word in told.lower()), "")
        return by_header or ("json" if self.body.lstrip()[:1] in ("{", "[") else "")

    def place(self, offset: int) -> str:
        """Return which part of the message a byte is in."""
        if not self.is_http:
            return "raw"
        if offset < self.raw.find(b"\r\n"):
            return "line"
        return "header" if offset < self.body_at else "body"

    def field_around(self, offset: int, length: int) -> str:
        """Return the value that holds some bytes, decoded."""
        place = self.place(offset)
        if place == "raw":
            return ""
        if place == "header":
            first, last = self.raw.rfind(b"\r\n", 0, offset), self.raw.find(b"\r\n", offset)
            return readable(unquote_to_bytes(self.raw[max(first, 0) : last if last > 0 else None].strip()))
        marks = _DELIMITERS["line" if place == "line" else self.kind if self.kind in _DELIMITERS else "json"]
        first, last = self._bounds(offset, length, marks)
        return readable(unquote_to_bytes(self.raw[first:last].replace(b"+", b" ")))

    def _bounds(self, offset: int, length: int, marks: bytes) -> tuple[int, int]:
        """Return where the value begins and ends; a quote behind a backslash ends nothing."""
        inside = [at for at in range(offset, min(offset + length, len(self.raw))) if self._ends(at, marks)]
        if inside and marks == b'"':
            offset, length = inside[-1] + 1, 0
        first, last = offset, offset + length
        while first > self.body_at * (marks != b" ?&=;") and not self._ends(first - 1, marks):
            first -= 1
        while last < len(self.raw) and not self._ends(last, marks):
            last += 1
        return first, last

    def _ends(self, at: int, marks: bytes) -> bool:
        return self.raw[at : at + 1] in [bytes([mark]) for mark in marks] and self.raw[at - 1 : at] != b"\\"


@lru_cache(maxsize=256)
def message_of(raw: bytes) -> Message:
    """Return the message in some bytes."""
    start, status = _START.match(raw), _STATUS.match(raw)
    is_http = bool(start or status)
    end = raw.find(b"\r\n\r\n") if is_http else -1
    body_at = end + 4 if end >= 0 else (len(raw) if is_http else 0)
    headers: dict[str, str] = {}
    for line in raw[:body_at].split(b"\r\n")[1:] if is_http else []:
        name, _, value = line.partition(b":")
        headers[readable(name).lower()] = readable(value).strip()
    body = raw[body_at:]
    as_form = body.replace(b"+", b" ") if b"urlencoded" in raw[:body_at] else body
    opening = raw[:body_at]
    if start:
        opening = opening.replace(start[1], start[1].replace(b"+", b" "), 1)
    twice = unquote_to_bytes(unquote_to_bytes(opening + as_form))
    target = readable(unquote_to_bytes(unquote_to_bytes(start[1]))) if start else ""
    decoded_body = readable(unquote_to_bytes(as_form))
    code = int(status[1]) if status else 0
    return Message(raw, is_http, target, code, headers, body_at, decoded_body, readable(twice))


def readable(raw: bytes) -> str:
    """Return bytes as text: wide characters become narrow, what is no text becomes one odd character each."""
    return (
        _WIDE.sub(rb"\1", raw).decode("utf-8", "replace").replace('\\"', '"').replace("\\/", "/").replace("\\\\", "\\")
    )


def is_phrase(text: str) -> bool:
    """Return whether a text is what people look for: words and spaces, nothing that breaks out of a value."""
    words = WORD.findall(text)
    return len(words) >= 3 and text.strip().count(" ") >= 2 and not _BREAKS_OUT.search(text)


def is_prose(text: str) -> bool:
    """Return whether a person wrote a text for a person: several words, with those that hold sentences together."""
    words = [word.lower() for word in WORD.findall(text)]
    joining = [word for word in words if word in JOINING]
    only_prose = any(word not in ALSO_CODE for word in joining) or bool(_SET_AS_TEXT.search(text))
    return only_prose and len(words) >= 6 and len(joining) >= 2 and len(joining) * 9 >= len(words)
