"""Which things of a listing a table shows, and in what order; a long search goes on between the keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from aegis_tui.widgets.listing import Listing
from engine.filter import Filter

PORTION = 2_000
"""Things that are looked at between two looks at the clock."""
AT_ONCE_S = 0.08
"""How long a search may keep the keys waiting."""
LARGE = 5_000
"""Things from which on arranging them is noticed, and is done less often."""
SHARE = 20
"""A large table is arranged again after that many times what it took: at most a twentieth of a core."""


class Arrangement:
    """The things that pass a filter, in order."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.listing: Listing[Any] = Listing((), str, lambda _: _NO_ROW, {}, {})
        self.shown: Sequence[Any] = ()
        self.filter: Filter | None = None
        self.column = -1
        """Index of the column that is sorted by; -1 leaves the order as it comes."""
        self.title = ""
        self.backwards = False
        self._clock = clock
        self._rest: Iterator[Any] | None = None
        self._sieve: Callable[[Sequence[Any]], Sequence[Any]] = list
        self._found: list[Any] = []
        self._took = self._done_at = 0.0

    @property
    def searching(self) -> bool:
        """Whether a search is not yet at its end."""
        return self._rest is not None

    def may_wait(self, newer: Listing[Any]) -> bool:
        """Whether a listing can be left for later: a search goes on, or a large table was arranged just now."""
        if self.searching or len(newer) <= LARGE:
            return self.searching
        waits_s = 3.0 if newer.items is self.listing.items else 0.0
        return self._clock() < self._done_at + max(waits_s, SHARE * self._took)

    def begin(self) -> None:
        """Look through all things anew."""
        self._found, self._took = [], 0.0
        if self.filter:
            self._sieve = self.filter.sieve(self.listing.kind)
            self._rest = iter(self.listing.items)
            self.go_on()
        else:
            self._rest = None
            self._settle(self.listing.items)

    def go_on(self) -> None:
        """Search on for a moment; what was shown before stays until the search is at its end."""
        began = self._clock()
        while self._rest is not None:
            portion = list(islice(self._rest, PORTION))
            self._found += self._sieve(portion)
            if len(portion) < PORTION:
                self._rest = None
            elif self._clock() > began + AT_ONCE_S:
                self._took += self._clock() - began
                return
        self._took += self._clock() - began
        self._settle(self._found)

    def _settle(self, found: Sequence[Any]) -> None:
        began = self._clock()
        if self.column >= 0:
            order = self.listing.order(self.title, self.column)
            self.shown = sorted(found, key=order, reverse=self.backwards)
        else:
            self.shown = found[::-1] if self.backwards else found
        self._done_at = self._clock()
        self._took += self._done_at - began

    def place(self, key: str, near: int) -> int:
        """Return where the thing with a key is shown, or -1; one that stayed in its place is found at once."""
        of = self.listing.key
        if 0 <= near < len(self.shown) and of(self.shown[near]) == key:
            return near
        return next((n for n, item in enumerate(self.shown) if of(item) == key), -1)


_NO_ROW: Any = None
