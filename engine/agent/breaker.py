"""The circuit breaker: an endpoint that keeps failing is left alone for a while."""

from __future__ import annotations

FAILURES = 3
"""In a row; then the endpoint is left alone."""
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 600.0


class Breaker:
    """Counts the failures of one endpoint; after a pause one call is let through, and decides."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the endpoint failed so often that only a trial may ask it."""
        return self._failures >= FAILURES

    @property
    def open_until(self) -> float:
        """When the next trial may be made; 0 while calls pass."""
        return self._open_until if self.is_open else 0.0

    def lets_pass(self, now: float) -> bool:
        """Return whether a call may be made now.

        The trial call moves the end of the pause, so that no other call passes beside it, and one that
        never comes back holds nobody up for longer than another pause.
        """
        if not self.is_open:
            return True
        if now < self._open_until:
            return False
        self._open_until = now + self._pause_s
        return True

    def succeeded(self) -> None:
        """Let every call pass."""
        self._failures, self._pause_s = 0, FIRST_PAUSE_S

    def failed(self, now: float, stalled: bool = False) -> None:
        """Count a failure; the one of a trial doubles the pause. One that ``stalled`` cost a minute: it is enough."""
        if self.is_open:
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._failures += FAILURES if stalled else 1
        if self.is_open:
            self._open_until = now + self._pause_s
