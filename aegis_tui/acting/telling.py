"""What the console said: on its last line for a while, and kept to be read later."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from textual.timer import Timer

from aegis_tui.acting.console import Console
from aegis_tui.widgets.line import Line, line
from aegis_tui.widgets.words import span

_T = TypeVar("_T")
NOTICE_S = 8.0
NOTICES = 50


class LastLine:
    """The words on the last line, and those that stood there before."""

    def __init__(self, console: Console, every: Callable[[float, Callable[[], None]], Timer]) -> None:
        """Take the console, and what calls something again after so many seconds."""
        self._console = console
        self._every = every
        self._said: tuple[Line, float] = ((), 0.0)
        self.notices: deque[tuple[float, str]] = deque(maxlen=NOTICES)

    def say(self, words: str, style: str = "bold") -> None:
        """Show words for a while, and keep them; no words clear the line."""
        if words:
            self.notices.append((self._console.engine.snapshot().now, words))
        self._said = (line((words, style)) if words else (), self._console.monotonic() + NOTICE_S)
        self._console.poll()

    def shown(self) -> Line:
        """Return what stands there now."""
        said, until = self._said
        return said if self._console.monotonic() < until else ()

    async def waited(self, words: str, work: Awaitable[_T]) -> _T:
        """Return what comes of work that takes a while, and say meanwhile for how long it has been going on."""
        began = self._console.monotonic()

        def tick() -> None:
            lasts = span(self._console.monotonic() - began)
            self._said = (line((f"{words} … {lasts}", "bold")), math.inf)
            self._console.poll()

        tick()
        timer = self._every(1.0, tick)
        try:
            return await work
        finally:
            timer.stop()
            self._console.say("")
