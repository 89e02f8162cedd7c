"""Nothing is sent while an endpoint is left alone or the day's tokens are spent, and the reason is said."""

from __future__ import annotations

import pytest

from engine.agent.gate import Gate, GateShutError
from engine.agent.spending import Ledger
from engine.types import Spending

NOON = 1_800_014_400.0


class _Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


def test_a_failing_endpoint_is_left_alone_until_a_moment_that_is_said() -> None:
    clock = _Clock()
    gate = Gate("scripted", clock=clock)
    for _ in range(3):
        gate.enter()
        gate.failed(10)
    assert gate.paused_until == NOON + 60
    with pytest.raises(GateShutError, match=r"scripted failed 3 times in a row .* until 12:01:00 UTC"):
        gate.enter()
    clock.now += 60
    assert (gate.why_shut(), gate.paused_until) == ("", 0.0)
    gate.enter()
    with pytest.raises(GateShutError, match="left alone"):
        gate.enter()
    gate.answered(10, 5)
    gate.enter()


def test_over_the_tokens_of_the_day_it_is_shut_until_midnight() -> None:
    clock = _Clock()
    ledger = Ledger(100)
    gate = Gate("scripted", ledger, clock)
    gate.enter()
    gate.answered(80, 20)
    with pytest.raises(GateShutError, match=r"the 100 tokens of the day are spent: .* midnight UTC"):
        gate.enter()
    clock.now += 43_200
    gate.enter()


def test_a_call_that_failed_counts_with_what_was_sent() -> None:
    ledger = Ledger()
    gate = Gate("scripted", ledger, _Clock())
    gate.enter()
    gate.failed(70)
    assert ledger.spending(NOON) == Spending(70, 0, 1)
