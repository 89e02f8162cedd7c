"""Recorded JSON in words: what a person reads of it, and what captured text in it cannot pretend."""

from __future__ import annotations

import json

import pytest

from aegis_tui.widgets.record import fields, sentence


def told(**record: object) -> dict[str, str]:
    """Return the fields of a record by name."""
    found = fields(json.dumps(record))
    assert found is not None
    return dict(found)


@pytest.mark.parametrize("name", ["first_at", "last_seen", "start_time", "at"])
def test_a_moment_is_told_by_the_calendar(name: str) -> None:
    assert told(**{name: 1_760_000_531.25}) == {name.replace("_", " "): "2025-10-09 09:02:11"}


@pytest.mark.parametrize(("name", "value", "text"), [("at", 1e300, "1e+300"), ("span_time", 0.5, "0.5")])
def test_a_number_that_is_no_moment_stays_a_number(name: str, value: float, text: str) -> None:
    assert list(told(**{name: value}).values()) == [text]


def test_an_object_inside_a_record_is_told_field_by_field() -> None:
    owner = {"comm": "nginx", "pid": 6, "detail": ""}
    assert told(owner=owner, event_class="scan") == {"owner comm": "nginx", "owner pid": "6", "event class": "scan"}


def test_pairs_say_which_way_they_went() -> None:
    assert told(bytes=[499, 573], score=0.9) == {"bytes": "499 to server, 573 to client", "score": "0.9"}


def test_a_command_line_reads_as_it_was_typed() -> None:
    assert told(cmdline=["java", "-jar"], children=["1 sh", "2 wget"], handshake=True) == {
        "cmdline": "java -jar",
        "children": "1 sh, 2 wget",
        "handshake": "yes",
    }


@pytest.mark.parametrize("content", ["GET / HTTP/1.1", "[1, 2]", "{", "{'pid': 1}", "{" * 100_000])
def test_what_is_no_record_has_no_fields(content: str) -> None:
    assert fields(content) is None
    assert sentence(content) == content


def test_a_sentence_leaves_out_what_only_a_model_needs() -> None:
    content = 'evidence E-1\n<<<untrusted 0123456789ab E-1\n{"pid":6,"comm":"java"}\n<<<end 0123456789ab'
    assert sentence(content) == "evidence E-1 pid 6, comm java"


def test_captured_text_in_a_sentence_cannot_pretend_to_be_the_next_field() -> None:
    assert sentence(json.dumps({"comm": 'x", pid 1', "pid": 6})) == 'comm "x\', pid 1", pid 6'


def test_a_sentence_ends_with_what_tells_least() -> None:
    record = {"sha256": "ab", "flow_id": "1:x", "text": "GET", "title": "Scanning"}
    assert sentence(json.dumps(record)) == "title Scanning, text GET, sha256 ab, flow id 1:x"


def test_a_long_value_is_cut_in_a_sentence_alone() -> None:
    content = json.dumps({"text": "A" * 1000})
    assert len(sentence(content)) < 300
    assert len(dict(fields(content) or ())["text"]) == 1000
