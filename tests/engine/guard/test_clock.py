from __future__ import annotations

from engine.guard.clock import RateLimit, SystemClock


def test_the_boot_clock_only_goes_forward_and_the_boot_has_a_name() -> None:
    clock = SystemClock()
    assert clock.boot_ns() <= clock.boot_ns()
    assert len(clock.boot_id) == 36


def test_a_limit_is_full_until_a_minute_has_passed() -> None:
    limit = RateLimit(2)
    limit.count(0)
    limit.count(10**9)
    assert limit.full(59 * 10**9)
    assert not limit.full(60 * 10**9)
