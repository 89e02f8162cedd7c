"""How the console and the commands write moments: local time with its zone, or UTC where that was asked for."""

from __future__ import annotations

import time

NEVER = "—"

_CALENDAR = range(-62_135_596_800, 253_402_300_800)
"""The years 1 to 9999; what lies outside was written by somebody, and measured by nobody."""


class _Zone:
    is_utc = False


def show_utc(wanted: bool) -> None:
    """Write moments in UTC from now on, or local again; a process has one reader."""
    _Zone.is_utc = wanted


def is_utc() -> bool:
    """Return whether moments are written in UTC."""
    return _Zone.is_utc


def clock(at: float) -> str:
    """Return a moment as time of day, or a dash for never and for what no calendar holds."""
    return _written("%H:%M:%S", at) if at > 0 else NEVER


def moment(at: float) -> str:
    """Return a moment as date, time and zone; one that no calendar holds, as its number of seconds."""
    written = _written("%Y-%m-%d %H:%M:%S %z", at)
    return written if written != NEVER else f"{at:.6g} s after 1970"


def zone(at: float) -> str:
    """Return the short name of the zone at a moment, such as ``CET``."""
    return "UTC" if _Zone.is_utc else _written("%Z", at)


def _written(form: str, at: float) -> str:
    try:
        if int(at) not in _CALENDAR:
            return NEVER
        # gmtime's own zone is the local one to strftime.
        return time.strftime(form.replace("%z", "+0000"), time.gmtime(at)) if _Zone.is_utc else _local(form, at)
    except (ValueError, OverflowError, OSError):
        return NEVER


def _local(form: str, at: float) -> str:
    return time.strftime(form, time.localtime(at))
