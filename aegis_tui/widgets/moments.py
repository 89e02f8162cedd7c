"""What a person types to name a moment of a replay."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from aegis_tui.clock import is_utc
from engine.types import Tape

_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?\Z", re.ASCII)
_BY = re.compile(r"([+-])(\d{1,6}(?:\.\d{1,3})?)([smh]?)\Z", re.ASCII)
_ALERT = re.compile(r"alert\s*(\d{1,6})\Z", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}

HINT = "14:02:30   +30s  -2m   alert 3   start   end"


def alert_number(words: str) -> int:
    """Return which alert is meant, or 0: it stands after a step, which its time does not tell."""
    found = _ALERT.match(words.strip())
    return int(found[1]) if found else 0


def moment_of(words: str, tape: Tape) -> float:
    """Return the moment of the capture that is meant; ``inf`` is the end.

    Raises:
        ValueError: the words name none; the text says what would.
    """
    text = words.strip().casefold()
    if text in ("start", "end"):
        return tape.starts_at if text == "start" else float("inf")
    if found := _BY.match(text):
        by = float(found[2]) * _UNITS[found[3]]
        return tape.at + (by if found[1] == "+" else -by)
    if found := _TIME.match(text):
        return _time_of_day(int(found[1]), int(found[2]), float(found[3] or 0), tape)
    msg = f"no moment; there are: {HINT}"
    raise ValueError(msg)


def _time_of_day(hours: int, minutes: int, seconds: float, tape: Tape) -> float:
    """Return the first such time of the day since the start of the capture, or the one nearest to it before."""
    if hours > 23 or minutes > 59 or seconds >= 60:
        msg = "no time of the day: 00:00:00 to 23:59:59"
        raise ValueError(msg)
    try:
        return _after(tape.starts_at, hours, minutes, seconds, tape.ends_at)
    except (ValueError, OverflowError, OSError):
        msg = "no calendar holds the time of this capture; +30s, -2m, alert 3, start and end go on"
        raise ValueError(msg) from None


def _after(starts_at: float, hours: int, minutes: int, seconds: float, ends_at: float) -> float:
    start = datetime.fromtimestamp(starts_at, UTC if is_utc() else None)
    at = start.replace(hour=hours, minute=minutes, second=int(seconds), microsecond=int(seconds % 1 * 1e6))
    after = at if at >= start - timedelta(hours=1) else at + timedelta(days=1)
    chosen: datetime = after if after.timestamp() <= ends_at + 86400 else at
    return chosen.timestamp() + (0.0 if seconds % 1 else 0.999999)
