"""The analyst's and the engine's way to the guard: one thread asks, one question at a time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import BoundedSemaphore
from typing import TypeVar

from engine.guard.client import GuardClient
from engine.host import authlog
from engine.host.processes import file_hash
from engine.host.programs import package_of
from engine.text import escape
from engine.types import (
    AddressFacts,
    FileFacts,
    Finding,
    FiveTuple,
    Logins,
    PastIncidents,
    Persistence,
    ProcessFacts,
    Services,
    SocketOwner,
)

_T = TypeVar("_T")

MAX_WITNESSED = 4096
"""Socket owners remembered from the moment of the alert; the oldest goes first."""

WAITING_WITNESSES = 64
"""Look-ups that may wait for a slow guard; beyond that an alert goes without one, and the analyst asks later."""

ANSWER_S = 15.0
"""How long a caller waits: longer than the guard's client waits for one answer, since another may come first."""


class HostDoor:
    """Asks the guard about this host, and remembers owners of sockets seen while the socket still lived."""

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
        return self._thread.submit(self._look, five_tuple).result(ANSWER_S)

    def known_process(self, five_tuple: FiveTuple) -> str:
        """Return the process seen behind a five-tuple, such as ``java[812]``; empty when nobody looked yet."""
        # One look into a dictionary, which another thread may be writing to.
        owner = self._witnessed.get(five_tuple)
        return f"{escape(owner.comm)}[{owner.pid}]" if owner is not None and owner.finding is Finding.FOUND else ""

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        """Return what is known of a process now."""
        return self._wait(lambda guard: guard.process_facts(pid, start_time))

    def services(self) -> Services:
        """Return what this host offers to the network now."""
        return self._wait(lambda guard: guard.services())

    def logins(self, ip: str) -> Logins:
        """Return what the log says about logins from an address: the guard finds its lines, they are read here."""
        found = self._wait(lambda guard: guard.log_lines(ip))
        if found.finding is not Finding.FOUND:
            return Logins(found.finding, detail=found.detail)
        lines = (line.encode("latin-1", "replace") for line in found.lines)
        older = f"; {found.omitted} older lines are not counted" if found.omitted else ""
        return Logins(Finding.FOUND, authlog.parse(lines, ip, time.time()), f"from {found.source}{older}")

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        """Return the facts of a process's program file now; its package is looked up here, where no right is needed."""
        facts = self._wait(lambda guard: guard.program_file(pid, start_time))
        return replace(facts, package=package_of(facts.path)) if _is_of_this_host(facts) else facts

    def persistence(self) -> Persistence:
        """Return the places that start something by themselves and were changed last."""
        return self._wait(lambda guard: guard.persistence())

    def address(self, ip: str) -> AddressFacts:
        """Return nothing: the guard knows no more of an address than its number."""
        return AddressFacts(Finding.NOT_RECORDED, ip)

    def past_incidents(self, _: str) -> PastIncidents:
        """Return nothing: the guard keeps no incidents."""
        return PastIncidents(Finding.NOT_RECORDED, detail="the guard keeps no incidents")

    def close(self) -> None:
        """Let the thread end; open questions are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _wait(self, question: Callable[[GuardClient], _T]) -> _T:
        """Put a question from another thread and wait for its answer; raises ``OSError`` and ``TimeoutError``."""
        return self._thread.submit(question, self._guard).result(ANSWER_S)

    def _look(self, five_tuple: FiveTuple) -> SocketOwner:
        known = self._witnessed.get(five_tuple)
        if known is not None and known.finding is Finding.FOUND:
            return known
        owner = self._guard.socket_owner(five_tuple)
        self._witnessed[five_tuple] = owner
        if len(self._witnessed) > MAX_WITNESSED:
            self._witnessed.popitem(last=False)
        return owner


def _is_of_this_host(facts: FileFacts) -> bool:
    """Say whether a path leads to the same bytes here.

    In a container it may not, nor once the file was replaced, nor where a user mounted a file of theirs over it, with
    the size and times of the one below.
    """
    if facts.finding is not Finding.FOUND or not facts.sha256:
        return False
    try:
        return Path(facts.path).stat().st_size == facts.size_bytes and file_hash(facts.path) == facts.sha256
    except (OSError, ValueError):
        return False
