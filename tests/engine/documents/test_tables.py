"""A row of a table can be read alone."""

from __future__ import annotations

import pytest

from engine.documents import tables
from engine.documents.sections import Section
from engine.documents.tables import read_table


def _text(text: str, delimiter: str = "") -> str:
    ((section,), _) = read_table(text, delimiter)
    return section.text


def test_each_cell_keeps_the_name_of_its_column() -> None:
    assert _text("host;owner\nvault-3;Ada\n;Ben\n") == "host: vault-3; owner: Ada\nowner: Ben"
    assert _text("host\towner\nvault-3\tAda\n", "\t") == "host: vault-3; owner: Ada"


def test_a_cell_beyond_the_names_stands_alone() -> None:
    assert _text("host\nvault-3,spare\n") == "host: vault-3; spare"


def test_a_line_end_inside_a_cell_is_a_space() -> None:
    assert _text('host,note\nvault-3,"one\ntwo"\n') == "host: vault-3; note: one two"


def test_names_without_rows_are_text() -> None:
    assert read_table("host,owner\n", "") == ([Section("", "host, owner")], [])


def test_rows_over_the_limit_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS", 2)
    assert read_table("a\n1\n2\n3\n", "") == ([Section("", "a: 1\na: 2")], ["only the first 2 rows were read"])


def test_a_quote_that_is_never_closed_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FIELD_CHARACTERS", 1000)
    with pytest.raises(ValueError, match="no table"):
        read_table('"' + "a," * 1000, "")
