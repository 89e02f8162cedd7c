"""Repeats fold into one alert, around the end of the flow that is not this host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.alerts import MAX_ALERTS, Deduplicator
from engine.sources.event import parse
from engine.triage import update_of
from engine.types import Party
from tests.factories import ATTACKER, SERVER, detection, five_tuple, flow


def test_repeats_within_the_window_raise_one_alert() -> None:
    dedup = Deduplicator(window_s=60)
    first, is_new = dedup.add(flow(), detection(), now=0)
    again, is_new_again = dedup.add(flow(), detection(), now=60)
    assert (is_new, is_new_again) == (True, False)
    assert (again.id, again.count, again.last_at) == (first.id, 2, 60)


def test_a_repeat_after_the_window_is_a_new_alert() -> None:
    dedup = Deduplicator(window_s=60)
    first, _ = dedup.add(flow(), detection(), now=0)
    later, is_new = dedup.add(flow(), detection(), now=60.1)
    assert is_new
    assert later.id != first.id


def test_repeats_that_keep_coming_stay_one_alert() -> None:
    dedup = Deduplicator(window_s=60)
    ids = {dedup.add(flow(), detection(), now=float(at))[0].id for at in range(0, 600, 50)}
    assert len(ids) == 1


def test_repeats_fold_across_a_restart() -> None:
    before = Deduplicator(window_s=60)
    stored, _ = before.add(flow(), detection(), now=0)
    after = Deduplicator(window_s=60)
    after.restore([stored])
    again, is_new = after.add(flow(), detection(), now=30)
    assert (again.id, again.count, is_new) == (stored.id, 2, False)


@pytest.mark.parametrize(
    ("local", "attacker", "target"),
    [
        ((SERVER,), Party.INITIATOR, ATTACKER),
        ((ATTACKER,), Party.INITIATOR, SERVER),
        ((SERVER,), Party.RESPONDER, ATTACKER),
        ((), Party.INITIATOR, ATTACKER),
        ((), Party.RESPONDER, SERVER),
        ((SERVER, ATTACKER), Party.RESPONDER, SERVER),
    ],
)
def test_the_target_is_the_end_that_is_not_this_host(local: tuple[str, ...], attacker: Party, target: str) -> None:
    dedup = Deduplicator(local_ips=local)
    alert, _ = dedup.add(flow(), detection(attacker=attacker), now=0)
    assert alert.target_ip == target


def test_the_table_of_alerts_is_bounded() -> None:
    dedup = Deduplicator(window_s=60)
    for number in range(MAX_ALERTS + 10):
        source = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        dedup.add(flow(five_tuple(source)), detection(), now=0)
    assert len(dedup._alerts) == MAX_ALERTS


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0, 1000)), max_size=60))
def test_every_detection_is_counted_in_exactly_one_alert(items: list[tuple[str, float]]) -> None:
    dedup = Deduplicator(window_s=60)
    latest = {}
    for label, at in sorted(items, key=lambda item: item[1]):
        alert, _ = dedup.add(flow(), detection(label), now=at)
        latest[alert.id] = alert
    assert sum(alert.count for alert in latest.values()) == len(items)


def test_two_reports_of_the_same_moment_and_ends_are_two_alerts_with_their_own_words() -> None:
    told = [parse(f"2023/10/9 11:23 203.0.113.9:4000 192.0.2.1:80 sql-injection {words}") for words in ("real", "test")]
    ids = {Deduplicator().add(update_of(one).flow, detection(event=one), one.at)[0].id for one in told}
    assert len(ids) == 2
