"""Lists of addresses as text: one address or prefix a line, in the dialects that block lists come in."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import BinaryIO

from engine.guard.policy import canonical_prefix
from engine.text import escape

TARGETS = 100_000
"""Most prefixes of one list."""
LIST_BYTES = 64 * 1024 * 1024
LINE_BYTES = 4096
"""What is longer is no line of a list; its rest is skipped."""
BAD_NAMED = 1000
"""Most bad lines that are named; the others are counted."""
_SHOWN = 60
_COMMENTS = ("#", ";", "//")


@dataclass(frozen=True, slots=True)
class AddressList:
    """What a list holds."""

    prefixes: tuple[str, ...]
    """Canonical, in the order of the list, none twice."""
    bad: tuple[str, ...]
    """Why a line was skipped, such as ``line 12: 300.1.1.1 is no address``; the first of them."""
    bad_lines: int
    duplicates: int
    contained: tuple[tuple[str, str], ...] = field(default=())
    """Each prefix that lies within another one of the list, and the widest that holds it."""


def parse(stream: BinaryIO) -> AddressList:
    """Read a list to its end.

    Raises:
        ValueError: it holds more than ``TARGETS`` prefixes, or more than ``LIST_BYTES``.
    """
    found: dict[str, None] = {}
    bad: list[str] = []
    bad_lines = duplicates = 0
    for number, line in enumerate(_lines(stream), 1):
        target = _target(line)
        if not target:
            continue
        try:
            prefix = canonical(target)
        except ValueError as error:
            bad_lines += 1
            if bad_lines <= BAD_NAMED:
                bad.append(f"line {number}: {error}")
            continue
        duplicates += prefix in found
        found[prefix] = None
        if len(found) > TARGETS:
            msg = f"the list holds more than {TARGETS:,} prefixes: split it, or block wider prefixes"
            raise ValueError(msg)
    return AddressList(tuple(found), tuple(bad), bad_lines, duplicates, tuple(_contained(found)))


def canonical(text: str) -> str:
    """Return an address or a prefix in canonical form; raises ``ValueError`` in words that fit one line."""
    try:
        return canonical_prefix(text)
    except ValueError:
        raise ValueError(f"{escape(text, limit=_SHOWN)} {_fault(text)}") from None


def _fault(text: str) -> str:
    host, dash, _ = text.partition("-")
    if dash and _is_address(host):
        return "is a range: write it as prefixes"
    if not _is_address(text.partition("/")[0]):
        return "is no address"
    return "is no prefix: host bits are set, or the length is wrong"


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Yield the lines without their ends; what is not UTF-8 becomes visible escapes."""
    taken, begun = 0, True
    for piece in iter(lambda: stream.readline(LINE_BYTES), b""):
        taken += len(piece)
        if taken > LIST_BYTES:
            msg = f"more than {LIST_BYTES >> 20} MiB: that is no list of addresses"
            raise ValueError(msg)
        if begun:
            yield piece.removeprefix(codecs.BOM_UTF8).decode("utf-8", "backslashreplace")
        begun = piece.endswith(b"\n")


def _target(line: str) -> str:
    """Return the first field of a line, or the element of ``add SET ELEMENT``; empty where there is none."""
    text = line
    for mark in _COMMENTS:
        text = text.partition(mark)[0]
    fields = text.replace(",", " ").replace('"', " ").replace("[.]", ".").split()
    if len(fields) > 2 and fields[0] == "add":
        return fields[2]
    first, *others = [word for word in fields if word != "-"] or [""]
    if others and _is_address(first) and _is_address(others[0]):
        return f"{first}-{others[0]}"
    return first


def _contained(prefixes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the prefixes that lie within another one; sorted by where they begin, the wide one comes first."""
    networks = sorted(map(ip_network, prefixes), key=lambda net: (net.version, int(net.network_address), net.prefixlen))
    widest, end = "", (0, 0)
    for network in networks:
        last = (network.version, int(network.broadcast_address))
        if last <= end:
            yield str(network), widest
        else:
            widest, end = str(network), last


def _is_address(text: str) -> bool:
    try:
        canonical_prefix(text)
    except ValueError:
        return False
    return "/" not in text
