"""The day's tokens are counted over restarts, priced, and enough at their limit."""

from __future__ import annotations

from engine.agent.spending import Ledger, day_of
from engine.types import Spending

NOON = 1_800_014_400.0
"""In the middle of a UTC day."""
DAY_S = 86_400.0


def test_a_day_is_one_of_utc() -> None:
    assert day_of(0.0) == "1970-01-01"
    assert day_of(DAY_S - 1) == "1970-01-01"
    assert day_of(DAY_S) == "1970-01-02"


def test_calls_add_up_to_tokens_and_cost_and_each_is_noted() -> None:
    noted: list[tuple[str, str, int, int]] = []
    ledger = Ledger(0, price_in=2.0, price_out=10.0, note=lambda *row: noted.append(row))
    ledger.spend("small", 100_000, 20_000, NOON)
    ledger.spend("large", 400_000, 80_000, NOON)
    assert ledger.spending(NOON) == Spending(600_000, 0, 2, 2.0)
    assert noted == [(day_of(NOON), "small", 100_000, 20_000), (day_of(NOON), "large", 400_000, 80_000)]


def test_what_an_earlier_run_spent_today_counts() -> None:
    ledger = Ledger(1000)
    ledger.restore(day_of(NOON), [("one", 600, 200, 3), ("two", 150, 49, 1)])
    assert not ledger.is_spent(NOON)
    ledger.spend("one", 1, 0, NOON)
    assert ledger.is_spent(NOON)
    assert ledger.spending(NOON) == Spending(1000, 1000, 5)


def test_a_new_day_begins_with_nothing_spent() -> None:
    ledger = Ledger(10)
    ledger.spend("one", 50, 50, NOON)
    assert ledger.is_spent(NOON)
    assert not ledger.is_spent(NOON + DAY_S)
    assert ledger.spending(NOON + DAY_S) == Spending(0, 10)


def test_without_a_limit_the_day_is_never_spent() -> None:
    ledger = Ledger(0)
    ledger.spend("one", 10**9, 10**9, NOON)
    assert not ledger.is_spent(NOON)
