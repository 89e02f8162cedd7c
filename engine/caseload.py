"""The cases that wait for the analyst, the gravest first, and what becomes of each."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from engine.announcer import Announcer
from engine.books import Books
from engine.casebook import Due
from engine.desk import Desk
from engine.plan import Plan
from engine.state import State
from engine.store import database as db
from engine.types import Alert, Incident

if TYPE_CHECKING:
    from engine.agent.case import Outcome
    from engine.hostdoor import HostDoor
    from engine.investigation import Investigator

log = logging.getLogger(__name__)

WAITING_CASES = 256
"""Cases that may wait for the analyst; when full a newcomer waits in the database until these are done."""

RESTORE_S = 1800.0
"""Incidents this recent may still take alerts after a restart."""


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
        self._cases: asyncio.PriorityQueue[tuple[int, int, Due]] = asyncio.PriorityQueue(WAITING_CASES)
        self._case_number = 0
        self._postponed = False
        self._investigator: Investigator | None = None

    @property
    def analyst(self) -> str:
        """Who investigates, for the header."""
        return self._investigator.name if self._investigator else "loading"

    def fill(self) -> tuple[int, int]:
        """Return how many cases wait, and how many may."""
        return self._cases.qsize(), WAITING_CASES

    async def done(self) -> None:
        """Wait until every case is investigated."""
        await self._cases.join()

    async def load(self, door: HostDoor | None) -> None:
        """Load the analyst; cases wait until then."""
        from engine.investigation import load_investigator  # noqa: PLC0415 - heavy, after the first paint

        investigator = await asyncio.to_thread(load_investigator, self._plan, door, self._clock())
        self._investigator = investigator
        for fault in investigator.faults:
            self._announcer.publish(fault)
        self.ready.set()

    async def work(self, store: db.Store, settled: Callable[[], Awaitable[object]]) -> None:
        """Investigate case after case; ``settled`` waits until what was found is in the database."""
        while True:
            _, _, due = await self._cases.get()
            await self.investigate(due)
            if self._postponed and self._cases.empty():
                self._postponed = False
                await settled()
                await self._take_up_postponed(store)
            self._cases.task_done()

    def add(self, due: Due) -> None:
        """Let a case wait for the analyst."""
        self._case_number += 1
        try:
            self._cases.put_nowait((-due.incident.severity.rank, self._case_number, due))
        except asyncio.QueueFull:
            self._postponed = True
            self._announcer.fault(
                "agent", f"over {WAITING_CASES} incidents wait for the analyst", "later ones come after them"
            )

    async def investigate(self, due: Due) -> None:
        """Investigate a case now, and book and propose what that comes to."""
        await self.ready.wait()
        assert self._investigator is not None  # noqa: S101 - set before the event
        try:
            outcome = await self._investigator.investigate(due, self._books.step)
        except Exception as error:  # the stage's boundary: one case must not end the engine
            log.exception("investigating %s", due.incident.id)
            self._announcer.fault(
                "agent", f"cannot investigate {due.incident.id}: {error}", "it is tried again at the next start"
            )
            return
        self._books.conclude(due.incident, outcome)
        if outcome.propose_block:
            await self._propose(due.incident, outcome)

    async def take_up(self, store: db.Store, desk: Desk) -> None:
        """Continue the incidents of an earlier run; those never judged are investigated now.

        Raises:
            sqlite3.Error: they cannot be read.
        """
        source = self._plan.source
        recent = await store.recent_incidents(source, self._clock() - RESTORE_S)
        undone = await store.uninvestigated(source, WAITING_CASES)
        incidents = {incident.id: incident for incident in (*undone, *recent)}
        alerts = {incident_id: await store.alerts(incident_id) for incident_id in incidents}
        held = {incident_id: await store.held(incident_id) for incident_id in incidents}
        open_alerts = [alert for incident in recent for alert in alerts[incident.id]]
        desk.casebook.restore(recent, sorted(open_alerts, key=lambda alert: alert.last_at))
        for incident_id, incident in incidents.items():
            self._books.take_up(incident_id, *held[incident_id])
            self._state.apply(incident)
            for alert in alerts[incident_id]:
                self._state.apply(alert)
        for incident in undone:
            self.add(_stored_case(incident, alerts[incident.id]))

    async def _take_up_postponed(self, store: db.Store) -> None:
        """Turn to the incidents that came while too many waited."""
        try:
            for incident in await store.uninvestigated(self._plan.source, WAITING_CASES):
                self.add(_stored_case(incident, await store.alerts(incident.id)))
        except sqlite3.Error as error:
            self._announcer.fault(
                "agent", f"cannot read the incidents that wait: {error}", "they come at the next start"
            )


def _stored_case(incident: Incident, alerts: Sequence[Alert]) -> Due:
    flows = {alert.flow.id: alert.flow for alert in alerts}
    return Due(incident, tuple(alerts), tuple(flows.values()), incident.updated_at)
