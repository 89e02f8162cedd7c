"""A filter as a tree, and the text that a tree is written as."""

from __future__ import annotations

import re
from dataclasses import dataclass

KEYWORDS = frozenset({"and", "or", "not"})
_BARE = re.compile(r"[\w.,*@+%#$&?~^-][\w./,*@+%#$&?~^-]*")


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty filter."""

    def __str__(self) -> str:
        """Return nothing."""
        return ""


@dataclass(frozen=True, slots=True)
class Term:
    """One test of one field, or of all text."""

    field: str
    """Empty for free text."""
    operator: str
    """``:`` contains, ``=`` equals; ``>``, ``>=``, ``<``, ``<=`` compare."""
    value: str
    pattern: bool = False

    def __str__(self) -> str:
        """Return the term as it is typed."""
        head = f"{self.field}{self.operator}" if self.field else ""
        return head + (f"/{_slashed(self.value)}/" if self.pattern else _quoted(self.value))


@dataclass(frozen=True, slots=True)
class Not:
    """What does not match."""

    of: Node

    def __str__(self) -> str:
        """Return it with an exclamation mark."""
        return f"!{_inside(self.of)}"


@dataclass(frozen=True, slots=True)
class And:
    """What matches every part; at least two."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        """Return the parts side by side."""
        return " ".join(_inside(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """What matches any part; at least two."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        """Return the parts with ``or`` between them."""
        return " or ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


Node = Everything | Term | Not | And | Or


def _inside(part: Node) -> str:
    return f"({part})" if isinstance(part, And | Or) else str(part)


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value) and value.lower() not in KEYWORDS:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _slashed(pattern: str) -> str:
    return re.sub(r"\\.|/", lambda found: "\\/" if found[0] == "/" else found[0], pattern, flags=re.DOTALL)
