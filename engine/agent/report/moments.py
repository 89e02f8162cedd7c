"""Times and spans as a report writes them, in UTC; one that no calendar holds is its number of seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from engine.agent.tongue import Tongue

_UNITS: Final = ((2 * 86400, 86400, "{n} d"), (3600, 3600, "{n} h"), (60, 60, "{n} min"), (0, 1, "{n} s"))
"""Least seconds that are told in a unit, its seconds, and its phrase: hours up to two days."""


def moment(at: float) -> str:
    """Return date and time."""
    return _told(at, "%Y-%m-%d %H:%M:%S.%f", f"{at:g}")


def clock(at: float) -> str:
    """Return the time of the day."""
    return _told(at, "%H:%M:%S.%f", f"{at:g}")


def day(at: float) -> str:
    """Return the date."""
    return _told(at, "%Y-%m-%d", "undated")


def span(seconds: float, tongue: Tongue) -> str:
    """Return a term in its two largest units, such as ``25 h 58 min``; 0 has no end."""
    whole = round(seconds)
    if not whole:
        return tongue.say("ever")
    at = next(place for place, (least, _, _) in enumerate(_UNITS) if whole >= least)
    words = []
    for _, size, phrase in _UNITS[at : at + 2]:
        number, whole = divmod(whole, size)
        words += [tongue.say(phrase, n=number)] if number else []
    return " ".join(words)


def _told(at: float, form: str, otherwise: str) -> str:
    try:
        told = datetime.fromtimestamp(at, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return otherwise
    return f"{told[:-3]}Z" if form.endswith("%f") else told
