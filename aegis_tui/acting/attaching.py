"""One of several consoles at an engine: who decides, how to decide instead of watching, and whether anybody is here."""

from __future__ import annotations

import math
import time

from aegis_tui.acting.console import Console, Deed, ask_then
from aegis_tui.bridge import REFUSALS
from aegis_tui.keyboard.keymap import key_of
from aegis_tui.widgets.safe import foreign
from engine.attach.roles import NOBODY
from engine.types import Status


class Roles:
    """Who decides."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.deeds = {"take-over": Deed(self._ask_to_take_over)}

    def only_watches(self) -> bool:
        """Say who decides where this console does not; returns whether it only watches."""
        status = self._console.engine.snapshot().status
        if status.stale_since:
            self._console.say("the daemon does not answer: nothing can be decided until it is back", "warn")
        elif status.decider:
            decides = f"this console watches: {foreign(status.decider)} decides"
            self._console.say(f"{decides}; {key_of('take-over')} takes over", "warn")
        return bool(status.stale_since or status.decider)

    def _ask_to_take_over(self) -> None:
        """Name who would lose that."""
        status, say = self._console.engine.snapshot().status, self._console.say
        if not status.decider:
            say("this console decides already" if status.consoles else "this console hosts the engine and decides")
            return
        decider = foreign(status.decider)
        loses = "nobody decides now" if decider == NOBODY else f"{decider} will only watch"
        ask_then(self._console, f"Decide at this console? {loses}.  y yes, any other key no", self._take_over)

    async def _take_over(self) -> None:
        try:
            await self._console.engine.take_over()
        except REFUSALS as refusal:
            self._console.say(f"cannot take over: {foreign(str(refusal))}", "danger")
        else:
            self._console.say("this console decides from now on")


class Presence:
    """The proof that the person is not cut off: any key keeps what reverts where nobody can reach the host any more."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._keeping = False
        self._proved = False
        """Whether a key already answered what asks for any key."""
        self._asked_at = math.inf
        """Since when the person is asked, by the clock of the keys."""

    def look(self, status: Status) -> None:
        """Note since when something would revert: a key of before may have come by a way that is cut off now."""
        if status.keep_within_s > 0:
            self._asked_at = min(self._asked_at, time.monotonic())
        else:
            self._keeping, self._proved, self._asked_at = False, False, math.inf

    def prove(self, typed_at: float) -> bool:
        """Have kept what would revert; returns whether this was the first key since it was asked for."""
        if typed_at < self._asked_at:
            return False
        first, self._proved = not self._proved, True
        if not self._keeping:
            self._keeping = True
            self._console.begin("alive", self._keep)
        return first

    async def _keep(self) -> None:
        try:
            self._console.say(foreign(await self._console.engine.keep()))
        except REFUSALS as refusal:
            self._keeping = False
            self._console.say(f"not kept: {foreign(str(refusal))}", "danger")
