"""The process tree, from whatever evidence tells of processes."""

from __future__ import annotations

import json

import pytest

from aegis_tui.widgets.line import plain
from aegis_tui.widgets.proctree import MOST, WITHOUT, process_tree
from engine.types import Evidence
from tests.aegis_tui import scenario
from tests.engine.agent.report.hostile import HOSTILE


def fact(kind: str, value: object) -> Evidence:
    """Return a piece of evidence."""
    return Evidence("E-1", "INC-1", kind, 0.0, "", value if isinstance(value, str) else json.dumps(value), "")


def drawn(*items: Evidence) -> list[str]:
    """Return the rows."""
    return [plain(row.spans) for row in process_tree(items)]


def test_parents_stand_above_and_children_below() -> None:
    assert drawn(*scenario.evidence()) == [
        "1 systemd",
        "└─ 8901 java  < owns the connection  shop shop.service  java -jar shop.jar",
        "   ├─ 8977 sh",
        "   └─ 8978 wget",
    ]


def test_a_tree_that_was_asked_for_tells_of_each_relative() -> None:
    members = [
        {"relation": "itself", "pid": 20, "ppid": 10, "comm": "sh", "cmdline": "sh -c id", "user": "www-data"},
        {"relation": "ancestor", "pid": 10, "ppid": 1, "comm": "nginx", "unit": "nginx.service"},
        {"relation": "child", "pid": 30, "ppid": 20, "comm": "x", "exe": "/tmp/x", "exe_deleted": True},
    ]
    owner = {"flow_id": "1:a", "owner": {"finding": "found", "pid": 20, "comm": "sh"}}
    assert drawn(fact("process_tree", {"pid": 20, "members": members}), fact("socket_owner", owner)) == [
        "10 nginx  nginx.service",
        "└─ 20 sh  < owns the connection  www-data  sh -c id",
        "   └─ 30 x  DELETED FROM DISK  /tmp/x",
    ]


@pytest.mark.parametrize("finding", ["gone", "not_permitted", "not_recorded"])
def test_what_could_not_be_asked_is_no_process(finding: str) -> None:
    assert drawn(fact("process", {"finding": finding, "pid": 7})) == [WITHOUT]


def test_a_record_that_runs_in_circles_is_drawn_once() -> None:
    members = [
        {"pid": 1, "ppid": 2, "comm": "a"},
        {"pid": 2, "ppid": 1, "comm": "b"},
        {"pid": 3, "ppid": 3, "comm": "c"},
    ]
    rows = drawn(fact("process_tree", {"members": members}))
    assert sorted(row.lstrip("└├─ ") for row in rows) == ["1 a", "2 b", "3 c"]


def test_a_long_record_says_how_many_are_left_out() -> None:
    halves = [
        fact("process_tree", {"members": [{"pid": n, "ppid": n - 1, "comm": "a"} for n in range(start, start + MOST)]})
        for start in (1, 1 + MOST)
    ]
    rows = drawn(*halves)
    assert len(rows) == MOST + 1
    assert rows[-1] == f"and {MOST} more"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_process_can_draw(hostile: str) -> None:
    values = dict.fromkeys(("comm", "user", "unit", "exe"), hostile)
    process = {"finding": "found", "pid": 5, "cmdline": [hostile], "parents": [f"1 {hostile}"], **values}
    rows = drawn(fact("process", process), fact("process", hostile), fact("process_tree", {"members": [hostile, None]}))
    assert all(row.isprintable() for row in rows)


@pytest.mark.parametrize(
    "content", ["[" * 100_000, "{}", "null", '{"members": 5}', '{"pid": "²"}', '{"pid": -4}', '{"pid": true}']
)
def test_what_is_no_record_is_no_process(content: str) -> None:
    assert drawn(fact("process_tree", content), fact("process", content), fact("socket_owner", content)) == [WITHOUT]
