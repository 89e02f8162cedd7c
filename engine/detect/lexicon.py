"""What is known of each class of event: its severity, its terms and its patterns, from ``knowledge/classes``."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote

from engine.types import Party, Severity


class Usual(StrEnum):
    """Which way most events of a class go, as private and public addresses tell it."""

    IN = "in"
    OUT = "out"
    INSIDE = "inside"

    @property
    def words(self) -> str:
        """For a sentence."""
        return {"in": "from outside to inside", "out": "from inside to outside", "inside": "between inner hosts"}[self]


MAX_TEXT = 2000
"""Characters of a report that are read; what it is about stands at its beginning."""

_FIELDS = ("severity", "attack", "accused", "usual")
_SECTIONS = ("terms", "patterns", "lines")
_INVISIBLE = re.compile(r"\\u(200[b-f]|202[a-e]|206[0-9a-f]|feff|00ad)")
_NO_WORD = re.compile(r"[^a-z0-9\u4e00-\u9fff]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class EventClass:
    """One class of event."""

    name: str
    severity: Severity
    """Of a report of this class."""
    attack_ids: tuple[str, ...]
    accused: Party
    """The end that is at fault where the addresses do not tell."""
    usual: Usual
    terms: tuple[str, ...]
    """Words of the class, in lower case: names of tools and flaws, and what analysts call it."""
    patterns: tuple[re.Pattern[str], ...]
    lines: tuple[str, ...]
    """Examples to train with."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the classifier reads it."""

    text: str
    """In lower case, with single blanks and no invisible characters; an encoded text follows decoded."""
    words: str
    """The same with one blank wherever neither a letter, a digit nor a Chinese character is."""


def read_classes(folder: Path) -> dict[str, EventClass]:
    """Return the classes by name, in alphabetical order.

    Raises:
        ValueError: a file is broken, or there is none.
        OSError: one cannot be read.
    """
    classes = {path.stem: _read(path) for path in sorted(folder.glob("*.txt"))}
    if not classes:
        raise ValueError(f"there are no event classes in {folder}")
    return classes


def reading(text: str) -> Reading:
    """Return a text as the classifier reads it."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text[:MAX_TEXT]))
    plain = "".join(character for character in plain if unicodedata.category(character) != "Cf").lower()
    clear = html.unescape(unquote(unquote(plain, errors="replace"), errors="replace")).lower()
    whole = " ".join((plain if clear == plain else f"{plain} {clear}").split())[: 2 * MAX_TEXT]
    return Reading(whole, f" {_NO_WORD.sub(' ', whole)} ")


def terms_in(seen: Reading, terms: tuple[str, ...]) -> list[str]:
    """Return the terms that a text holds; a Latin one begins a word there."""
    return [term for term in terms if (term in seen.text if _is_raw(term) else f" {term}" in seen.words)]


def patterns_in(seen: Reading, patterns: tuple[re.Pattern[str], ...]) -> int:
    """Return how many patterns a text matches."""
    return sum(pattern.search(seen.text) is not None for pattern in patterns)


def _is_raw(term: str) -> bool:
    return bool(_CHINESE.search(term)) or bool(_NO_WORD.search(term.replace(" ", "")))


def _read(path: Path) -> EventClass:
    head, *parts = re.split(r"^== (\w+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    fields = dict(re.findall(r"^(\w+): *(.*)$", head, flags=re.MULTILINE))
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    missing = [name for name in _FIELDS if name not in fields] + [name for name in _SECTIONS if name not in sections]
    if missing:
        raise ValueError(f"cannot use the event class {path}: {', '.join(missing)} missing")
    try:
        return EventClass(
            name=path.stem,
            severity=Severity(fields["severity"]),
            attack_ids=tuple(part.strip() for part in fields["attack"].split(",")),
            accused=Party(fields["accused"]),
            usual=Usual(fields["usual"]),
            terms=_unique(sections["terms"].lower().replace("\n", "|").split("|")),
            patterns=tuple(re.compile(line) for line in _unique(sections["patterns"].splitlines())),
            lines=_unique(sections["lines"].splitlines()),
        )
    except (ValueError, re.error) as error:
        raise ValueError(f"cannot use the event class {path}: {error}") from error


def _unique(parts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
