"""The two clocks the guard lives by: the wall's for people, the boot's for the kernel."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Tells both times; a test's clock is two numbers."""

    @property
    def boot_id(self) -> str:
        """A name that changes with every boot."""
        ...

    def wall(self) -> float:
        """Return seconds since the epoch; may jump."""
        ...

    def boot_ns(self) -> int:
        """Return nanoseconds since boot, suspended time included; never jumps."""
        ...


class SystemClock:
    """The host's clocks."""

    def __init__(self) -> None:
        self.boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def boot_ns(self) -> int:
        """Return nanoseconds since boot."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class RateLimit:
    """Counts how often something happened in the last minute of the boot clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at: list[int] = []

    def full(self, now_ns: int) -> bool:
        """Return whether the minute is used up."""
        self._at = [at for at in self._at if now_ns - at < 60 * 10**9]
        return len(self._at) >= self._most

    def count(self, now_ns: int) -> None:
        """Note that it happened."""
        self._at.append(now_ns)
