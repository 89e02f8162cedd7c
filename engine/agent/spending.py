"""What the endpoints are sent and answer in a day, and when that is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from engine.types import Spending

_MILLION = 1_000_000

Note = Callable[[str, str, int, int], object]
"""Takes day, model, tokens in and tokens out of one call, to be stored."""


def day_of(now: float) -> str:
    """Return the day in UTC, such as ``2026-11-22``."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


class Ledger:
    """Adds up the calls of the day; a new one begins with nothing spent."""

    def __init__(
        self, limit: int = 0, price_in: float = 0.0, price_out: float = 0.0, note: Note = lambda *_: None
    ) -> None:
        """Take the tokens of a day (0 is no limit), and the prices of a million tokens."""
        self.limit = limit
        self._price_in = price_in
        self._price_out = price_out
        self._note = note
        self._day = ""
        self._tokens_in = self._tokens_out = self._calls = 0

    def restore(self, day: str, rows: Iterable[tuple[str, int, int, int]]) -> None:
        """Add what an earlier run spent on a day, as model, tokens in, tokens out and calls."""
        self._turn_to(day)
        for _, tokens_in, tokens_out, calls in rows:
            self._add(tokens_in, tokens_out, calls)

    def spend(self, model: str, tokens_in: int, tokens_out: int, now: float) -> None:
        """Note one call."""
        self._turn_to(day_of(now))
        self._add(tokens_in, tokens_out, 1)
        self._note(self._day, model, tokens_in, tokens_out)

    def is_spent(self, now: float) -> bool:
        """Return whether the day's tokens are used up."""
        self._turn_to(day_of(now))
        return 0 < self.limit <= self._tokens_in + self._tokens_out

    def spending(self, now: float, paused_until: float = 0.0) -> Spending:
        """Return the day so far."""
        self._turn_to(day_of(now))
        cost = (self._tokens_in * self._price_in + self._tokens_out * self._price_out) / _MILLION
        return Spending(self._tokens_in + self._tokens_out, self.limit, self._calls, round(cost, 6), paused_until)

    def _add(self, tokens_in: int, tokens_out: int, calls: int) -> None:
        self._tokens_in += tokens_in
        self._tokens_out += tokens_out
        self._calls += calls

    def _turn_to(self, day: str) -> None:
        if day != self._day:
            self._day = day
            self._tokens_in = self._tokens_out = self._calls = 0
