"""Who decides, of the consoles at one engine. This keeps people out of each other's way, not the host safe."""

from __future__ import annotations

from typing import NamedTuple

NOBODY = "nobody"


class Role(NamedTuple):
    """What one console is told about itself and the others."""

    decides: bool
    decider: str
    """Who decides, such as ``root on pts/2``, or ``nobody``."""
    consoles: int
    """All that are attached, this one too."""


class Roles:
    """Consoles by number; at most one of them decides."""

    def __init__(self) -> None:
        self._who: dict[int, str] = {}
        self._decider = 0
        self._next = 1

    def join(self, who: str, *, watches: bool = False) -> int:
        """Let a console in and return its number; it decides where nobody does, unless it only wants to watch."""
        number, self._next = self._next, self._next + 1
        self._who[number] = who
        if not (self._decider or watches):
            self._decider = number
        return number

    def leave(self, number: int) -> None:
        """Let a console go; the role is free then, and nobody gets it unasked."""
        self._who.pop(number, None)
        if self._decider == number:
            self._decider = 0

    def take_over(self, number: int) -> str:
        """Let a console decide, and return who did before."""
        before = self._who.get(self._decider, NOBODY)
        self._decider = number
        return before

    def of(self, number: int) -> Role:
        """Return the role of a console."""
        return Role(self._decider == number, self._who.get(self._decider, NOBODY), len(self._who))
