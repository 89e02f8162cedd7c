"""How much may be asked for at once: limits a minute, and a breaker on mass proposals."""

from __future__ import annotations

from engine.guard.clock import RateLimit

BURST = 30
"""Distinct proposals of the engine in one minute; more is an attack on the person's attention."""
TRACES_PER_MINUTE = 60
"""Ends of traces that are noted; an engine that was taken over must not fill the disk."""
HOLD_S = 300
"""How long the engine's proposals are held off after the last one too many."""


class Breaker:
    """Opens when too many distinct proposals come at once, and closes when they have stopped for a while.

    Sources that completed a handshake have one of their own: whoever forges addresses cannot open that.
    """

    def __init__(self, about: str, most: int = BURST, hold_s: int = HOLD_S) -> None:
        """``about`` says what the proposals of this breaker are about."""
        self._about = about
        self._recent, self._most, self._hold_ns = RateLimit(most), most, hold_s * 10**9
        self._until_ns = 0

    def trip(self, now_ns: int) -> bool:
        """Count one more proposal; false while it is held off, which begins the wait again."""
        if now_ns < self._until_ns or self._recent.full(now_ns):
            self._until_ns = now_ns + self._hold_ns
            return False
        self._recent.count(now_ns)
        return True

    def held_off(self, now_ns: int) -> str:
        """Say for how long proposals are held off and why, or nothing."""
        left_s = -((now_ns - self._until_ns) // 10**9)
        if left_s <= 0:
            return ""
        return (
            f"the engine made more than {self._most} proposals within a minute about {self._about}:"
            f" it is held off for {left_s} s more, a person may still propose"
        )
