"""A replay that can be taken to any moment: forward by going on, backward by running anew from the start.

Judging depends on the order of the packets alone, and each step waits until everything before it is judged, booked
and investigated. So the state after a number of steps is the same however the replay got there.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from engine.announcer import SUBSCRIBER_EVENTS
from engine.config import Settings
from engine.desk import Desk
from engine.keeping import keep, keep_found, left_as_stored
from engine.pacing import Pacer
from engine.parts import Detectors, load_detectors
from engine.plan import Plan, Recording
from engine.reason import reason
from engine.scout import Scout
from engine.shelf import Shelf
from engine.store.reading import read_store
from engine.store.rows import Row, put_disposition, put_note
from engine.stored import Stored
from engine.suppression import Suppressions
from engine.transport import Goal, Transport
from engine.types import Disposition, Event, Fault, IncidentView, LibraryPage, Note, Snapshot, Tape

T = TypeVar("T")

TICKS = 400
"""Alerts marked on the bar, at most."""


class Run(Protocol):
    """One run of the engine, from the start of what is replayed."""

    finished: asyncio.Event

    def snapshot(self) -> Snapshot: ...

    async def run(self, *, stay: bool = False) -> None: ...

    async def incident(self, incident_id: str) -> IncidentView: ...

    async def everything(self, incident_id: str) -> Stored: ...

    async def set_disposition(self, incident_id: str, disposition: Disposition, by: str = "") -> None: ...

    async def note(self, incident_id: str, text: str, by: str) -> Note: ...

    async def recordings(self) -> Mapping[str, tuple[Recording, ...]]: ...


Make = Callable[[Plan, Pacer, Callable[[], Detectors], Callable[[Event], None]], Run]
"""Makes a run: of a plan, held back by a pacer, with what loads the judges, and telling each event."""


class Replay:
    """What a console sees of a replay: the run at hand, and the keys of the tape deck."""

    def __init__(self, plan: Plan, make: Make, *, paused: bool = False) -> None:
        """Take a plan with one source."""
        self.plan = plan
        self._make = make
        self._pacer = Pacer(Transport(plan.speed, playing=not paused), time.monotonic)
        self._scout = Scout(plan.only)
        self._alone = replace(plan, database=None)
        self.kept = False
        """Whether a run came to its end, and what it found is in the database for good."""
        self._left: frozenset[str] = frozenset()
        """Incidents that another source gave before: they stay as they are stored."""
        self._now = make(self._alone, self._pacer, self._load, self._tell)
        """The run that is shown and asked."""
        self._held: Snapshot | None = None
        """What is shown until a run that began anew has come to where it is to go."""
        self._again: Pacer | None = None
        """Of the run that is to begin anew."""
        self._wake = asyncio.Event()
        self._runs = 1
        self._there = asyncio.Event()
        """Set while the run at hand can be asked about incidents."""
        self._there.set()
        self._queues: list[asyncio.Queue[Event]] = []
        self._heard: dict[str, tuple[Recording, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        """Pass every other question on to the run at hand."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._now, name)

    # --- what the console sees ---

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return a queue on which events arrive; what happens on the way back to an earlier moment is not told anew."""
        queue: asyncio.Queue[Event] = asyncio.Queue(SUBSCRIBER_EVENTS)
        self._queues.append(queue)
        return queue

    def snapshot(self) -> Snapshot:
        """Return the state to draw."""
        return replace(self._held or self._now.snapshot(), tape=self.tape())

    def tape(self) -> Tape:
        """Return where the replay stands."""
        scout, deck, ended = self._scout, self._deck, self._ended()
        first = scout.times[0] if scout.times else deck.at
        return Tape(
            step=deck.steps,
            steps=max(len(scout.times), deck.steps),
            at=deck.at or first,
            starts_at=first,
            ends_at=max(scout.times[-1] if scout.times else 0.0, deck.at),
            whole=scout.done,
            playing=deck.playing and not ended,
            speed=deck.speed,
            seeking=not ended and (self._held is not None or deck.goal is not None),
            run=self._runs,
            alerts=tuple(one.at for one in scout.alerts[:TICKS]),
        )

    async def incident(self, incident_id: str) -> IncidentView:
        """Return everything about an incident as it stood at the moment that is shown."""
        await self._there.wait()
        return await self._now.incident(incident_id)

    async def library(self, words: str = "", after: tuple[float, str] | None = None) -> LibraryPage:
        """Return a page of what is stored for good; the runs of a replay may keep nothing."""
        if self.plan.database is None or not self.plan.database.is_file():
            return LibraryPage(())
        async with read_store(self.plan.database) as store:
            return await Shelf(lambda: store, _at_once, self.plan.database.parent).library(words, after)

    async def everything(self, incident_id: str) -> Stored:
        """Return all there is about an incident of this replay, or about one that is stored for good.

        Raises:
            LookupError: there is no such incident.
        """
        await self._there.wait()
        try:
            return await self._now.everything(incident_id)
        except LookupError:
            if self.plan.database is None:
                raise
        async with read_store(self.plan.database) as store:
            return await Shelf(lambda: store, _at_once, self.plan.database.parent).everything(incident_id)

    async def set_disposition(self, incident_id: str, disposition: Disposition, by: str = "") -> None:
        """Store what a person makes of an incident: for good where what the replay found is kept."""
        await self._now.set_disposition(incident_id, disposition, by)
        if self.kept and incident_id not in self._left:
            await self._write([put_disposition(incident_id, disposition)])

    async def note(self, incident_id: str, text: str, by: str) -> Note:
        """Store what a person writes beside an incident: for good where what the replay found is kept."""
        note = await self._now.note(incident_id, text, by)
        if self.kept and incident_id not in self._left:
            await self._write([put_note(note)])
        return note

    def transport(self, command: str, value: float = 0.0) -> None:
        """Obey the keys of the tape deck.

        ``play``, ``pause``, ``speed``; ``step`` so many on, or back where the value is negative; ``seek`` to a moment
        of the capture; ``alert`` to the next one, or back to the one before where the value is negative; ``nth alert``
        to the first, the second; ``start`` and ``end``.

        Raises:
            LookupError: there is no such alert.
            ValueError: the command is unknown.
        """
        deck = self._deck
        if command == "alert":
            self._go(Goal(step=self._alert(deck, back=value < 0)))
        elif command == "nth alert":
            self._go(Goal(step=self._nth_alert(int(value))))
        elif command == "start":
            self._go(Goal(step=0))
        elif command == "end":
            self._go(Goal())
        elif command == "seek":
            self._go(Goal(at=value))
        elif command == "step":
            deck.playing = False
            self._go(Goal(step=max(0, _aim(deck) + int(value))))
        elif command == "play" and self._ended():
            self._rewind(Transport(deck.speed))
        else:
            (self._again or self._pacer).command(command, value)

    # --- where to go ---

    @property
    def _deck(self) -> Transport:
        return (self._again or self._pacer).deck

    def _ended(self) -> bool:
        return self._held is None and self._now.finished.is_set()

    def _alert(self, deck: Transport, *, back: bool) -> int:
        at = _aim(deck)
        found = self._scout.alert_before(at) if back else self._scout.next_alert(at)
        if found is not None:
            return found.step
        if back:
            msg = "there is no alert before this"
        else:
            msg = "no alert after this" if self._scout.done else "no alert after this is known yet: it is looked for"
        raise LookupError(msg)

    def _nth_alert(self, number: int) -> int:
        """Return after which step an alert stands: its own time is that of its flow, which may be before any step."""
        known = self._scout.alerts
        if not 1 <= number <= len(known):
            so_far = "" if self._scout.done else " so far"
            msg = f"there is no alert {number}: this replay raises {len(known)}{so_far}"
            raise LookupError(msg)
        return known[number - 1].step

    def _go(self, goal: Goal) -> None:
        deck = self._deck
        behind = goal.step < deck.steps if goal.step >= 0 else goal.at < deck.at
        if behind:
            self._rewind(Transport(deck.speed, playing=deck.playing, goal=goal))
            return
        deck.goal = goal
        (self._again or self._pacer).command("speed", deck.speed)

    def _rewind(self, deck: Transport) -> None:
        if self._held is None:
            self._held = self._now.snapshot()
        self._there.clear()
        self._again = Pacer(deck, time.monotonic)
        self._wake.set()

    # --- running ---

    async def run(self, *, stay: bool = True) -> None:
        """Play until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_ahead(), name="look ahead")
            run = self._now
            while True:
                playing = tasks.create_task(run.run(stay=True), name=f"replay {self._runs}")
                keeping = tasks.create_task(self._keep_at_the_end(run), name="keep")
                if self._held is not None:
                    await self._until_there(run)
                await self._wake.wait()
                self._wake.clear()
                keeping.cancel()
                await self._end(run, playing)
                run = self._begin_anew()

    def _begin_anew(self) -> Run:
        assert self._again is not None  # noqa: S101 - what wakes run() sets it first
        self._pacer, self._again = self._again, None
        self._runs += 1
        plan = replace(self._alone, recordings=dict(self.plan.recordings) | self._heard)
        return self._make(plan, self._pacer, self._load, self._tell)

    async def _until_there(self, run: Run) -> None:
        """Show a run that began anew once it is where it is to go, unless it is to begin once more before that."""
        async with asyncio.TaskGroup() as tasks:
            signs = (run.finished, self._pacer.resting, self._wake)
            ways = [tasks.create_task(sign.wait(), name="arrival") for sign in signs]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        if not self._wake.is_set():
            self._now, self._held = run, None
            self._there.set()

    async def _end(self, run: Run, playing: asyncio.Task[None]) -> None:
        """End a run; what a model answered in it is kept, so that the next one is answered the same."""
        settings = self.plan.settings
        if settings.openai_base_url or settings.openai_api_key:
            for incident_id, told in (await run.recordings()).items():
                if len(told) > len(self._heard.get(incident_id, ())):
                    self._heard[incident_id] = told
        playing.cancel()
        await asyncio.wait((playing,))

    async def _keep_at_the_end(self, run: Run) -> None:
        """Keep what a replay found, once it was played to its end: a part of it would pass for the whole."""
        await run.finished.wait()
        if self.kept or self.plan.database is None:
            return
        found = [await run.everything(incident_id) for incident_id in await run.recordings()]
        left = await self._stored(keep_found(self.plan.database, found))
        self.kept = left is not None
        self._left = frozenset(left or ())
        if left:
            self._tell(Fault("store", left_as_stored(left), "look at it in the library", time.time()))

    async def _write(self, rows: Sequence[Row]) -> None:
        assert self.plan.database is not None  # noqa: S101 - nothing is kept otherwise
        await self._stored(keep(self.plan.database, rows))

    async def _stored(self, writing: Awaitable[T]) -> T | None:
        """Return what writing gave; ``None`` where it failed, which is told."""
        try:
            return await writing
        except (OSError, ValueError, sqlite3.Error) as error:
            file = self.plan.database
            message = f"cannot keep what the replay found in {file}: {reason(error, of=file)}"
            self._tell(Fault("store", message, "free disk space, or give the file to its owner", time.time()))
            return None

    async def _look_ahead(self) -> None:
        await self._pacer.begun.wait()
        plan = self.plan
        rules = Suppressions(plan.suppressions)
        desk = Desk(self._load().for_source(), plan.settings.dedup_window, plan.local_addresses, rules)
        await self._scout.run(plan.open_readers[0], desk, time.monotonic)

    def _load(self) -> Detectors:
        return _judges(self.plan.settings).afresh()

    def _tell(self, event: Event) -> None:
        for queue in self._queues if self._held is None else ():
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)


async def _at_once() -> None:
    return


@lru_cache(maxsize=2)
def _judges(settings: Settings) -> Detectors:
    """Return the judges that go by some settings: a second to make, and the same for every run and every replay."""
    return load_detectors(settings, 0.0)


def _aim(deck: Transport) -> int:
    """Return the step that keys count from: where a replay is going, else where it is."""
    return deck.goal.step if deck.goal is not None and deck.goal.step >= 0 else deck.steps
