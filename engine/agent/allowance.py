"""What one investigation may still spend. Kept outside the model, which cannot ask for more."""

from __future__ import annotations

import time

from engine.agent.case import Budget
from engine.agent.models import REPLY_TOKENS

_REPLY_GUESS = 700
"""Tokens of a usual reply; the longest allowed is ``REPLY_TOKENS``."""


class BudgetSpentError(RuntimeError):
    """The endpoint may not be asked again in this run."""


class Allowance:
    """The budget of one run, and what of it is used."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.tool_calls = 0
        self.model_calls = 0
        self.tokens = 0
        self._deadline = time.monotonic() + budget.seconds

    @property
    def is_late(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() >= self._deadline

    def call_s(self) -> float:
        """Return how long the next call of the endpoint may take."""
        return min(self.budget.call_s, self._deadline - time.monotonic())

    def check(self, estimate: int) -> None:
        """Raise ``BudgetSpentError`` where a call with about so many tokens in is more than is left."""
        budget = self.budget
        if self.model_calls >= budget.model_calls:
            msg = f"the budget of {budget.model_calls} model calls is spent"
        elif self.tokens + estimate + REPLY_TOKENS > budget.tokens:
            msg = f"the budget of {budget.tokens} tokens is spent"
        elif self.is_late:
            msg = f"the budget of {budget.seconds:g} s is spent"
        else:
            return
        raise BudgetSpentError(msg)

    def affords(self, estimate: int, calls_after: int) -> bool:
        """Return whether a call leaves enough for the verdict, and for so many calls of the roles after it."""
        tokens = 2 * (estimate + _REPLY_GUESS) + REPLY_TOKENS
        return self.model_calls < self.budget.model_calls - calls_after and self.tokens + tokens <= self.budget.tokens
