"""Tests of evidence as a person reads it."""

from __future__ import annotations

import json

from engine.agent.report.facts import FIELDS, readable


def test_fields_are_told_by_name_with_times_and_without_what_is_empty() -> None:
    content = {
        "first_seen": 1795293719.974756,
        "handshake": True,
        "packets": [14, 12],
        "detail": "",
        "points": [],
        "owner": {"comm": "nginx", "start_time": 1795293707.89, "pid": 9},
        "score": 0.9,
    }
    assert readable(json.dumps(content)) == (
        ("first seen", "2026-11-21 20:41:59.974Z"),
        ("handshake", "yes"),
        ("packets", "14, 12"),
        ("owner comm", "nginx"),
        ("owner start time", "2026-11-21 20:41:47.890Z"),
        ("owner pid", "9"),
        ("score", "0.9"),
    )


def test_a_list_of_records_is_numbered() -> None:
    found = readable(json.dumps({"decoded": [{"text": "a"}, {"text": "b"}]}))
    assert found == (("decoded 1 text", "a"), ("decoded 2 text", "b"))


def test_what_is_no_object_is_told_as_it_is_and_inert() -> None:
    assert readable("line\x1b[2J") == (("", "line\\x1b[2J"),)
    assert readable("") == ()


def test_hostile_content_is_bounded() -> None:
    deep: dict[str, object] = {"end": "x"}
    for _ in range(50):
        deep = {"in": deep}
    assert len(readable(json.dumps(deep))) == 1
    many = readable(json.dumps({f"k{number}": "\x1b" * 5000 for number in range(500)}))
    assert many[FIELDS:] == (("", "[+460 fields]"),)
    assert all(len(value) < 5000 and "\x1b" not in value for _, value in many)
    assert readable("[" * 100_000)[0][0] == ""
