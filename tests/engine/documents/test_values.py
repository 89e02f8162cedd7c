"""JSON values keep the path to them, and what is nested too deeply is left out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.documents import values
from engine.documents.sections import Section
from engine.documents.values import read_json, read_json_lines


def _text(text: str) -> str:
    ((section,), _) = read_json(text)
    return section.text


def test_json_values_keep_the_path_to_them() -> None:
    content = json.dumps({"hosts": [{"name": "vault-3", "up": True}], "since": 2019})
    assert _text(content) == "hosts.0.name: vault-3\nhosts.0.up: true\nsince: 2019"


def test_lines_of_json_are_paragraphs_whatever_the_suffix() -> None:
    lines = '{"a": 1}\n\n{"a": 2}\n'
    assert read_json(lines) == read_json_lines(lines) == ([Section("", "a: 1\n\na: 2")], [])


def test_what_is_nested_too_deeply_is_left_out_and_said() -> None:
    found, notes = read_json(f'{{"kept": "yes", "deep": {"[" * 80 + "1" + "]" * 80}}}')
    assert found == [Section("", "kept: yes")]
    assert notes == ["what is nested deeper than 64 levels was left out"]


@pytest.mark.parametrize(
    ("text", "why"),
    [("[" * 200_000, "nested too deeply"), ("{", "no JSON"), ("{\n}}", "no JSON"), ("9" * 5000, "no JSON")],
)
def test_what_cannot_be_read_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_json(text)


def test_values_over_the_limit_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "NODES", 3)
    monkeypatch.setattr(values, "LINES", 2)
    assert read_json("[1, 2, 3, 4]")[1] == ["only the first 3 values were read"]
    assert read_json_lines("1\n2\n3\n") == ([Section("", "1\n\n2")], ["only the first 2 lines were read"])


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=9))


@given(st.recursive(_SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=9), inner))))
def test_every_value_is_in_the_text(value: object) -> None:
    text = _text(json.dumps(value))
    assert all(leaf in text for leaf in _leaves(value))


def _leaves(value: object) -> list[str]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value if isinstance(value, str) else json.dumps(value)]
