"""The messages that one receiver has not got yet, and when the next attempt is."""

from __future__ import annotations

from collections import deque

from engine.notify import Notice

WAITING = 16
"""Messages that wait for a receiver that does not answer; then the oldest is given up and counted."""
FIRST_RETRY_S, LAST_RETRY_S = 30.0, 3600.0


class Outbox:
    """Keeps what a receiver is owed; each failure doubles the wait."""

    def __init__(self) -> None:
        self.given_up = 0
        """Messages that were never told."""
        self._waiting: deque[Notice] = deque()
        self._again_at, self._failures = 0.0, 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, notice: Notice) -> None:
        """Owe one more."""
        if len(self._waiting) == WAITING:
            self._waiting.popleft()
            self.given_up += 1
        self._waiting.append(notice)

    def due(self, now: float) -> Notice | None:
        """Return what is to be sent now."""
        return self._waiting[0] if self._waiting and now >= self._again_at else None

    def sent(self, notice: Notice, now: float, *, arrived: bool) -> None:
        """Take note of what became of an attempt."""
        if arrived:
            self._failures, self._again_at = 0, 0.0
            if self._waiting and self._waiting[0] is notice:
                self._waiting.popleft()
            return
        self._again_at = now + min(LAST_RETRY_S, FIRST_RETRY_S * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
