"""The fields that every form of report has, and what is wrong with one."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

LATEST = 4_102_444_800.0
"""The end of 2099: what is later, or before 1970, is no time of an event."""

_FULL_WIDTH_SPACE = "\u3000"


class EventError(ValueError):
    """A report that cannot be read."""

    def __init__(self, field: str, problem: str) -> None:
        """Take the field that does not fit, such as ``source address``, and what is wrong with it."""
        super().__init__(f"cannot read the event: {field}: {problem}")
        self.field = field


def address(field: str, text: str) -> str:
    """Return an address in canonical form; an IPv4-mapped one becomes IPv4.

    Raises:
        EventError: it is none.
    """
    if not text:
        raise EventError(field, "is missing")
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError as error:
        raise EventError(field, f"{visible(text[:64])} is no IP address") from error
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id:
            raise EventError(field, f"{visible(text[:64])} names an interface")
        return str(parsed.ipv4_mapped or parsed)
    return str(parsed)


def same_family(src_ip: str, dst_ip: str) -> None:
    """Refuse two ends of which one is IPv4 and the other IPv6.

    Raises:
        EventError: they are.
    """
    if (":" in src_ip) != (":" in dst_ip):
        raise EventError("destination address", f"{dst_ip} and the source {src_ip} are not of one family")


def seconds_of(moment: Callable[[], float], text: str) -> float:
    """Return the seconds since the epoch that ``moment`` comes to; ``text`` is how the report tells them.

    Raises:
        EventError: no calendar has such a moment, or no event has such a time.
    """
    try:
        at = moment()
    except (ValueError, OverflowError, OSError) as error:
        raise EventError("time", f"{visible(text)} is on no calendar") from error
    if not 0 <= at < LATEST:
        raise EventError("time", f"{visible(text)} is before 1970 or after 2099")
    return at


def number_of(field: str, text: str) -> int:
    """Return a port.

    Raises:
        EventError: it is none.
    """
    if not text:
        raise EventError(field, "is missing")
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise EventError(field, f"{visible(text[:16])} is no port between 0 and 65535")
    return int(text)


def visible(text: str) -> str:
    """Return a text with blanks as spaces, and every other character that does not print as an escape."""
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character in ("\t", "\n", "\r", "\xa0", _FULL_WIDTH_SPACE):
        return " "
    point = ord(character)
    return f"\\x{point:02x}" if point <= 0xFF else f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
