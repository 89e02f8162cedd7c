"""The mirror equals the engine's snapshot after any sequence of changes, however many were skipped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.attach.changes import EMPTY, applied, between
from engine.types import Block, BlockState, Counters, Fault, Recovery, Snapshot
from tests import factories
from tests.aegis_tui import scenario

FLOWS = [
    factories.flow(id=f"1:{name}", iface=iface, last_seen=at) for name in "abcd" for iface in "ei" for at in (1.0, 2.0)
]
ALERTS = [factories.alert(id=f"A-{name}", count=count) for name in "abcd" for count in (1, 2)]
BLOCKS = [
    Block(f"203.0.113.{n}/32", BlockState.LIVE, ("eth0",), left, 1, 1, 0.0) for n in range(4) for left in (9, 8.5)
]
RECOVERIES = [None, Recovery(9.0, 5.0, 1, 2, 1, 0, None), Recovery(9.0, 5.0, 1, 2, 1, 0, 3)]
FAULTS = [Fault(ability, words, "", 1.0) for ability in ("llm", "store") for words in ("down", "slow")]


def rows(pool: Sequence[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(pool), max_size=8).map(tuple)


SNAPSHOTS = st.builds(
    lambda flows, alerts, blocks, faults, scores, seen, now, recovery: replace(
        EMPTY,
        flows=flows,
        alerts=alerts,
        blocks=blocks,
        faults=faults,
        scores=scores,
        counters=Counters(kernel_seen=seen, queues={"rows": (seen, 9)}),
        now=now,
        recovery=recovery,
    ),
    rows(FLOWS),
    rows(ALERTS),
    rows(BLOCKS),
    rows(FAULTS),
    st.dictionaries(st.sampled_from("abc"), st.floats(0, 1), max_size=3),
    st.integers(0, 5),
    st.floats(0, 3),
    st.sampled_from(RECOVERIES),
)


def sent(change: Any) -> Any:
    return json.loads(json.dumps(change))


@given(st.lists(SNAPSHOTS, max_size=6), st.data())
def test_the_mirror_equals_the_snapshot_after_any_changes(states: list[Snapshot], data: st.DataObject) -> None:
    base = mirror = EMPTY
    for state in states:
        if data.draw(st.booleans()):
            continue  # a slow console misses this one
        mirror, base = applied(mirror, sent(between(base, state))), state
        assert mirror == state


def test_the_whole_night_fits_into_one_change() -> None:
    night = scenario.snapshot()
    assert applied(EMPTY, sent(between(EMPTY, night))) == night
    assert between(night, night) == {}


def test_rows_that_stay_are_not_sent_again() -> None:
    newest, *others = ALERTS[::2]
    old, new = replace(EMPTY, alerts=tuple(others)), replace(EMPTY, alerts=(newest, *others))
    change = sent(between(old, new))
    assert [len(run.get("+", ())) if isinstance(run, dict) else run for run in change["alerts"]] == [1, [0, 3]]


def test_of_a_flow_that_goes_on_only_what_changed_is_sent() -> None:
    flow = factories.flow(head=(b"x" * 512, b"y" * 512))
    more = replace(flow, last_seen=flow.last_seen + 1, packets=(9, 9))
    change = sent(between(replace(EMPTY, flows=(flow,)), replace(EMPTY, flows=(more,))))
    assert applied(replace(EMPTY, flows=(flow,)), change).flows == (more,)
    assert len(json.dumps(change)) < 100


@pytest.mark.parametrize(
    "change",
    [
        {"alerts": [[0, 1]]},
        {"alerts": [[-1, 1]]},
        {"alerts": [[0, 0]]},
        {"alerts": "x"},
        {"alerts": [{"+": [1]}]},
        {"scores": []},
        {"scores": {"+": {"a": "x"}, "-": []}},
        {"now": "soon"},
        {"status": [1]},
    ],
    ids=str,
)
def test_a_change_of_another_state_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|not there"):
        applied(EMPTY, change)
