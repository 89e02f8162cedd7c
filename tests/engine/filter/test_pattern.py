"""Patterns: they agree with Python's own, and no text makes them slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.filter.pattern import LOOKED_AT, Pattern

_atoms = st.sampled_from(("a", "b", ".", "[ab]", "[^a]", "\\d", "\\W", "(?:a|b)", "(ab|c)", "^", "$", "A", "[a-c1]"))
_parts = st.builds(
    lambda atom, times: atom if atom in "^$" else atom + times,
    _atoms,
    st.sampled_from(("", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?")),
)
_patterns = st.lists(_parts, max_size=5).map("".join)


@given(_patterns, st.text(alphabet="abcAB1 -", max_size=12))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    assert Pattern(pattern).found_in(text) is (re.search(pattern, text, re.IGNORECASE) is not None)


@given(st.text(alphabet="ab.[]()|*+?{}^$\\,-1dwn:", max_size=20))
def test_garbage_is_compiled_or_refused(pattern: str) -> None:
    try:
        Pattern(pattern).found_in("aab-1")
    except ValueError as refusal:
        assert str(refusal)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a|aa)+$", "a*a*a*a*a*a*b", "(.*)*x", "([a-z]+)*1"])
def test_what_takes_python_for_ever_takes_a_step_for_each_character(pattern: str) -> None:
    found = Pattern(pattern)
    found.found_in("a" * 5000 + "!")
    assert len(found._states) <= 20


def test_it_looks_at_the_first_characters_only() -> None:
    assert Pattern("b").found_in("a" * (LOOKED_AT - 1) + "b")
    assert not Pattern("b").found_in("a" * LOOKED_AT + "b")
    assert not Pattern("a$").found_in("a" * (LOOKED_AT + 1))


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        "\\1",
        "a**",
        "*a",
        "[a",
        "a{1000}",
        "((a{90}){90}){90}",
        "(" * 30,
        "(" * 9 + "){100}" * 9,
        "(" * 9 + "|){1,100}" * 9,
        "[" + "a" * 99 + "]",
    ],
)
def test_what_cannot_be_bounded_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="[a-z]"):  # noqa: RUF043 - any words
        Pattern(pattern)
