"""A budget ends an investigation, and leaves enough for its verdict."""

from __future__ import annotations

import pytest

from engine.agent.allowance import Allowance, BudgetSpentError
from engine.agent.case import Budget


def test_each_budget_is_named_when_it_is_spent() -> None:
    calls, tokens, late = Allowance(Budget()), Allowance(Budget()), Allowance(Budget(seconds=0.0))
    calls.model_calls, tokens.tokens = 6, 19_000
    for allowance, words in ((calls, "6 model calls"), (tokens, "20000 tokens"), (late, "0 s")):
        with pytest.raises(BudgetSpentError, match=f"the budget of {words} is spent"):
            allowance.check(100)
    Allowance(Budget()).check(100)


def test_a_call_that_would_leave_nothing_for_the_verdict_is_not_afforded() -> None:
    allowance = Allowance(Budget(tokens=10_000))
    assert allowance.affords(3_000, calls_after=3)
    assert not allowance.affords(4_000, calls_after=3)
    allowance.model_calls = 3
    assert not allowance.affords(10, calls_after=3)
    assert allowance.affords(10, calls_after=2)
