"""A filter's text as words: parentheses, ``!``, fields with their operators, texts, quotes and patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

LONGEST = 1000
"""Characters of a filter."""


class Sort(StrEnum):
    """What a word is."""

    OPEN = "("
    CLOSE = ")"
    NOT = "!"
    FIELD = "field"
    """A name with the operator behind it: its value is the next word, without a space between."""
    TEXT = "text"
    QUOTED = "quoted"
    PATTERN = "pattern"
    END = "end"


class Word(NamedTuple):
    """One word and where it begins."""

    sort: Sort
    text: str
    at: int
    operator: str = ""
    """Of a field."""


_FIELD = re.compile(r"([a-z]+)(:|>=|<=|>|<|=)", re.IGNORECASE)
_SIGNS = {"(": Sort.OPEN, ")": Sort.CLOSE, "!": Sort.NOT}
_ENDS_TEXT = re.compile(r"[\s()\"]")


def words(text: str, is_address: re.Pattern[str]) -> Iterator[Word]:
    """Yield the words of a filter, and an end.

    Raises:
        ValueError: a quote or a pattern is not closed, or the text is too long.
    """
    if len(text) > LONGEST:
        raise refusal(LONGEST, f"a filter of at most {LONGEST} characters")
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
            continue
        word, at = _next(text, at, is_address)
        yield word
        if word.sort is Sort.FIELD and (at == len(text) or text[at].isspace() or text[at] in "()"):
            raise refusal(at, f"a value after {word.text}{word.operator}")
    yield Word(Sort.END, "", len(text))


def refusal(at: int, expected: str) -> ValueError:
    """Return the error for a place in the text, counted from 1."""
    return ValueError(f"at character {at + 1}: expected {expected}")


def _next(text: str, at: int, is_address: re.Pattern[str]) -> tuple[Word, int]:
    char = text[at]
    if char in _SIGNS:
        return Word(_SIGNS[char], char, at), at + 1
    if char == '"':
        return _closed(text, at, Sort.QUOTED)
    if char == "/":
        return _closed(text, at, Sort.PATTERN)
    end = _ENDS_TEXT.search(text, at)
    stop = end.start() if end else len(text)
    field = _FIELD.match(text, at)
    after_field = at > 0 and text[at - 1] in ":<>="
    if field and not after_field and not is_address.fullmatch(text, at, stop):
        return Word(Sort.FIELD, field[1].lower(), at, field[2]), field.end()
    return Word(Sort.TEXT, text[at:stop], at), stop


def _closed(text: str, at: int, sort: Sort) -> tuple[Word, int]:
    """Return a word between two quotes or two slashes; a backslash takes the meaning from the sign behind it."""
    sign, inside, here = text[at], "", at + 1
    while here < len(text) and text[here] != sign:
        if text[here] == "\\" and here + 1 < len(text):
            escaped = text[here + 1]
            keeps = sort is Sort.PATTERN and escaped != sign
            inside += f"\\{escaped}" if keeps else escaped
            here += 2
        else:
            inside += text[here]
            here += 1
    if here >= len(text):
        raise refusal(len(text), f"a closing {sign} for the one at character {at + 1}")
    if here + 1 < len(text) and not text[here + 1].isspace() and text[here + 1] not in "()":
        hint = "; put quotes around a text that begins with /" if sort is Sort.PATTERN else ""
        raise refusal(here + 1, f"a space{hint}")
    return Word(sort, inside, at), here + 1
