"""Tells somebody far away, beside the engine: what is due goes to each receiver, and is tried again where it failed."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from engine.config import Settings
from engine.messenger import Told, named, send
from engine.notify import Notice, Notices
from engine.outbox import WAITING, Outbox
from engine.reason import reason
from engine.types import Event, Severity

log = logging.getLogger(__name__)

TICK_S = 1.0
"""Between two looks at what is due."""

ABILITY = "notify"
_REMEDY = "`aegis-tui doctor --notify` says what came of a test; it is tried again by itself"

Send = Callable[[Sequence[str], Notice], Awaitable[Sequence[Told]]]


class Telling:
    """Keeps the receivers informed; nothing of the engine waits for it."""

    def __init__(
        self,
        settings: Settings,
        attended: Callable[[], bool],
        fault: Callable[[str, str, str], None],
        clear: Callable[[str], None],
        *,
        sending: Send = send,
    ) -> None:
        """Take ``attended``, which says whether a console is open, and whom to tell of a fault and of its end."""
        self._urls = settings.notify
        self._boxes = [Outbox() for _ in self._urls]
        self._only_unattended = settings.notify_when == "unattended"
        self._notices = Notices(
            socket.gethostname(), Severity(settings.notify_from), settings.notify_every_s, _moment(settings.utc)
        )
        self._attended, self._fault, self._clear, self._send = attended, fault, clear, sending
        self._failing: dict[int, str] = {}

    def fill(self) -> tuple[int, int]:
        """Return how many messages wait for a receiver, and how many may."""
        return sum(map(len, self._boxes)), WAITING * len(self._boxes)

    async def follow(self, events: asyncio.Queue[Event]) -> NoReturn:
        """Take note of what happens; a queue that runs over loses its oldest."""
        while True:
            self._notices.see(await events.get(), time.monotonic())

    async def work(self) -> NoReturn:
        """Send what is due, for ever."""
        while True:
            await self.look(time.monotonic())
            await asyncio.sleep(TICK_S)

    async def look(self, now: float) -> None:
        """Send what is due now; what comes due while a person watches is told to nobody, if that is wanted."""
        notice = self._notices.take(now)
        if notice is not None and not (self._only_unattended and self._attended()):
            for box in self._boxes:
                box.put(notice)
        for message, numbers in self._due(now).items():
            await self._deliver(message, numbers, now)

    def _due(self, now: float) -> dict[Notice, list[int]]:
        due: dict[Notice, list[int]] = {}
        for number, box in enumerate(self._boxes):
            if (notice := box.due(now)) is not None:
                due.setdefault(notice, []).append(number)
        return due

    async def _deliver(self, notice: Notice, numbers: list[int], now: float) -> None:
        try:
            told = await self._send([self._urls[number] for number in numbers], notice)
        except OSError as error:  # no process could be started
            told = [Told(False, reason(error))] * len(numbers)
        for number, outcome in zip(numbers, told, strict=True):
            self._boxes[number].sent(notice, now, arrived=outcome.arrived)
            self._note(number, outcome)

    def _note(self, number: int, outcome: Told) -> None:
        if outcome.arrived:
            self._failing.pop(number, None)
        else:
            self._failing[number] = f"{named(number + 1, self._urls[number])}: {outcome.why}"
            log.warning("a message could not be told to %s", self._failing[number])
        if self._failing:
            lost = sum(box.given_up for box in self._boxes)
            told = [*self._failing.values(), *([f"given up so far: {lost}"] if lost else [])]
            self._fault(ABILITY, f"cannot tell {'; '.join(told)}", _REMEDY)
        else:
            self._clear(ABILITY)


def _moment(utc: bool) -> Callable[[float], str]:
    """Return what writes a time with its zone."""

    def written(at: float) -> str:
        try:
            if utc:
                return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
            return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))
        except (ValueError, OverflowError, OSError):
            return f"{at:.6g} s after 1970"

    return written
