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


def told(state: Snapshot) -> Snapshot:
    """Return what a console is told of a state."""
    return replace(state, flows=tuple(replace(flow, head=(b"", b"")) for flow in state.flows))


@given(st.lists(SNAPSHOTS, max_size=6), st.data())
def test_the_mirror_equals_the_snapshot_after_any_changes(states: list[Snapshot], data: st.DataObject) -> None:
    base = mirror = EMPTY
    for state in states:
        if data.draw(st.booleans()):
            continue  # a slow console misses this one
        mirror, base = applied(mirror, sent(between(base, state))), state
        assert mirror == told(state)


def test_an_attached_console_is_told_which_interfaces_are_on_trial() -> None:
    status = replace(EMPTY.status, keep_within_s=31.0, on_trial=("eth1",))
    assert applied(EMPTY, json.loads(json.dumps(between(EMPTY, replace(EMPTY, status=status))))).status == status


def test_the_whole_night_fits_into_one_change() -> None:
    night = scenario.snapshot()
    assert applied(EMPTY, sent(between(EMPTY, night))) == told(night)
    assert between(night, night) == {}


def test_rows_that_stay_are_not_sent_again() -> None:
    newest, *others = ALERTS[::2]
    old, new = replace(EMPTY, alerts=tuple(others)), replace(EMPTY, alerts=(newest, *others))
    change = sent(between(old, new))
    assert (change["alerts"]["rows"], len(change["alerts"]["new"])) == ([3, 1, 0, 3], 1)


def test_the_first_bytes_of_a_flow_are_sent_with_its_alert_only() -> None:
    flow = factories.flow(head=(b"x" * 512, b"y" * 512))
    state = replace(EMPTY, flows=(flow,), alerts=(factories.alert(flow=flow),))
    change = sent(between(EMPTY, state))
    mirror = applied(EMPTY, change)
    assert (mirror.flows[0].head, mirror.alerts[0].flow) == ((b"", b""), flow)
    assert len(json.dumps(change["flows"])) < 300


def test_of_a_flow_that_goes_on_only_what_changed_is_sent() -> None:
    flow = factories.flow()
    more = replace(flow, last_seen=flow.last_seen + 1, packets=(9, 9))
    change = sent(between(replace(EMPTY, flows=(flow,)), replace(EMPTY, flows=(more,))))
    assert applied(replace(EMPTY, flows=(flow,)), change).flows == told(replace(EMPTY, flows=(more,))).flows
    assert len(json.dumps(change)) < 100


def test_flows_that_go_on_are_sent_by_columns() -> None:
    old = tuple(factories.flow(id=f"1:{n}") for n in range(5))
    more = tuple(replace(flow, last_seen=flow.last_seen + n, packets=(9, n)) for n, flow in enumerate(old[1:4], 1))
    first, _, _, _, last = old
    change = sent(between(replace(EMPTY, flows=old), replace(EMPTY, flows=(*more, first, last))))["flows"]
    assert change == {
        "rows": [5, 3, 0, 1, 4, 1],
        "more": [[[4, 5], [1, 2, 3], [flow.last_seen for flow in more], [[9, 1], [9, 2], [9, 3]]]],
    }


@pytest.mark.parametrize(
    "change",
    [
        {"alerts": {}},
        {"alerts": "x"},
        {"alerts": {"rows": [0, 1]}},
        {"alerts": {"rows": [-1, 1]}},
        {"alerts": {"rows": [0]}},
        {"alerts": {"rows": [0, True]}},
        {"alerts": {"rows": [], "new": [1]}},
        {"alerts": {"rows": [], "more": [1]}},
        {"alerts": {"rows": [], "more": [[]]}},
        {"alerts": {"rows": [], "more": [[[0], [0], ["x"]]]}},
        {"alerts": {"rows": [], "more": [[[0], [], []]]}},
        {"scores": []},
        {"scores": {"+": {"a": "x"}, "-": []}},
        {"now": "soon"},
        {"status": [1]},
    ],
    ids=str,
)
def test_a_change_of_another_state_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|not there|zip\(\)"):
        applied(EMPTY, change)


@pytest.mark.parametrize(
    "group",
    [
        [[4], [0, 1], [1.0]],
        [[4], [0], [1.0, 2.0]],
        [[4], [2], [1.0]],
        [[99], [0], [1.0]],
        [[4, 4], [0], [1.0]],
        [[4], [0], ["x"]],
        [[5], [0], [[1]]],
        [[9], [0], ["no such state"]],
    ],
    ids=str,
)
def test_rows_that_go_on_in_a_way_that_makes_no_sense_are_refused(group: list[Any]) -> None:
    two = replace(EMPTY, flows=(factories.flow(id="1:a"), factories.flow(id="1:b")))
    with pytest.raises(ValueError, match=r"expected|not there|zip\(\)"):
        applied(two, {"flows": {"rows": [0, 1], "more": [group]}})


def test_runs_that_name_a_row_over_and_over_are_refused() -> None:
    many = replace(EMPTY, alerts=tuple(ALERTS) * 1000)
    with pytest.raises(ValueError, match="not there"):
        applied(many, {"alerts": {"rows": [0, 8000] * 1000}})
