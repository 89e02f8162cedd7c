"""The cases that wait for the analyst, the gravest first, and what becomes of each."""

from __future__ import annotations

import asyncio
import gc
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

from engine.agent.spending import Ledger, day_of
from engine.announcer import Announcer
from engine.books import Books
from engine.casebook import Due
from engine.courtesy import aside, giving_way, loading
from engine.desk import Desk
from engine.memory import give_back
from engine.plan import Plan
from engine.state import KEPT_REPORTED, State
from engine.store.database import Store
from engine.types import NOT_YET, Alert, Disposition, Incident, Spending, TraceStep

if TYPE_CHECKING:
    from engine.agent.case import Outcome
    from engine.agent.tools import Tool
    from engine.hostdoor import HostDoor
    from engine.hostfacts import Past
    from engine.investigation import Investigator
    from engine.names import Names

log = logging.getLogger(__name__)

WAITING_CASES = 256
"""Cases that may wait for the analyst; when full a newcomer waits in the database until these are done."""

RESTORE_S = 1800.0
"""Incidents this recent may still take alerts after a restart; their alerts are read for that, those of others not."""

OPEN_SHOWN = KEPT_REPORTED
"""Incidents that nobody judged and that are shown again at a start, the gravest: as many leave room for new ones."""

PATIENCE_S = 20.0
"""How long a case waits for its turn at the model, from when it came; then the playbook analyst takes it."""

PLAYBOOK = "playbook"


class TakenUp(NamedTuple):
    """How much of an earlier run goes on."""

    incidents: int
    alerts: int
    investigations: int


class Caseload:
    """Hands one case after another to the analyst."""

    def __init__(
        self, plan: Plan, state: State, books: Books, announcer: Announcer, clock: Callable[[], float],
        propose: Callable[[Incident, Outcome], Awaitable[None]],
    ) -> None:  # fmt: skip
        """Take ``propose``, which is called where an investigation ends in asking for a block."""
        self.ready = asyncio.Event()
        """Set when the analyst is loaded."""
        self._plan = plan
        self._state = state
        self._books = books
        self._announcer = announcer
        self._clock = clock
        self._propose = propose
        self._cases: asyncio.PriorityQueue[tuple[int, int, Due, float]] = asyncio.PriorityQueue(WAITING_CASES)
        self._case_number = 0
        settings = plan.settings
        self._ledger = Ledger(settings.tokens_per_day, settings.price_in, settings.price_out, books.spend)
        self._restored = False
        self._turns = asyncio.Semaphore(settings.investigations)
        self._turns_of_reports = asyncio.Semaphore(max(1, settings.investigations - 1))
        """How many of them reported events may have: a flood of those does not keep the model from what was seen."""
        self._at_work: set[str] = set()
        """Incidents that a worker has in hand."""
        self._one_at_a_time: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By incident: two investigations of one would mix their steps."""
        self.file: Callable[[str], None] = _nowhere
        """Told of each incident whose report is to be written anew."""
        self._postponed = False
        self._investigator: Investigator | None = None

    @property
    def analyst(self) -> str:
        """Who investigates, for the header."""
        return self._investigator.name if self._investigator else NOT_YET

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where text about incidents is sent, in words; empty until the analyst is loaded."""
        return self._investigator.endpoints if self._investigator else ()

    def spending(self) -> Spending:
        """Return what the endpoints were asked today."""
        paused = self._investigator.paused_until if self._investigator else 0.0
        return self._ledger.spending(time.time(), paused)

    @property
    def workers(self) -> int:
        """How many tasks call ``work``: one more than may ask the model, for what cannot wait for it."""
        return self._plan.settings.investigations + 1

    async def investigator(self) -> Investigator:
        """Return the analyst, once it is loaded."""
        await self.ready.wait()
        assert self._investigator is not None  # noqa: S101 - set before the event
        return self._investigator

    def user_tools(self) -> list[Tool]:
        """Return the user's own tools, once the analyst is loaded."""
        return [tool.shown for tool in self._investigator.user_tools] if self._investigator else []

    async def check_model(self, name: str) -> None:
        """Raise ``LookupError`` unless a name is ``playbook``, a configured chat model's, or empty."""
        names = (await self.investigator()).models
        if name and name not in names:
            msg = f"no such model is configured; there is {', '.join(names)}"
            raise LookupError(msg)

    def fill(self) -> tuple[int, int]:
        """Return how many cases wait, and how many may."""
        return self._cases.qsize(), WAITING_CASES

    async def done(self) -> None:
        """Wait until every case is investigated."""
        await self._cases.join()

    async def load(self, door: HostDoor | None, names: Names, past: Past | None) -> None:
        """Load the analyst; cases wait until then. ``past`` tells of earlier incidents."""
        with loading():
            investigator = await aside(partial(self._load, door, names, past, self._clock()))
        self._investigator = investigator
        for fault in investigator.faults:
            self._announcer.publish(fault)
        _settle()
        self.ready.set()

    def _load(self, door: HostDoor | None, names: Names, past: Past | None, now: float) -> Investigator:
        # In the thread as well: this import alone holds everything up for seconds.
        with giving_way():
            from engine.investigation import Sources, load_investigator  # noqa: PLC0415 - heavy, after the first paint

            return load_investigator(self._plan, Sources(door, names, past), now, self._ledger)

    async def work(self, store: Store, settled: Callable[[], Awaitable[object]]) -> None:
        """Investigate case after case, beside other tasks that do; ``settled`` waits until the database knows all."""
        await self._restore_spending(store)
        while True:
            _, _, due, came = await self._cases.get()
            self._at_work.add(due.incident.id)
            await self.investigate(due, waited_s=time.monotonic() - came)
            self._at_work.discard(due.incident.id)
            if self._postponed and self._cases.empty():
                self._postponed = False
                in_hand = set(self._at_work)
                await settled()
                await self._take_up_postponed(store, in_hand)
            self._cases.task_done()

    def add(self, due: Due) -> None:
        """Let a case wait for the analyst."""
        self._case_number += 1
        try:
            self._cases.put_nowait((-due.incident.severity.rank, self._case_number, due, time.monotonic()))
        except asyncio.QueueFull:
            self._postponed = True
            self._announcer.fault(
                "agent", f"over {WAITING_CASES} incidents wait for the analyst", "later ones come after them"
            )

    async def investigate(
        self,
        due: Due,
        *,
        model: str = "",
        on_step: Callable[[TraceStep], None] | None = None,
        waited_s: float = 0.0,
    ) -> None:
        """Investigate a case now, and book and propose what that comes to; ``check_model`` takes ``model``."""
        investigator = await self.investigator()
        tell = self._books.step if on_step is None else partial(_tell_both, self._books.step, on_step)
        try:
            turn = self._turn(model or investigator.name, waited_s, reported=_is_reported(due.alerts))
            async with self._alone_with(due.incident), turn as analyst:
                outcome = await investigator.investigate(due, tell, analyst)
        except Exception as error:  # the stage's boundary: one case must not end the engine
            log.exception("investigating %s", due.incident.id)
            self._announcer.fault(
                "agent", f"cannot investigate {due.incident.id}: {error}", "it is tried again at the next start"
            )
            return
        self._books.conclude(due.incident, outcome)
        if outcome.propose_block:
            await self._propose(due.incident, outcome)
        self.file(due.incident.id)

    def _alone_with(self, incident: Incident) -> asyncio.Lock:
        return self._one_at_a_time.setdefault(incident.id, asyncio.Lock())

    @asynccontextmanager
    async def _turn(self, model: str, waited_s: float, *, reported: bool) -> AsyncIterator[str]:
        """Yield who investigates: the model when its turn comes in time, else the playbook analyst."""
        if model == PLAYBOOK:
            yield model
            return
        turns = (self._turns_of_reports, self._turns) if reported else (self._turns,)
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(max(0.0, PATIENCE_S - waited_s)):
                    for turn in turns:
                        await held.enter_async_context(turn)
            except TimeoutError:
                await held.aclose()
                model = PLAYBOOK
            yield model

    async def _restore_spending(self, store: Store) -> None:
        """Go on with what an earlier run spent today; whichever worker comes first does it."""
        if self._restored:
            return
        self._restored = True
        day = day_of(time.time())
        try:
            self._ledger.restore(day, await store.spending(day))
        except sqlite3.Error as error:
            self._announcer.fault("agent", f"cannot read what was spent today: {error}", "the day counts from now")

    async def take_up(self, store: Store, desk: Desk) -> TakenUp:
        """Continue the incidents of an earlier run; those without a verdict are investigated now.

        Whatever its age, one that no person judged is shown: a list without it would be an all-clear.

        Raises:
            sqlite3.Error: they cannot be read.
        """
        source = self._plan.source
        now = self._clock()
        recent = [
            one for one in await store.recent_incidents(source, now - RESTORE_S) if one.updated_at < now + RESTORE_S
        ]
        undone = await store.uninvestigated(source, WAITING_CASES)
        incidents = {incident.id: incident for incident in (*undone, *recent)}
        others = await self._take_up_open(store, incidents)
        alerts = {incident_id: await store.alerts(incident_id) for incident_id in incidents}
        held = {incident_id: await store.held(incident_id) for incident_id in incidents}
        # What is only reported takes no alert of a sensor: its time and its target are what somebody wrote.
        seen = [incident for incident in recent if not _is_reported(alerts[incident.id])]
        open_alerts = [alert for incident in seen for alert in alerts[incident.id]]
        desk.casebook.restore(seen, sorted(open_alerts, key=lambda alert: alert.last_at))
        for incident_id, incident in incidents.items():
            self._books.take_up(incident_id, *held[incident_id])
            for alert in alerts[incident_id]:
                self._state.apply(alert)
            self._state.apply(incident)
            self._state.name_processes(incident_id, await store.processes_of(incident_id))
        for incident in undone:
            self.add(_stored_case(incident, alerts[incident.id]))
        told = sum(map(len, alerts.values())) + sum(len(incident.alert_ids) for incident in others)
        return TakenUp(len(incidents) + len(others), told, len(undone))

    async def _take_up_open(self, store: Store, besides: Mapping[str, Incident]) -> list[Incident]:
        """Show the incidents that nobody judged and nothing is added to any more, and say how many are not shown."""
        entries, total = await store.undecided(self._plan.source, OPEN_SHOWN)
        others = [entry for entry in entries if entry.incident.id not in besides]
        self._state.take_up(reversed(others))
        undecided = sum(one.disposition is Disposition.UNDETERMINED for one in besides.values())
        if (left := total - len(others) - undecided) > 0:
            more = "incident is" if left == 1 else "incidents are"
            message = f"{left:,} more {more} open than are shown: those shown are the gravest"
            self._announcer.fault("incidents", message, "`aegis-tui incidents` lists them all")
        return [entry.incident for entry in others]

    async def _take_up_postponed(self, store: Store, in_hand: set[str]) -> None:
        """Turn to the incidents that came while too many waited; those ``in_hand`` have no verdict yet either."""
        try:
            postponed = await store.uninvestigated(self._plan.source, WAITING_CASES)
            for incident in (one for one in postponed if one.id not in in_hand | self._at_work):
                self.add(_stored_case(incident, await store.alerts(incident.id)))
        except sqlite3.Error as error:
            self._announcer.fault(
                "agent", f"cannot read the incidents that wait: {error}", "they come at the next start"
            )


@cache
def _settle() -> None:
    """Once, since what is loaded now stays to the end: walking it again and again stops everything for 0.2 s."""
    gc.freeze()
    give_back()


def _nowhere(_: str) -> None:
    return


def _tell_both(first: Callable[[TraceStep], TraceStep], second: Callable[[TraceStep], None], step: TraceStep) -> None:
    second(first(step))


def _is_reported(alerts: Sequence[Alert]) -> bool:
    """Return whether no sensor of this host saw anything of it."""
    return bool(alerts) and all(alert.detection.detector == "event" for alert in alerts)


def _stored_case(incident: Incident, alerts: Sequence[Alert]) -> Due:
    flows = {alert.flow.id: alert.flow for alert in alerts}
    return Due(incident, tuple(alerts), tuple(flows.values()), incident.updated_at)
