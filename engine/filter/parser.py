"""From a filter's text to its tree; what it cannot read it refuses, with the place and what it expected there."""

from __future__ import annotations

from engine.filter.matching import Filter
from engine.filter.pattern import Pattern
from engine.filter.tree import And, Everything, Node, Not, Or, Term
from engine.filter.vocabulary import ADDRESS, FIELDS, expected
from engine.filter.words import Sort, Word, refusal, words

DEEPEST = 50
"""Parentheses and ``!`` inside each other."""


def parse(text: str) -> Filter:
    """Return the filter that a text stands for; an empty text matches everything.

    Raises:
        ValueError: the text is no filter; the message names the place and what was expected there.
    """
    reader = _Reader(list(words(text, ADDRESS)))
    if reader.ended():
        return Filter(Everything())
    tree = reader.any_of()
    if not reader.ended():
        raise refusal(reader.here.at, "an opening ( before this one, or the end")
    return Filter(tree)


class _Reader:
    """Goes through the words once, from left to right."""

    def __init__(self, found: list[Word]) -> None:
        self._words = found
        self._at = 0
        self._depth = 0

    @property
    def here(self) -> Word:
        return self._words[self._at]

    def ended(self) -> bool:
        return self.here.sort is Sort.END

    def any_of(self) -> Node:
        parts = [self._all_of()]
        while self._keyword("or"):
            self._at += 1
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all_of(self) -> Node:
        parts = [self._one()]
        while self.here.sort not in (Sort.END, Sort.CLOSE) and not self._keyword("or"):
            self._at += self._keyword("and")
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise refusal(self.here.at, f"at most {DEEPEST} parentheses and ! inside each other")
        node = self._part()
        self._depth -= 1
        return node

    def _part(self) -> Node:
        word = self.here
        if word.sort is Sort.NOT or self._keyword("not"):
            self._at += 1
            return Not(self._one())
        if word.sort is Sort.OPEN:
            return self._group(word)
        if word.sort in (Sort.END, Sort.CLOSE) or self._keyword("and") or self._keyword("or"):
            raise refusal(word.at, "a field such as src: or a text")
        self._at += 1
        return self._field(word) if word.sort is Sort.FIELD else _term(word, "", ":")

    def _group(self, opening: Word) -> Node:
        self._at += 1
        inside = self.any_of()
        if self.here.sort is not Sort.CLOSE:
            raise refusal(self.here.at, f"a closing ) for the one at character {opening.at + 1}")
        self._at += 1
        return inside

    def _field(self, word: Word) -> Node:
        if word.text not in FIELDS:
            raise refusal(word.at, f"one of the fields {' '.join(FIELDS)}, or quotes around the text")
        value = self.here
        self._at += 1
        wrong = expected(word.text, word.operator, value.text, pattern=value.sort is Sort.PATTERN)
        if value.sort is Sort.NOT or wrong:
            raise refusal(value.at, wrong or f"a value for {word.text}")
        return _term(value, word.text, word.operator)

    def _keyword(self, text: str) -> bool:
        return self.here.sort is Sort.TEXT and self.here.text.lower() == text


def _term(value: Word, field: str, operator: str) -> Term:
    if value.sort is Sort.PATTERN:
        try:
            Pattern(value.text)
        except ValueError as error:
            raise refusal(value.at, f"a pattern that can be read: {error}") from None
    return Term(field, operator, value.text, value.sort is Sort.PATTERN)
