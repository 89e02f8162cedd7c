"""Reported events: one line of another product, or one alert record of Suricata's EVE JSON."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from engine.sources import eve
from engine.sources.reporting import EventError, address, number_of, same_family, seconds_of, visible
from engine.types import ReportedEvent

__all__ = ["EventError", "parse"]

MAX_BYTES = 16 * 1024
"""A report is a line; what is longer is no report."""

MAX_NAME = 160
"""Characters of a name of several words; beyond it the first word is the name."""

_DATE = r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_ZONE = r"(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_EPOCH = r"(?P<epoch>\d{9,10}(?:\.\d{1,9})?)"
_TIME = re.compile(rf"(?:{_DATE}(?:[T \t]+|(?<=日)){_CLOCK}{_ZONE}|{_EPOCH})(?=\s|$)", re.ASCII)
_HEAD = re.compile(r"\s*(?:->|-->|=>|→)?\s*(\S+)")
_NAME = re.compile(r"(?P<words>\S.*?)(?:\t| {2,})(?P<rest>.*)", re.DOTALL)


def parse(text: str) -> ReportedEvent:
    """Return the event that a line tells: ``time srcip:port dstip:port name content``, or an EVE alert record.

    A time without a zone is this host's local time. An IPv6 address stands in brackets. The name is the first
    word after the addresses, or all words before a tab or two spaces; the content may be empty.

    Raises:
        EventError: a field does not fit; it names the field.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise EventError("line", f"is longer than {MAX_BYTES} bytes")
    line = text.strip()
    if not line:
        raise EventError("line", "is empty")
    if line.startswith("{"):
        return eve.parse(line)
    at, rest = _time(line)
    src_ip, src_port, rest = _end("source", rest)
    dst_ip, dst_port, rest = _end("destination", rest)
    same_family(src_ip, dst_ip)
    name, content = _words(rest)
    return ReportedEvent(at, src_ip, src_port, dst_ip, dst_port, name, content)


def _time(line: str) -> tuple[float, str]:
    """Return when it happened, and the rest of the line; digits and colons may be full-width."""
    head = unicodedata.normalize("NFKC", line[:64])
    found = _TIME.match(head)
    if found is None:
        raise EventError("time", f"{_first(line)} is no time such as 2023/10/9 11:23 or 2023-10-09T11:23:00Z")
    rest = head[found.end() :] + line[64:]
    return seconds_of(lambda: _moment(found), found[0]), rest


def _moment(found: re.Match[str]) -> float:
    if found["epoch"]:
        return float(found["epoch"])
    parts = ("year", "month", "day", "hour", "minute", "second")
    year, month, day, hour, minute, second = (int(found[part] or 0) for part in parts)
    micros = int((found["fraction"] or "0").ljust(6, "0")[:6])
    return datetime(year, month, day, hour, minute, second, micros, tzinfo=_zone(found["zone"] or "")).timestamp()


def _zone(text: str) -> timezone | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    ahead = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(ahead if text[0] == "+" else -ahead)


def _end(side: str, rest: str) -> tuple[str, int, str]:
    """Return address and port of one end, and the rest of the line."""
    found = _HEAD.match(rest)
    if found is None:
        raise EventError(f"{side} address", "is missing")
    token = unicodedata.normalize("NFKC", found[1])
    host, colon, port = token.rpartition(":")
    if not colon or (token.startswith("[") and token.endswith("]")):
        address(f"{side} address", token.strip("[]"))
        raise EventError(f"{side} port", f"is missing after {visible(token)}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise EventError(f"{side} address", _unbracketed(token))
    return address(f"{side} address", host), number_of(f"{side} port", port), rest[found.end() :]


def _unbracketed(token: str) -> str:
    try:
        ipaddress.IPv6Address(token)
    except ValueError:
        return f"{visible(token)} is no address and port such as 192.0.2.1:80 or [2001:db8::1]:80"
    return f"{visible(token)} needs brackets and a port, such as [2001:db8::1]:80"


def _words(rest: str) -> tuple[str, str]:
    """Return name and content."""
    told = rest.strip()
    if not told:
        raise EventError("name", "is missing")
    found = _NAME.match(told)
    if found is not None and len(found["words"]) <= MAX_NAME:
        return visible(found["words"]), visible(found["rest"].strip())
    name, _, content = told.partition(" ")
    return visible(name), visible(content.strip())


def _first(line: str) -> str:
    word = line.split(maxsplit=1)[0]
    return repr(visible(word[:40]))
