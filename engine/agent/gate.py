"""The gate before an endpoint: shut while it keeps failing, and when the day's tokens are spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from engine.agent.breaker import FAILURES, Breaker
from engine.agent.spending import Ledger


class GateShutError(RuntimeError):
    """The endpoint may not be asked now; nothing was sent."""


class Gate:
    """Lets the calls of one endpoint pass, and keeps account of them."""

    def __init__(self, name: str, ledger: Ledger | None = None, clock: Callable[[], float] = time.time) -> None:
        self._name = name
        self._ledger = ledger or Ledger()
        self._clock = clock
        self._breaker = Breaker()

    @property
    def paused_until(self) -> float:
        """Wall clock until which the endpoint is left alone, 0 when it is not."""
        until = self._breaker.open_until
        return until if until > self._clock() else 0.0

    def why_shut(self) -> str:
        """Return why the endpoint may not be asked now, or an empty text; asking nothing, it uses up no trial."""
        if self._ledger.is_spent(self._clock()):
            return f"the {self._ledger.limit} tokens of the day are spent: {self._name} is asked again at midnight UTC"
        if until := self.paused_until:
            at = datetime.fromtimestamp(until, UTC).strftime("%H:%M:%S")
            return f"{self._name} failed {FAILURES} times in a row or more, or stalled: it is left alone until {at} UTC"
        return ""

    def enter(self) -> None:
        """Pass with one call.

        Raises:
            GateShutError: the endpoint may not be asked now.
        """
        reason = self.why_shut()
        if not reason and not self._breaker.lets_pass(self._clock()):
            reason = self.why_shut()
        if reason:
            raise GateShutError(reason)

    def answered(self, tokens_in: int, tokens_out: int) -> None:
        """Note an answer."""
        self._breaker.succeeded()
        self._ledger.spend(self._name, tokens_in, tokens_out, self._clock())

    def failed(self, tokens_in: int, stalled: bool = False) -> None:
        """Note a call that came to nothing; what was sent may have been charged all the same."""
        self._breaker.failed(self._clock(), stalled)
        self._ledger.spend(self._name, tokens_in, 0, self._clock())
