"""Times as a report writes them, in UTC; one that no calendar holds is its number of seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: float) -> str:
    """Return date and time."""
    return _told(at, "%Y-%m-%d %H:%M:%S.%f", f"{at:g}")


def clock(at: float) -> str:
    """Return the time of the day."""
    return _told(at, "%H:%M:%S.%f", f"{at:g}")


def day(at: float) -> str:
    """Return the date."""
    return _told(at, "%Y-%m-%d", "undated")


def _told(at: float, form: str, otherwise: str) -> str:
    try:
        told = datetime.fromtimestamp(at, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return otherwise
    return f"{told[:-3]}Z" if form.endswith("%f") else told
