"""A stored incident is read as if it were captured again."""

from __future__ import annotations

from engine.stored import BATCH_UPDATES, StoredInputs
from tests.factories import update


def test_the_inputs_come_in_order_and_the_last_batch_says_so() -> None:
    updates = [update(at=number / 100) for number in range(BATCH_UPDATES + 2)]
    source = StoredInputs("INC-1", updates)
    first, second = source.read(), source.read()
    assert [*first.updates, *second.updates] == updates
    assert (first.last, second.last) == (False, True)
    assert (first.now, second.now) == (updates[BATCH_UPDATES - 1].at, updates[-1].at)


def test_a_read_is_a_moment_at_most_and_told_before_it_is_taken() -> None:
    source = StoredInputs("INC-1", [update(at=at) for at in (1.0, 1.1, 2.0)])
    told = [(source.peek(), source.read().now) for _ in range(2)]
    assert told == [(1.1, 1.1), (2.0, 2.0)]
    assert source.peek() is None


def test_an_incident_without_inputs_ends_at_once() -> None:
    batch = StoredInputs("INC-1", []).read()
    assert (batch.updates, batch.last) == ([], True)


def test_a_stopped_reader_ends_with_its_next_batch() -> None:
    source = StoredInputs("INC-1", [update(at=float(number)) for number in range(100)])
    source.read()
    source.stop()
    assert source.read().last


def test_the_stored_packets_are_given_and_the_flows_are_shown() -> None:
    source = StoredInputs("INC-1", [update()], b"pcap")
    source.read()
    assert source.packets([]) == b"pcap"
    assert [flow.id for flow in source.view] == [update().flow.id]
    assert source.counters().flows_now == 1
