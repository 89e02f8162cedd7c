"""What each part of the console is given of the whole, and what it gives back: the commands that it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from textual.screen import Screen

from aegis_tui.bridge import REFUSALS, EngineView
from aegis_tui.screens.ask import Ask
from aegis_tui.widgets.safe import foreign

Answer = TypeVar("Answer")


class Console(Protocol):
    """The whole, as its parts see it."""

    @property
    def engine(self) -> EngineView:
        """The engine that is shown: the console's own, or a replay beside it."""
        ...

    @property
    def screen_stack(self) -> list[Screen[Any]]:
        """What is open, the screen that hears the keys last; empty before the first view and after the last."""
        ...

    def monotonic(self) -> float:
        """Return seconds that pass whatever the wall clock does."""
        ...

    def poll(self) -> None:
        """Draw the engine's state as it is now."""
        ...

    def say(self, words: str, style: str = "bold") -> None:
        """Show words on the last line for a while, and keep them; no words clear it."""
        ...

    def push_screen(self, screen: Screen[Answer], callback: Callable[[Answer | None], None] | None = None) -> object:
        """Open a dialog, and hand what it is closed with to the callback."""
        ...

    def work(self, work: Awaitable[None], group: str) -> None:
        """Do what a person told the engine: it is never cut short, but another review takes the place of one."""
        ...

    def begin(self, group: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin work that takes the place of what its group does: it may be replaced before it was called."""
        ...


class Deed(NamedTuple):
    """How a part does one command of the table."""

    do: Callable[[], None] | None = None
    """What its key does, and its name alone on the ``:`` line; None asks there for the words it takes."""
    take: Callable[[str], None] | None = None
    """What takes the words after its name."""


def together(parts: Iterable[Mapping[str, Deed]]) -> dict[str, Deed]:
    """Return who does what, by the names of the commands.

    Raises:
        ValueError: two parts do the same command.
    """
    found: dict[str, Deed] = {}
    for deeds in parts:
        if twice := found.keys() & deeds.keys():
            raise ValueError(f"two parts of the console do {', '.join(sorted(twice))}")
        found |= deeds
    return found


def inquire(console: Console, work: Callable[[], Awaitable[None]], trouble: str) -> None:
    """Do what was asked for in the place of an earlier question of its kind; others go on to their answers."""

    async def run() -> None:
        try:
            await work()
        except (*REFUSALS, RuntimeError) as refusal:
            console.say(f"{trouble}: {foreign(str(refusal))}", "warn")

    console.begin(trouble, run)


def ask_then(console: Console, question: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do something once a person said yes."""

    def answered(answer: str | None) -> None:
        if answer:
            console.work(work(), "answer")

    console.push_screen(Ask(question, {"y": "yes"}), answered)
