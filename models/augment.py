"""Varies a payload so that the model cannot lean on names, dates, lengths or one way of encoding."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from engine.types import MODEL_PAYLOAD_BYTES
from models import synthesis

_HOST = re.compile(rb"(?i)(?<=\nhost: )[\w.:\[\]-]+(?=\r)")
"""A host name or address; an attack in the Host header is left alone."""
_DATE = re.compile(rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:[A-Z][a-z]{2}) (?:19|20)\d\d \d\d:\d\d:\d\d GMT")
_ADDRESS = re.compile(rb"\b(?:\d{1,3}\.){3}\d{1,3}\b")
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_REQUEST = re.compile(rb"[A-Z]{3,8} \S")
_WINDOW_MARGIN = 40
"""Payload bytes of an attack that must stay inside the window for the label to hold."""


class Payload(NamedTuple):
    """The bytes of one direction and where in them the attack lies."""

    data: bytes
    malicious: bool
    attack_at: int = -1
    """Offset of the attack; -1 where it is not known, so that the start must be kept."""


def vary(payload: Payload, rng: random.Random) -> bytes | None:
    """Return a variant of the payload, or nothing where the attack cannot be brought into the window."""
    payload = _drop_headers(payload, rng)
    if payload.malicious and payload.attack_at > MODEL_PAYLOAD_BYTES - _WINDOW_MARGIN:
        return None
    cut = _crop(payload, rng)
    if rng.random() < 0.3:
        cut = _reencode(cut, rng)
    return mask(cut, rng)[:MODEL_PAYLOAD_BYTES]


def mask(data: bytes, rng: random.Random) -> bytes:
    """Replace host names, addresses and dates by random ones."""
    data = _HOST.sub(lambda _: synthesis.host(rng).encode(), data)
    data = _DATE.sub(lambda _: synthesis.date(rng).encode(), data)
    if rng.random() < 0.5:
        data = _ADDRESS.sub(lambda _: b".".join(str(rng.randint(1, 254)).encode() for _ in range(4)), data)
    return data


def _drop_headers(payload: Payload, rng: random.Random) -> Payload:
    """Drop random headers before the attack: long requests then show their body in the window."""
    head, separator, body = payload.data.partition(b"\r\n\r\n")
    if not separator or not _REQUEST.match(head) or rng.random() < 0.4:
        return payload
    first, *headers = head.split(b"\r\n")
    keep_share, at, position = rng.random(), payload.attack_at, len(first) + 2
    kept, shift = [first], 0
    for header in headers:
        holds_attack = position <= payload.attack_at < position + len(header) + 2
        unknown = payload.malicious and payload.attack_at < 0
        if holds_attack or unknown or rng.random() < keep_share:
            kept.append(header)
        elif position < at:
            shift += len(header) + 2
        position += len(header) + 2
    return Payload(b"\r\n".join(kept) + separator + body, payload.malicious, at - shift if at >= 0 else at)


def _crop(payload: Payload, rng: random.Random) -> bytes:
    """Cut the end as a live window may, and now and then the start as a late capture does."""
    data = payload.data
    least = payload.attack_at + 4 * _WINDOW_MARGIN if payload.attack_at >= 0 else len(data) if payload.malicious else 8
    start = 0
    if rng.random() < 0.08 and (not payload.malicious or payload.attack_at > 0):
        start = rng.randrange(max(1, min(payload.attack_at if payload.malicious else len(data) // 2, 400)))
    end = rng.randint(least, len(data)) if rng.random() < 0.25 and least < len(data) else len(data)
    return data[start:end]


def _reencode(data: bytes, rng: random.Random) -> bytes:
    """Change how the request target and a form body are percent-encoded; the meaning stays."""
    if not _REQUEST.match(data):
        return data
    line, separator, rest = data.partition(b"\r\n")
    method, _, target = line.partition(b" ")
    choice = rng.randrange(4)
    if choice == 0:
        share = rng.random() * 0.5
        target = b"".join(
            b"%%%02x" % b if b > 32 and rng.random() < share and b != 0x25 else bytes((b,)) for b in target
        )
    elif choice == 1:
        target = _ESCAPE.sub(lambda m: m[0].lower() if rng.random() < 0.5 else m[0].upper(), target)
    elif choice == 2:
        target = _ESCAPE.sub(lambda m: _decoded(m[0]), target)
    else:
        target = target.replace(b"+", b"%20") if rng.random() < 0.5 else target.replace(b"%20", b"+")
    return method + b" " + target + separator + rest


def _decoded(escape: bytes) -> bytes:
    byte = int(escape[1:], 16)
    return bytes((byte,)) if 33 <= byte < 127 else escape
