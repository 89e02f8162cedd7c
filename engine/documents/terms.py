"""What the index of words is made of: words, and for Chinese, which has no spaces, pairs of characters."""

from __future__ import annotations

import re

_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(f"[{_HAN}]+")
_TERM = re.compile(f"[{_HAN}]+|[^\\W_{_HAN}]+")
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by do does every for from has have how i in into is it its me my no not of on or our"
        " that the their then there this to us was we were what when where which who why with without you your"
        " 的 了 是 在 和 我 们 吗 呢 怎么 什么 如何",
    )
)
MOST = 64
"""Terms of one query; the others are left out."""


def indexed(text: str) -> str:
    """Return a text as it is indexed: Chinese as pairs of characters, the rest as it is."""
    return _RUN.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", text)


def terms(query: str) -> list[str]:
    """Return what of a query is looked for, none twice."""
    found: dict[str, None] = {}
    for match in _TERM.finditer(query.lower()):
        found.update(dict.fromkeys(_pairs(match[0]) if _RUN.match(match[0]) else [match[0]]))
    return [term for term in found if term not in _STOP_WORDS][:MOST]


def is_mostly_latin(text: str) -> bool:
    """Whether a model of English can make something of a text."""
    letters = [character for character in text if character.isalpha()]
    return sum(ord(character) < 0x250 for character in letters) * 2 >= len(letters)


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)] or [run]
