"""What a receiver is owed, and when it is tried again."""

from __future__ import annotations

from engine.notify import Notice
from engine.outbox import FIRST_RETRY_S, LAST_RETRY_S, WAITING, Outbox

ONE, OTHER = Notice("one", "", False), Notice("other", "", False)


def test_what_arrived_is_owed_no_more_and_the_next_is_due() -> None:
    box = Outbox()
    box.put(ONE)
    box.put(OTHER)
    box.sent(ONE, 0, arrived=True)
    assert (box.due(0), len(box)) == (OTHER, 1)


def test_each_failure_doubles_the_wait_up_to_an_hour() -> None:
    box, now, waits = Outbox(), 0.0, []
    box.put(ONE)
    for _ in range(12):
        box.sent(ONE, now, arrived=False)
        waits.append(next(wait for wait in range(10_000) if box.due(now + wait)))
        now += waits[-1]
    assert waits[:3] == [FIRST_RETRY_S, 2 * FIRST_RETRY_S, 4 * FIRST_RETRY_S]
    assert max(waits) == waits[-1] == LAST_RETRY_S


def test_a_receiver_that_never_answers_is_owed_a_bounded_number() -> None:
    box = Outbox()
    for number in range(WAITING + 3):
        box.put(Notice(str(number), "", False))
    due = box.due(0)
    assert (len(box), box.given_up, due and due.title) == (WAITING, 3, "3")
