"""Words are looked for as they are, Chinese by pairs of characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.documents.terms import MOST, indexed, is_mostly_latin, terms


def test_chinese_is_indexed_by_pairs() -> None:
    assert indexed("检测SSH爆破").split() == ["检测", "SSH", "爆破"]
    assert indexed("木马处置").split() == ["木马", "马处", "处置"]


def test_a_query_leaves_out_what_every_text_holds() -> None:
    assert terms("How do I restore the database?") == ["restore", "database"]


def test_a_chinese_query_becomes_the_same_pairs() -> None:
    assert terms("木马处置 vault-3") == ["木马", "马处", "处置", "vault", "3"]


def test_a_single_character_is_looked_for_as_it_is() -> None:
    assert terms("毒") == ["毒"]


def test_the_language_of_a_query_is_told_by_its_letters() -> None:
    assert is_mostly_latin("restore 数据库 backup")
    assert not is_mostly_latin("如何恢复数据库 db")


@given(st.text(max_size=500))
def test_any_query_gives_few_terms_of_word_characters(query: str) -> None:
    found = terms(query)
    assert len(found) <= MOST
    assert all('"' not in term and term.strip() for term in found)
