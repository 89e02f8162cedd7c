from __future__ import annotations

from engine.memory import give_back


def test_free_memory_can_be_given_back_at_any_time() -> None:
    kept = [bytes([number % 256]) * 1000 for number in range(20_000)]
    del kept[::2]
    give_back()
    assert {len(one) for one in kept} == {1000}
