"""Reads what a login log says about an address: who tried to log in, and who did.

Users' names in these lines are chosen by whoever knocks, so a line is read from its end, where
the server writes the address. Nothing here raises, whatever a line holds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from engine.host import procfs
from engine.host.ip import canonical_ip
from engine.types import Login

MOST_LOGINS = 64
"""Different users and methods told, those with the most attempts first; successes always come first."""
MOST_REPEATS = 1_000_000
NAME_BYTES = 64
_DAY_S = 86_400.0

_LINE = re.compile(
    rb"(?:<\d{1,3}>)?(?P<at>\d{4}-\d\d-\d\dT\S{8,24}|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?:\S{1,255} )"
    rb"(?P<program>[A-Za-z][\w.-]{0,31})(?:\[\d{1,10}\])?: (?P<message>.*)"
)
_REPEATED = re.compile(rb"message repeated (?P<count>\d{1,9}) times: \[ ?(?P<message>.*)\]\s*")
_SSH_PROGRAMS = (b"sshd", b"sshd-session", b"sshd-auth")
_ENDED = re.compile(
    rb"(?P<how>Accepted|Failed) (?P<method>[\w/-]{1,40}) for (?:invalid user )?(?P<user>.*)"
    rb" from (?P<ip>[0-9A-Fa-f:.]{2,45})(?:%\w{1,15})? port \d{1,5}(?: ssh\d?)?(?:: .*)?\s*"
)
_INVALID = re.compile(
    rb"(?:Invalid user|Illegal user) (?P<user>.*) from (?P<ip>[0-9A-Fa-f:.]{2,45})(?:%\w{1,15})?(?: port \d{1,5})?\s*"
)
_LEFT = re.compile(
    rb"(?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user (?P<user>.*)"
    rb" (?P<ip>[0-9A-Fa-f:.]{2,45})(?:%\w{1,15})? port \d{1,5}(?: \[preauth\])?\s*"
)
_PAM = re.compile(
    rb"pam_\w{1,20}\((?P<service>[\w-]{1,32}):auth\): authentication failure;(?: \w{1,16}=\S{0,64}){0,6}"
    rb" rhost=(?P<ip>[0-9A-Fa-f:.]{2,45})(?: +user=(?P<user>.*))?\s*"
)
"""The address comes before the user, who may have any name."""
_MONTHS = {name: number for number, name in enumerate(
    (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1,
)}  # fmt: skip


class Attempt(NamedTuple):
    """What one line says."""

    at: float
    """0 where the line's time cannot be read."""
    user: str
    ip: str
    ok: bool
    method: str
    """Empty where the line only says that somebody came and went: then other lines may tell of the same attempt."""
    times: int


def parse(lines: Iterable[bytes], ip: str, now: float) -> tuple[Login, ...]:
    """Return the logins from an address; ``now`` tells the year of time stamps that lack one."""
    sums: dict[tuple[str, bool, str], Login] = {}
    for attempt in _attempts(lines, now):
        if attempt.ip != ip:
            continue
        key = (attempt.user, attempt.ok, attempt.method)
        before = sums.get(key)
        first = min((at for at in (before.first_at if before else 0.0, attempt.at) if at), default=0.0)
        last = max(before.last_at if before else 0.0, attempt.at)
        count = min((before.count if before else 0) + attempt.times, MOST_REPEATS)
        sums[key] = Login(attempt.user, ip, attempt.ok, attempt.method, count, first, last)
    told = [login for key, login in sums.items() if login.method or not _is_told_better(key, sums)]
    told.sort(key=lambda login: (not login.ok, -login.count, login.user, login.method))
    return tuple(told[:MOST_LOGINS])


def parse_line(line: bytes, now: float) -> Attempt | None:
    """Return what a line says of a login, None where it says nothing."""
    found = _LINE.fullmatch(line.rstrip(b"\r\n"))
    if found is None:
        return None
    message, count = found["message"], 1
    if repeated := _REPEATED.fullmatch(message):
        message, count = repeated["message"], min(int(repeated["count"]), MOST_REPEATS)
    at = _time_of(found["at"], now)
    if found["program"] in _SSH_PROGRAMS:
        return _ssh(message, at, count)
    return _pam(message, at, count)


def _attempts(lines: Iterable[bytes], now: float) -> Iterator[Attempt]:
    for line in lines:
        attempt = parse_line(line, now)
        if attempt is not None:
            yield attempt


def _is_told_better(key: tuple[str, bool, str], sums: dict[tuple[str, bool, str], Login]) -> bool:
    """Say whether other lines count the same failures with their method."""
    return any(user == key[0] and not ok and method for user, ok, method in sums)


def _ssh(message: bytes, at: float, count: int) -> Attempt | None:
    if found := _ENDED.fullmatch(message):
        return _attempt(found, at, found["how"] == b"Accepted", procfs.text(found["method"], 40), count)
    found = _INVALID.fullmatch(message) or _LEFT.fullmatch(message)
    return _attempt(found, at, ok=False, method="", count=count) if found else None


def _pam(message: bytes, at: float, count: int) -> Attempt | None:
    """Return a failure that another program than sshd tells of: sudo, su, login, a mail server."""
    found = _PAM.fullmatch(message)
    if found is None or found["service"] in _SSH_PROGRAMS:
        return None
    return _attempt(found, at, ok=False, method=f"pam {procfs.text(found['service'], 32)}", count=count)


def _attempt(found: re.Match[bytes], at: float, ok: bool, method: str, count: int) -> Attempt | None:
    ip = canonical_ip(procfs.text(found["ip"], 45))
    user = procfs.text((found["user"] or b"").strip(), NAME_BYTES)
    return Attempt(at, user, ip, ok, method, count) if ip else None


def _time_of(stamp: bytes, now: float) -> float:
    try:
        if stamp[:1].isdigit():
            return datetime.fromisoformat(stamp.decode("ascii")).timestamp()
        return _in_a_year(stamp, now)
    except (ValueError, OverflowError, OSError):
        return 0.0


def _in_a_year(stamp: bytes, now: float) -> float:
    """Return the latest time with this month, day and clock that is not after tomorrow."""
    month, day, clock = stamp[:3], int(stamp[4:6]), stamp[7:].decode("ascii")
    hour, minute, second = (int(part) for part in clock.split(":"))
    year = time.localtime(now).tm_year
    for one in (year + 1, year):
        at = time.mktime((one, _MONTHS.get(month, 0) or _wrong(), day, hour, minute, second, 0, 0, -1))
        if at <= now + _DAY_S:
            return at
    return time.mktime((year - 1, _MONTHS[month], day, hour, minute, second, 0, 0, -1))


def _wrong() -> int:
    raise ValueError("no month")
