"""The analyst's and the engine's way to the guard: one thread asks, one question at a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

from engine.guard.client import GuardClient
from engine.text import escape
from engine.types import Finding, FiveTuple, ProcessFacts, SocketOwner

_T = TypeVar("_T")

MAX_WITNESSED = 4096
"""Socket owners remembered from the moment of the alert; the oldest goes first."""

WAITING_WITNESSES = 64
"""Look-ups that may wait for a slow guard; beyond that an alert goes without one, and the analyst asks later."""


class HostDoor:
    """Asks the guard about sockets and processes, and remembers owners seen while the socket still lived."""

    def __init__(self, guard: GuardClient) -> None:
        self._guard = guard
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="guard-client")
        self._witnessed: OrderedDict[FiveTuple, SocketOwner] = OrderedDict()
        self._room = BoundedSemaphore(WAITING_WITNESSES)

    async def ask(self, question: Callable[[GuardClient], _T]) -> _T:
        """Put a question to the guard without holding up the event loop."""
        return await asyncio.wrap_future(self._thread.submit(question, self._guard))

    def witness(self, five_tuple: FiveTuple) -> None:
        """Look up the owner of a socket now, since it may be gone when the analyst asks."""
        if self._room.acquire(blocking=False):
            self._thread.submit(self._look, five_tuple).add_done_callback(lambda _: self._room.release())

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        """Return the process behind a five-tuple, as seen at the alert or else now."""
        return self._thread.submit(self._look, five_tuple).result()

    def known_process(self, five_tuple: FiveTuple) -> str:
        """Return the process seen behind a five-tuple, such as ``java[812]``; empty when nobody looked yet."""
        # One look into a dictionary, which another thread may be writing to.
        owner = self._witnessed.get(five_tuple)
        return f"{escape(owner.comm)}[{owner.pid}]" if owner is not None and owner.finding is Finding.FOUND else ""

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return what is known of a process now."""
        return self._thread.submit(self._guard.process_facts, pid, start_time).result()

    def close(self) -> None:
        """Let the thread end; open questions are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _look(self, five_tuple: FiveTuple) -> SocketOwner:
        known = self._witnessed.get(five_tuple)
        if known is not None and known.finding is Finding.FOUND:
            return known
        owner = self._guard.socket_owner(five_tuple)
        self._witnessed[five_tuple] = owner
        if len(self._witnessed) > MAX_WITNESSED:
            self._witnessed.popitem(last=False)
        return owner
