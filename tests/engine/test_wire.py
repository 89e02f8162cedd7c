"""Values survive the way to JSON and back."""

from __future__ import annotations

import math

import pytest

from engine import wire
from engine.types import Alert, Block, BlockState, Claim, Counters
from tests.factories import alert


def test_an_alert_comes_back_equal_from_its_stored_text() -> None:
    stored = alert()
    assert wire.loads(Alert, wire.dumps(stored)) == stored


def test_a_permanent_block_keeps_its_infinite_term() -> None:
    block = Block("192.0.2.1/32", BlockState.LIVE, ("eth0",), math.inf, 1, 2, 0.0)
    assert wire.loads(Block, wire.dumps(block)) == block


def test_queue_capacities_come_back_as_pairs() -> None:
    counters = Counters(queues={"batches": (1, 64)})
    assert wire.loads(Counters, wire.dumps(counters)) == counters


def test_an_event_line_starts_with_its_type_and_id() -> None:
    assert wire.event_line(alert()).startswith('{"type": "alert", "id": "A-')


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"text": 1, "wrong": 2}', "{"])
def test_foreign_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        wire.loads(Claim, text)
