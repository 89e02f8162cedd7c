"""The program's own words in the reader's language; what others wrote passes through as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from engine.agent.phrasebook import read_phrasebook

LANGUAGES: Final = ("en", "zh")

_PLACE = re.compile(r"\{([~!]?)(\w+)\}")
"""A place in a phrase.

``{name}`` takes a value as it is, ``{~name}`` one that may be the program's word too, ``{!name}`` one that has to be.
"""

_SENTENCE_CHARACTERS = 2000
"""A longer stored text is no sentence of the program's."""
_NESTED = 6
"""Sentences of the program within each other."""


class Tongue:
    """Speaks one language."""

    def __init__(self, lang: str = "en") -> None:
        """Take ``en`` or ``zh``.

        Raises:
            ValueError: it is neither.
        """
        if lang not in LANGUAGES:
            msg = f"the languages are {' and '.join(LANGUAGES)}, not {lang!r}"
            raise ValueError(msg)
        self.lang = lang
        self._phrases, self._sentences = ({}, ()) if lang == "en" else _translation(lang)

    def say(self, phrase: str, **values: object) -> str:
        """Return a phrase of the calling code with its values in their places."""
        return self._fill(self._phrases.get(phrase, phrase), values, 0)

    def retold(self, sentence: str) -> str:
        """Return a sentence that another part of the program wrote earlier; one that is not known stays in English."""
        return self._retold(sentence, 0) or sentence

    def _retold(self, sentence: str, depth: int) -> str:
        """Return the sentence in this language, or nothing where it is not known."""
        if not self._phrases or len(sentence) > _SENTENCE_CHARACTERS or depth > _NESTED:
            return ""
        known = self._phrases.get(sentence) or self._phrases.get(sentence[:1].lower() + sentence[1:])
        if known is not None:
            return known
        if sentence.endswith(".") and (known := self._phrases.get(sentence[:1].lower() + sentence[1:-1])):
            return f"{known}。"
        if known := self._phrases.get(f"{sentence[:1].lower()}{sentence[1:]}."):
            return known.rstrip("。")
        for pattern, told in self._sentences:
            found = pattern.match(sentence)
            if found is not None and all(self._retold(found[name], depth + 1) for name in pattern.required):
                return self._fill(told, found, depth)
        return ""

    def _fill(self, phrase: str, values: Mapping[str, object], depth: int) -> str:
        def one(place: re.Match[str]) -> str:
            value = str(values[place[2]])
            return (self._retold(value, depth + 1) or value) if place[1] else value

        return _PLACE.sub(one, phrase)


class Pattern:
    """A phrase with places, to find again in a text. It never looks back, so no text makes it slow."""

    def __init__(self, phrase: str) -> None:
        parts = _PLACE.split(phrase)
        self._literals, self._names = parts[0::3], parts[2::3]
        self.weight = sum(map(len, self._literals))
        self.required = tuple(name for kind, name in zip(parts[1::3], self._names, strict=True) if kind == "!")

    def match(self, text: str) -> dict[str, str] | None:
        """Return what stands in the places, or None where the text is something else."""
        first, *middle, last = self._literals
        end = len(text) - len(last)
        if not (text.startswith(first) and text.endswith(last) and len(first) <= end):
            return None
        values, at = [], len(first)
        for literal in middle:
            found = text.find(literal, at, end)
            if found < 0:
                return None
            values.append(text[at:found])
            at = found + len(literal)
        return dict(zip(self._names, [*values, text[at:end]], strict=True))


@cache
def _translation(lang: str) -> tuple[dict[str, str], tuple[tuple[Pattern, str], ...]]:
    """Return a language's table, and those of its sentences that have places, the most telling first."""
    book = read_phrasebook(lang)
    patterns = [(Pattern(english), told) for english, told in book.sentences.items() if _PLACE.search(english)]
    return book.every(), tuple(sorted(patterns, key=lambda pair: -pair[0].weight))
