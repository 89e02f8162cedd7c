"""What is measured the same way in several families of considerations."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter

_INSIDE_NET = re.compile(r"10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|127\.|169\.254\.|f[cd][0-9a-f]{2}:|fe80:")
_ENCODED = re.compile(r"^[A-Za-z0-9+/_=%-]+$")
SHELL_TEXT = re.compile(
    r"no job control in this shell|^(?:id|whoami|uname -a|cat /etc/\w+|sudo -l)\b|[$#] (?:id|whoami|uname|ls|cd|cat|wget|curl)\b|c:\\[^\n]*>|/bin/(?:ba)?sh",
    re.MULTILINE,
)
"""What an interactive shell looks like on the wire."""

LOOKS_AROUND = re.compile(
    r"whoami|\bnet (?:group|user|localgroup|view|accounts|use)\b|nltest|\bquser\b|query user|systeminfo|ipconfig /all|arp -a|netstat -|route print"
    r"|dsquery|\btasklist\b|\buname -a|/proc/version|find / -perm|getcap -r|sudo -l\b|crontab -l|\bps aux|\bps -ef|cat /etc/(?:passwd|shadow|issue|os-release)"
    r"|wmic |reg query|\bgetent |\blast -|~/\.ssh|/root/\.ssh|known_hosts|\.bash_history"
)
"""Commands of somebody who came in and does not know the place."""

_MAKERS = frozenset(
    [
        "admin",
        "password",
        "123456",
        "1234",
        "12345",
        "root",
        "guest",
        "default",
        "changeme",
        "public",
        "s3cret",
        "secret",
    ]
)


def is_inside(ip: str) -> bool:
    """Return whether an address is of a private network."""
    return bool(_INSIDE_NET.match(ip))


def is_opaque(body: str) -> bool:
    """Return whether a body is nothing but encoded bytes."""
    value = body.strip().partition("=")[2] or body.strip()
    return len(value) >= 48 and bool(_ENCODED.match(value))


def entropy(data: bytes) -> float:
    """Return the bits per byte that some data holds."""
    counts = Counter(data)
    return -sum(n / len(data) * math.log2(n / len(data)) for n in counts.values()) if data else 0.0


def is_default(authorization: str) -> bool:
    """Return whether credentials in a header are a maker's."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return False
    try:
        user, _, word = base64.b64decode(value + "==").decode("latin-1").lower().partition(":")
    except (ValueError, binascii.Error):
        return False
    return bool(word) and (user == word or word in _MAKERS)
