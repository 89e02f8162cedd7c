"""The gate: so many inside, and nobody waits."""

from __future__ import annotations

import pytest

from engine.edge.gate import Gate
from engine.edge.view import BusyError


def test_one_more_than_there_is_room_for_is_told_to_come_later() -> None:
    gate = Gate(2)
    with gate, gate, pytest.raises(BusyError):
        gate.enter()


def test_who_leaves_makes_room_however_it_ended() -> None:
    gate = Gate(1)
    for _ in range(3):
        with pytest.raises(KeyError), gate:
            raise KeyError
    gate.enter()
