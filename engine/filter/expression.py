"""The syntax of patterns: what a regular expression says, part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

MOST_REPEATS = 100
DEEPEST = 20
MOST_MEMBERS = 64
"""Of one ``[]``: each character of a text is held against each of them, at each step that waits for it."""

Test = Callable[[str], bool]


class Edge(Enum):
    """A place that is no character."""

    START = "^"
    END = "$"


@dataclass(frozen=True, slots=True)
class Char:
    """One character out of a class, in either case."""

    test: Test
    refuses: bool = False
    """Whether it is any character but those."""

    def fits(self, char: str) -> bool:
        """Whether a character is of the class."""
        return (self.test(char) or self.test(char.lower()) or self.test(char.upper())) is not self.refuses


@dataclass(frozen=True, slots=True)
class Sequence:
    """One part after the other."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of the parts."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part several times."""

    of: Expression
    least: int
    most: int | None
    """None is without end."""


Expression = Char | Edge | Sequence | Choice | Repeat

_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "w": lambda char: char.isalnum() or char == "_",
    "s": str.isspace,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_REPEATS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def read(text: str) -> Expression:
    """Return what a pattern says.

    Raises:
        ValueError: it cannot be read, or asks for what takes more than one pass, such as ``\\1`` or ``(?=``.
    """
    reader = _Reader(text)
    found = reader.choice(0)
    if reader.at < len(text):
        msg = "a ) without its ("
        raise ValueError(msg)
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def choice(self, depth: int) -> Expression:
        if depth > DEEPEST:
            msg = f"more than {DEEPEST} groups inside each other"
            raise ValueError(msg)
        parts = [self._sequence(depth)]
        while self._takes("|"):
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _sequence(self, depth: int) -> Expression:
        parts: list[Expression] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self._repeated(self._atom(depth)))
        return Sequence(tuple(parts))

    def _repeated(self, of: Expression) -> Expression:
        times = self._times()
        if times is None:
            return of
        self._takes("?")  # asking for the shortest changes nothing where only being found counts
        if self._times() is not None:
            msg = "two repeats in a row"
            raise ValueError(msg)
        return Repeat(of, *times)

    def _times(self) -> tuple[int, int | None] | None:
        for sign, times in _REPEATS.items():
            if self._takes(sign):
                return times
        return self._braces() if self._takes("{") else None

    def _braces(self) -> tuple[int, int | None]:
        inside, closed, rest = self.text[self.at :].partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not _number(low) or (high and not _number(high)):
            msg = "a { that is not {m}, {m,} or {m,n}; write \\{ for the sign"
            raise ValueError(msg)
        self.at = len(self.text) - len(rest)
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            msg = f"repeats that are not 0 to {MOST_REPEATS}, the smaller first"
            raise ValueError(msg)
        return least, most

    def _atom(self, depth: int) -> Expression:
        char = self._next()
        if char in "*+?{":
            msg = f"nothing to repeat before {char}"
            raise ValueError(msg)
        if char in "^$":
            return Edge(char)
        if char in "([":
            return self._group(depth) if char == "(" else self._set()
        if char == ".":
            return Char("\n".__eq__, refuses=True)
        return Char(self._escaped() if char == "\\" else char.__eq__)

    def _group(self, depth: int) -> Expression:
        if self._takes("?") and not self._takes(":"):
            msg = "a (? group; only (?: is known"
            raise ValueError(msg)
        inside = self.choice(depth + 1)
        if not self._takes(")"):
            msg = "a ( without its )"
            raise ValueError(msg)
        return inside

    def _escaped(self) -> Test:
        char = self._next()
        if char.lower() in _CLASSES:
            test = _CLASSES[char.lower()]
            return test if char.islower() else lambda one: not test(one)
        if char.isalnum() and char not in _ESCAPES:
            msg = f"\\{char}, which is not known"
            raise ValueError(msg)
        return _ESCAPES.get(char, char).__eq__

    def _set(self) -> Char:
        refuses = self._takes("^")
        tests = [self._member()]
        while not self._takes("]"):
            tests.append(self._member())
            if len(tests) > MOST_MEMBERS:
                msg = f"more than {MOST_MEMBERS} signs and ranges in one []"
                raise ValueError(msg)
        return Char(lambda char: any(test(char) for test in tests), refuses)

    def _member(self) -> Test:
        first = self._next()
        if first == "\\":
            return self._escaped()
        if self.text[self.at : self.at + 1] != "-" or self.text[self.at + 1 : self.at + 2] in ("]", ""):
            return first.__eq__
        self.at += 1
        last = self._next()
        last = self._next() if last == "\\" else last
        if last < first:
            msg = "a range whose end comes before its start"
            raise ValueError(msg)
        return lambda char: first <= char <= last

    def _next(self) -> str:
        if self.at >= len(self.text):
            msg = "it ends too early"
            raise ValueError(msg)
        self.at += 1
        return self.text[self.at - 1]

    def _takes(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3
