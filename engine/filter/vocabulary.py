"""The fields that a filter may name, and the values each takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from engine.types import Severity


class Takes(StrEnum):
    """What the values of a field are."""

    ADDRESS = "address"
    NUMBER = "number"
    SEVERITY = "severity"
    TEXT = "text"


FIELDS = {
    "src": Takes.ADDRESS,
    "dst": Takes.ADDRESS,
    "ip": Takes.ADDRESS,
    "port": Takes.NUMBER,
    "app": Takes.TEXT,
    "name": Takes.TEXT,
    "proc": Takes.TEXT,
    "pid": Takes.NUMBER,
    "user": Takes.TEXT,
    "score": Takes.NUMBER,
    "sev": Takes.SEVERITY,
    "det": Takes.TEXT,
    "attack": Takes.TEXT,
    "state": Takes.TEXT,
    "dir": Takes.TEXT,
    "id": Takes.TEXT,
    "class": Takes.TEXT,
}

HOST_FIELDS = frozenset({"proc", "pid", "user"})
"""What the host is asked about the processes behind an incident."""

ADDRESS = re.compile(r"[0-9a-f.:]*:[0-9a-f.]*:[0-9a-f.:]*(?:/\d+)?", re.IGNORECASE)
"""What has two colons and is no field: an IPv6 address or prefix, even one that begins with letters."""

WORTH = {
    "info": Severity.INFO,
    "low": Severity.LOW,
    "med": Severity.MEDIUM,
    "medium": Severity.MEDIUM,
    "high": Severity.HIGH,
    "crit": Severity.CRITICAL,
    "critical": Severity.CRITICAL,
}
"""The words for a severity."""

DIRECTIONS = ("in", "out")
ORDERED = (">", ">=", "<", "<=")
_RANGE = re.compile(r"(\d+)-(\d+)")


def span(text: str) -> tuple[float, float]:
    """Return the lowest and the highest number that a value stands for: ``443``, ``1-1024``, ``.5``.

    Raises:
        ValueError: it is no number.
    """
    if found := _RANGE.fullmatch(text):
        return float(found[1]), float(found[2])
    if not re.fullmatch(r"\d{0,18}\.?\d{0,18}", text) or not re.search(r"\d", text):
        raise ValueError(text)
    return float(text), float(text)


def network(text: str) -> IPv4Network | IPv6Network:
    """Return the network of an address or a prefix.

    Raises:
        ValueError: it is neither.
    """
    found = ip_network(text, strict=False)
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    return ip_network(f"{mapped}/{found.prefixlen - 96}") if mapped and found.prefixlen >= 96 else found


def expected(field: str, operator: str, value: str, *, pattern: bool) -> str:
    """Return what a field takes in place of this value, or nothing where the value is right."""
    takes = FIELDS[field]
    if operator in ORDERED and takes not in (Takes.NUMBER, Takes.SEVERITY):
        return f"{field}: with a value; only port, pid, score and sev can be compared"
    if pattern:
        return "" if takes in (Takes.TEXT, Takes.ADDRESS) else f"{_WANTED[takes]} for {field}, not a pattern"
    if takes is Takes.NUMBER and operator in ORDERED and "-" in value:
        return f"one number to compare {field} with"
    return "" if _fits(field, takes, value) else f"{_WANTED[takes] if field != 'dir' else 'in or out'} for {field}"


_WANTED = {
    Takes.ADDRESS: "an address or a prefix, such as 203.0.113.0/24,",
    Takes.NUMBER: "a number",
    Takes.SEVERITY: "info, low, medium, high or critical",
    Takes.TEXT: "a text",
}


def _fits(field: str, takes: Takes, value: str) -> bool:
    if takes is Takes.SEVERITY:
        return value.lower() in WORTH
    if field == "dir":
        return value.lower() in DIRECTIONS
    checks: dict[Takes, Callable[[str], object]] = {Takes.ADDRESS: network, Takes.NUMBER: span}
    try:
        checks.get(takes, str)(value)
    except ValueError:
        return False
    return True
