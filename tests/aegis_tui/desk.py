"""A console without a terminal: what its parts say, open and begin is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from textual.screen import Screen

from tests.aegis_tui.console import Clock, Host, engine

Answer = TypeVar("Answer")


class Desk:
    """The console as its parts see it, over a fake engine and a clock that stands still."""

    def __init__(self, fake: Host | None = None) -> None:
        self.engine = fake or engine()
        self.screen_stack: list[Screen[Any]] = []
        self.monotonic = Clock()
        self.said: list[str] = []
        self.begun: list[Awaitable[None]] = []
        self.polls = 0

    def poll(self) -> None:
        """Count it."""
        self.polls += 1

    def say(self, words: str, style: str = "bold") -> None:
        """Keep the words."""
        self.said.append(words)

    def push_screen(self, screen: Screen[Answer], callback: Callable[[Answer | None], None] | None = None) -> None:
        """Open it; nobody answers."""
        self.screen_stack.append(screen)

    def work(self, work: Awaitable[None], group: str) -> None:
        """Keep it until it is done."""
        self.begun.append(work)

    def begin(self, group: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Keep it until it is done."""
        self.begun.append(work())

    async def done(self) -> None:
        """Do what was begun."""
        while self.begun:
            await self.begun.pop(0)
