"""The HTTP answers in the first bytes of a flow, and whether that is all. Hostile bytes: nothing here raises."""

from __future__ import annotations

import re
from typing import NamedTuple

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")
_AGAIN = re.compile(rb"^HTTP/\d(?:\.\d)? (\d{3})", re.MULTILINE)
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,12})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_REQUEST = re.compile(rb"[A-Z]{3,10} \S+ HTTP/\d")
_REQUEST_AGAIN = re.compile(rb"^[A-Z]{3,10} \S+ HTTP/\d", re.MULTILINE)
_BODILESS = frozenset((204, 304))


class Answered(NamedTuple):
    """How the requests of one connection were answered."""

    status: tuple[int, ...]
    """Of each answer that was found, interim ones left out."""
    is_whole: bool
    """Whether these answer all that was asked: one that is missing would be the one that matters."""


def answered(head: tuple[bytes, bytes], total: tuple[int, int]) -> Answered:
    """Return the answers in the first bytes of both directions, of which ``total`` passed altogether."""
    status, is_whole = _status(head, total[1])
    asked = _asked(head[0], total[0])
    return Answered(status, is_whole and asked is not None and asked <= len(status))


def _asked(first: bytes, total: int) -> int | None:
    """Return how many requests were sent, None where that cannot be told: one may hang for what it started."""
    at = count = 0
    while _REQUEST.match(first, at):
        count, end = count + 1, first.find(b"\r\n\r\n", at)
        if end < 0 or b"chunked" in first[at:end].lower():
            more = len(_REQUEST_AGAIN.findall(first, end + 4)) if end >= 0 else 0
            return count + more if total <= len(first) else None
        length = _LENGTH.search(first, at, end + 2)
        at = end + 4 + (int(length[1]) if length else 0)
    return count if at >= total else None


def _status(head: tuple[bytes, bytes], total: int) -> tuple[tuple[int, ...], bool]:
    """Return the status of each answer and whether no other can have come; ``total`` bytes were answered."""
    first, is_kept = head[1], total <= len(head[1])
    found: list[int] = []
    at = 0
    while start := _STATUS.match(first, at):
        code, end = int(start[1]), first.find(b"\r\n\r\n", at)
        found += [code] if code >= 200 else []
        if end < 0:
            return (tuple(found), is_kept)
        length = _LENGTH.search(first, at, end + 2)
        if code < 200 or code in _BODILESS:
            at = end + 4
        elif length is None or b"HEAD " in head[0] or end + 4 + int(length[1]) > total:
            # What ends where the connection does, or says more than came, may hide the answers behind it.
            return ((*found, *map(int, _AGAIN.findall(first, end + 4))), is_kept)
        else:
            at = end + 4 + int(length[1])
    return (tuple(found), at >= total)
