"""Reading a filter: what it says, and where it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.filter import parse
from engine.filter.tree import And, Node, Not, Or, Term
from tests.engine.filter.trees import trees


@given(trees)
def test_what_is_written_reads_as_the_same(tree: Node) -> None:
    assert parse(str(tree)).tree == tree


@given(st.text(alphabet=st.sampled_from('ab:<>=!()"/\\ 1.or-[]{}*+?|^$é\x00\x1b'), max_size=60))
def test_garbage_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = parse(text)
    except ValueError as refusal:
        assert str(refusal).startswith("at character ")
    else:
        assert parse(str(found)) == found


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except ValueError as refusal:
        assert "expected" in str(refusal)


def test_words_side_by_side_are_and_which_binds_closer_than_or() -> None:
    a, b, c = (Term("", ":", text) for text in "abc")
    assert parse("a b or not c").tree == Or((And((a, b)), Not(c)))
    assert parse("a AND (b OR !c)").tree == And((a, Or((b, Not(c)))))


@pytest.mark.parametrize("text", ["2001:db8::9", "fe80::1", "dead::beef/64", ":8080", "203.0.113.9:443"])
def test_an_address_is_free_text(text: str) -> None:
    assert parse(text).tree == Term("", ":", text)


@pytest.mark.parametrize(
    ("text", "where", "wanted"),
    [
        ("colour:red", 1, "one of the fields"),
        ("app:http src:10.", 14, "an address or a prefix"),
        ("score>much", 7, "a number for score"),
        ("port:70-x", 6, "a number for port"),
        ("sev>=worst", 6, "info, low, medium"),
        ("dir:up", 5, "in or out"),
        ("app>http", 5, "only port, pid, score and sev"),
        ("port:/4+/", 6, "not a pattern"),
        ("src: app:dns", 5, "a value after src:"),
        ("(app:dns", 9, "a closing ) for the one at character 1"),
        ("app:dns)", 8, "an opening ("),
        ('name:"a', 8, 'a closing "'),
        ("/etc/passwd", 6, "put quotes around"),
        ("a or", 5, "a field such as src: or a text"),
        ("name:/(/", 6, "a ( without its )"),
        ("!" * 60 + "a", 51, "at most 50"),
        ("a" * 1001, 1001, "at most 1000 characters"),
    ],
)
def test_a_refusal_names_the_place_and_what_was_expected(text: str, where: int, wanted: str) -> None:
    with pytest.raises(ValueError, match=f"^at character {where}: expected ") as refusal:
        parse(text)
    assert wanted in str(refusal.value)
