"""The sentences of some texts that fit a question best, by the words they share with it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

TEXT_CHARACTERS = 20_000
"""Of one text, read for sentences."""

SENTENCE_CHARACTERS = 600

_ENOUGH = 0.4
"""A sentence with a smaller share of the best one's score only shares a common word with the question."""

_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?[A-Z0-9])|(?<=[。！？；])|\n+")
_WORD = re.compile(r"[a-z0-9][a-z0-9_./-]*[a-z0-9]|[a-z0-9]|[\u3400-\u9fff]+")
_ENDING = re.compile(r"(?<=\w{3})(?:ions?|ies|ing|ed|es|[esy])\Z")
_STOP: Final = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been but by can did do does for from had has have how i in into is it its me my no not "
        "of on or our should so than that the their them there these they this to us was we were what when where which "
        "who why will with would you your",
    )
)
_ENGLISH: Final = {
    "缓解": "mitigation", "防御": "mitigation", "防范": "mitigation", "防止": "mitigation", "检测": "detection",
    "发现": "detection", "隧道": "tunnel", "口令": "password", "密码": "password", "暴力": "brute", "扫描": "scan",
    "注入": "injection", "勒索": "ransom", "加密": "encrypt", "外泄": "exfiltration", "泄露": "exfiltration",
    "横向": "lateral", "提权": "privilege", "权限": "privilege", "持久": "persistence", "木马": "trojan",
    "后门": "backdoor", "挖矿": "mining", "钓鱼": "phish", "漏洞": "exploit", "日志": "log", "凭据": "credential",
}  # fmt: skip
"""Words of Chinese questions to those of texts in English, by pairs of characters."""


class Sentence(NamedTuple):
    """One sentence and where it stands."""

    text: str
    place: int
    """Which of the texts it is from."""
    score: float


def words_of(text: str) -> set[str]:
    """Return the telling words of a text: without endings in English, pairs of characters in Chinese."""
    return set(_words(text))


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.lower()):
        if "\u3400" <= word[0] <= "\u9fff":
            pairs = [word[at : at + 2] for at in range(max(len(word) - 1, 1))]
            yield from (*pairs, *(_ENDING.sub("", _ENGLISH[pair]) for pair in pairs if pair in _ENGLISH))
        elif word not in _STOP:
            yield _ENDING.sub("", word)


def split(text: str) -> list[str]:
    """Return the sentences of a text."""
    parts = (" ".join(part.split()) for part in _END.split(text[:TEXT_CHARACTERS]))
    return [part[:SENTENCE_CHARACTERS] for part in parts if len(part) > 1]


def best_sentences(question: str, texts: Sequence[str], count: int, each: int = 2) -> list[Sentence]:
    """Return the sentences that share the rarest words with a question, best first, at most ``each`` of one text.

    Of texts in another language than the question's, the first sentences come.
    """
    wanted = words_of(question)
    pieces = [(sentence, place) for place, text in enumerate(texts) for sentence in split(text)]
    held = [words_of(sentence) & wanted for sentence, _ in pieces]
    weights = _weights(wanted, held)
    scored = [
        Sentence(sentence, place, sum(weights[word] for word in shared) * 0.9**place)
        for (sentence, place), shared in zip(pieces, held, strict=True)
    ]
    if not any(one.score for one in scored):
        return [next(one for one in scored if one.place == place) for place in sorted({p for _, p in pieces})][:count]
    enough = _ENOUGH * max(one.score for one in scored)
    ranked = sorted((one for one in scored if one.score >= enough), key=lambda one: -one.score)
    return list(_spread(ranked, each))[:count]


def _weights(wanted: set[str], held: Iterable[set[str]]) -> dict[str, float]:
    seen = Counter(word for shared in held for word in shared)
    return {word: 1 / math.log(2 + seen[word]) for word in wanted}


def _spread(ranked: Iterable[Sentence], each: int) -> Iterator[Sentence]:
    taken: Counter[int] = Counter()
    for one in ranked:
        taken[one.place] += 1
        if taken[one.place] <= each:
            yield one
