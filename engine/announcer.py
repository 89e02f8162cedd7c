"""Tells what happens: to the state that is shown, to the subscribers, and to whoever prints."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.state import State
from engine.store.rows import put_fault
from engine.store.writer import Writer
from engine.types import Event, Fault

log = logging.getLogger(__name__)

SUBSCRIBER_EVENTS = 4096
"""Events a subscriber may be behind; when full the oldest is dropped and counted: snapshots still tell all."""


class Announcer:
    """One way out for every event of an engine."""

    def __init__(
        self,
        state: State,
        writer: Writer,
        clock: Callable[[], float],
        listener: Callable[[Event], None] | None,
        on_deaf: Callable[[], None],
    ) -> None:
        """Take the one ``listener`` that misses nothing, and what to do when it cannot be told any more."""
        self.deaf: OSError | None = None
        """Why the listener could not be told."""
        self.dropped = 0
        self._state = state
        self._writer = writer
        self._clock = clock
        self._listener = listener
        self._on_deaf = on_deaf
        self._subscribers: list[asyncio.Queue[Event]] = []
        self._programs: list[asyncio.Queue[Event]] = []

    def subscribe(self, *, program: bool = False) -> asyncio.Queue[Event]:
        """Return a queue on which every event from now on arrives; a ``program`` is no person who watches."""
        queue: asyncio.Queue[Event] = asyncio.Queue(SUBSCRIBER_EVENTS)
        self._subscribers.append(queue)
        if program:
            self._programs.append(queue)
        return queue

    def attended(self) -> bool:
        """Whether a console is open."""
        return len(self._subscribers) > len(self._programs)

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        """Forget a queue."""
        self._subscribers = [one for one in self._subscribers if one is not queue]
        self._programs = [one for one in self._programs if one is not queue]

    def publish(self, event: Event) -> None:
        """Tell everybody."""
        self._state.apply(event)
        if isinstance(event, Fault):
            level = logging.INFO if event.cleared else logging.WARNING
            log.log(level, "%s: %s", event.ability, event.message or "works again")
            self._writer.add([put_fault(event)])
        self.tell(event)
        for queue in self._subscribers:
            if queue.full():
                queue.get_nowait()
                self.dropped += 1
            queue.put_nowait(event)

    def tell(self, event: Event) -> None:
        """Tell the listener only: what no console needs one by one."""
        if self._listener is None:
            return
        try:
            self._listener(event)
        except OSError as error:
            self._listener, self.deaf = None, error
            self._on_deaf()

    def fault(self, ability: str, message: str, remedy: str) -> None:
        """Tell of a fault, once as long as it stands unchanged."""
        standing = {fault.ability: fault.message for fault in self._state.faults()}
        if standing.get(ability) != message:
            self.publish(Fault(ability, message, remedy, self._clock()))

    def clear(self, ability: str) -> None:
        """Tell that an ability is back, if it was missing."""
        if any(fault.ability == ability for fault in self._state.faults()):
            self.publish(Fault(ability, "", "", self._clock(), cleared=True))
