"""The engine: owns every task and queue, and is all that the console and the doors see."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.announcer import Announcer
from engine.books import Books
from engine.casebook import Due
from engine.decisions import Decisions
from engine.desk import Desk, Work
from engine.intake import Batch, Reader
from engine.parts import NO_MODEL, Detectors, load_detectors
from engine.plan import Plan
from engine.sources.pcapfile import CaptureError
from engine.state import State
from engine.store import database as db
from engine.store.writer import Writer
from engine.transport import Transport
from engine.types import (
    Alert,
    Block,
    Counters,
    Detection,
    Disposition,
    Event,
    Incident,
    IncidentView,
    Proposal,
    Snapshot,
    Status,
)

if TYPE_CHECKING:
    from engine.agent.case import Outcome
    from engine.guard.messages import Review
    from engine.hostdoor import HostDoor
    from engine.investigation import Investigator

log = logging.getLogger(__name__)

_SUMMED = (
    "kernel_seen", "kernel_dropped", "delivered", "parsed", "filtered", "malformed", "bytes",
    "flows_now", "flows_total", "flows_evicted",
)  # fmt: skip

BATCHES = 64
"""Batches between capture and judge; when full the capture waits and the kernel ring fills, which is counted."""

WAITING_CASES = 256
"""Cases that may wait for the analyst; when full a newcomer waits in the database until these are done."""

GUARD_POLL_S = 1.0
RESTORE_S = 1800.0
"""Incidents this recent may still take alerts after a restart."""


class Engine:
    """One run over live interfaces or a replay."""

    def __init__(
        self, plan: Plan, door: HostDoor | None = None, on_event: Callable[[Event], None] | None = None
    ) -> None:
        self.plan = plan
        self._deck = Transport(plan.speed)
        self.finished = asyncio.Event()
        self.failed: list[str] = []
        """Sources that could not be read to their end, with the reason."""
        self._door = door
        self._state = State()
        self._writer = Writer(self._store_trouble, self._row_broken, live=plan.live)
        self._announcer = Announcer(self._state, self._writer, self._clock, on_event, self.stop)
        self._books = Books(plan, self._state, self._writer, self._announcer, self._clock)
        self._store: db.Store | None = None
        self._detectors: Detectors | None = None
        self._investigator: Investigator | None = None
        self._investigator_ready = asyncio.Event()
        self._cases: asyncio.PriorityQueue[tuple[int, int, Due]] = asyncio.PriorityQueue(WAITING_CASES)
        self._case_number = 0
        self._postponed = False
        self._readers: list[Reader] = []
        self._closed: list[Counters] = []
        self._desks: list[Desk] = []
        self._batches: asyncio.Queue[tuple[Reader, Batch]] = asyncio.Queue(BATCHES)
        self._now = 0.0
        self._counts = dict.fromkeys(("judged", "detections", "folded"), 0)
        self._stopped = asyncio.Event()
        self._judge_thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._stack = AsyncExitStack()
        self.decisions = Decisions(plan, door, self._state, self._writer, self._announcer.publish)
        """Proposals and what people decide on them."""

    # --- what the console sees ----------------------------------------------------------------

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return a queue on which every event from now on arrives."""
        return self._announcer.subscribe()

    def snapshot(self) -> Snapshot:
        """Return the state as it stands."""
        flows = [flow for reader in self._readers for flow in reader.view]
        flows.sort(key=lambda flow: -flow.last_seen)
        scores = self._detectors.scores if self._detectors else {}
        return self._state.snapshot(
            self._status(), self.counters(), self._now, flows, scores, finished=self.finished.is_set()
        )

    def counters(self) -> Counters:
        """Return the accounting identity, summed over every source so far."""
        shares = [*self._closed, *(reader.counters() for reader in self._readers)]
        sums = {name: sum(getattr(share, name) for share in shares) for name in _SUMMED}
        return Counters(
            **sums,
            emergency=any(share.emergency for share in shares),
            judged=self._counts["judged"] + sum(desk.judge.judged for desk in self._desks),
            detections=self._counts["detections"] + sum(desk.detections for desk in self._desks),
            alerts=self._books.alerts,
            deduplicated=self._counts["folded"] + sum(desk.casebook.dedup.folded for desk in self._desks),
            quarantined=self._books.quarantined,
            queues={
                "batches": (self._batches.qsize(), BATCHES),
                "cases": (self._cases.qsize(), WAITING_CASES),
                "rows": self._writer.fill(),
            },
        )

    async def incident(self, incident_id: str) -> IncidentView:
        """Return everything stored about an incident.

        Raises:
            LookupError: there is no such incident.
        """
        await self._writer.settled()
        view = await self._open_store().view(incident_id)
        if view is None:
            msg = f"no incident {incident_id}"
            raise LookupError(msg)
        return view

    async def review(self, proposal_id: str) -> Review:
        """Return the guard's record of a proposal: what the dialog is drawn from."""
        return await self.decisions.review(proposal_id)

    async def revise(self, proposal_id: str, prefix: str, ttl_s: float) -> Proposal:
        """Put other terms in the place of a proposal's."""
        return await self.decisions.revise(proposal_id, prefix, ttl_s)

    async def propose(self, target_ip: str, incident_id: str) -> Proposal:
        """Make a proposal because a person asks for it."""
        return await self.decisions.propose(target_ip, incident_id)

    async def decide(self, proposal_id: str, token: str, approve: bool, typed: str = "") -> Block | None:
        """Carry a person's decision to the guard; PermissionError holds its refusal."""
        return await self.decisions.decide(proposal_id, token, approve, typed)

    async def unblock(self, prefix: str) -> None:
        """Take a block out of the kernel."""
        await self.decisions.unblock(prefix)

    async def set_disposition(self, incident_id: str, disposition: Disposition) -> None:
        """Store what a person makes of an incident."""
        self._writer.add([db.put_disposition(incident_id, disposition)])
        incident = self._state.incidents.get(incident_id)
        if incident is not None:
            self._announcer.publish(replace(incident, disposition=disposition))

    def transport(self, command: str, value: float = 0.0) -> None:
        """Obey the tape deck of a replay: ``play``, ``pause``, ``step`` or ``speed``."""
        self._deck.command(command, value)

    def totals(self) -> dict[str, int]:
        """Return what a finished run amounted to; the same input gives the same numbers."""
        counters = self.counters()
        names = ("delivered", "parsed", "filtered", "malformed", "flows_total", "detections", "alerts", "deduplicated")
        totals = {name: int(getattr(counters, name)) for name in names}
        return totals | {
            "incidents": len(self._books.opened),
            "quarantined": counters.quarantined,
            "failed": len(self.failed),
        }

    def stop(self) -> None:
        """End every source; what was read is judged and stored before ``run`` returns."""
        self._stopped.set()
        self._deck.command("play")
        for reader in self._readers:
            reader.stop()

    # --- tasks ----------------------------------------------------------------------------------

    async def run(self, *, stay: bool = False) -> None:
        """Work until the sources end; with ``stay``, remain to answer questions until cancelled."""
        async with self._open_database() as store:
            self._store = store
            try:
                await self._run_tasks(store, stay)
            finally:
                self.stop()
                self._judge_thread.shutdown(wait=False)
                if self._door is not None:
                    self._door.close()
                await self._writer.finish(store)
        if self._announcer.deaf is not None:
            raise self._announcer.deaf

    async def _run_tasks(self, store: db.Store, stay: bool) -> None:
        async with asyncio.TaskGroup() as tasks:
            lasting = [
                tasks.create_task(self._writer.run(store), name="write"),
                tasks.create_task(self._load_investigator(), name="load analyst"),
                tasks.create_task(self._investigate(), name="investigate"),
            ]
            if self._door is not None:
                lasting.append(tasks.create_task(self.decisions.watch(), name="guard"))
            await self._work()
            if self.plan.live:
                await self._stopped.wait()
            await self._unless_stopped(self._cases.join())
            await self._unless_stopped(self._writer.drained())
            self.finished.set()
            if stay:
                await asyncio.Event().wait()
            for task in lasting:
                task.cancel()

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for something, but not once the engine is told to stop: what is left waits in the database."""
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(work, name="work")
            stopping = tasks.create_task(self._stopped.wait(), name="stop")
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            working.cancel()
            stopping.cancel()

    @asynccontextmanager
    async def _open_database(self) -> AsyncIterator[db.Store]:
        path = self.plan.database
        try:
            store = await self._stack.enter_async_context(db.open_store(path))
        except (sqlite3.OperationalError, OSError) as error:
            if path is None:
                raise
            remedy = "nothing of this run will be kept: free disk space, or give the folder to the engine's user"
            self._announcer.fault("store", f"cannot open {path}: {error}", remedy)
            store = await self._stack.enter_async_context(db.open_store(None))
        except sqlite3.DatabaseError as error:
            if path is None:
                raise
            aside = db.set_aside(path)
            self._announcer.fault(
                "store", f"{path} was damaged ({error}) and is now {aside.name}", "a new database was begun"
            )
            store = await self._stack.enter_async_context(db.open_store(path))
        async with self._stack:
            yield store

    async def _work(self) -> None:
        self._detectors = await asyncio.to_thread(load_detectors, self.plan.settings, self._clock())
        for fault in (*self.plan.faults, *self._detectors.faults):
            self._announcer.publish(fault)
        if self.plan.live:
            desk = self._desk()
            await self._take_up(desk)
            await self._serve([open_reader() for open_reader in self.plan.open_readers], desk)
            return
        for open_reader in self.plan.open_readers:
            if self._stopped.is_set():
                break
            await self._replay(open_reader)

    async def _replay(self, open_reader: Callable[[], Reader]) -> None:
        try:
            reader = await asyncio.to_thread(open_reader)
        except CaptureError as error:
            self._source_failed(error)
            return
        desk = self._desk()
        await self._serve([reader], desk)
        self._desks.remove(desk)
        self._counts["judged"] += desk.judge.judged
        self._counts["detections"] += desk.detections
        self._counts["folded"] += desk.casebook.dedup.folded

    def _desk(self) -> Desk:
        settings = self.plan.settings
        detectors = self._detectors.for_source() if self._detectors else []
        desk = Desk(detectors, settings.dedup_window, self.plan.local_addresses)
        self._desks.append(desk)
        return desk

    async def _take_up(self, desk: Desk) -> None:
        """Continue the incidents of an earlier run; those never judged are investigated now."""
        store, source = self._open_store(), self.plan.source
        try:
            recent = await store.recent_incidents(source, self._clock() - RESTORE_S)
            undone = await store.uninvestigated(source, WAITING_CASES)
            incidents = {incident.id: incident for incident in (*undone, *recent)}
            alerts = {incident_id: await store.alerts(incident_id) for incident_id in incidents}
            held = {incident_id: await store.held(incident_id) for incident_id in incidents}
        except sqlite3.Error as error:
            self._store_trouble(f"cannot read the incidents of the last run: {error}")
            return
        open_alerts = [alert for incident in recent for alert in alerts[incident.id]]
        desk.casebook.restore(recent, sorted(open_alerts, key=lambda alert: alert.last_at))
        for incident_id, incident in incidents.items():
            self._books.take_up(incident_id, *held[incident_id])
            self._state.apply(incident)
            for alert in alerts[incident_id]:
                self._state.apply(alert)
        for incident in undone:
            self._wait_for_analyst(_stored_case(incident, alerts[incident.id]))

    async def _take_up_postponed(self) -> None:
        """Turn to the incidents that came while too many waited."""
        self._postponed = False
        await self._writer.settled()
        store = self._open_store()
        try:
            for incident in await store.uninvestigated(self.plan.source, WAITING_CASES):
                self._wait_for_analyst(_stored_case(incident, await store.alerts(incident.id)))
        except sqlite3.Error as error:
            self._announcer.fault(
                "agent", f"cannot read the incidents that wait: {error}", "they come at the next start"
            )

    async def _serve(self, readers: list[Reader], desk: Desk) -> None:
        self._closed += [reader.counters() for reader in self._readers]
        self._readers = readers
        async with asyncio.TaskGroup() as tasks:
            for reader in readers:
                tasks.create_task(self._capture(reader), name=f"capture {reader.name}")
            tasks.create_task(self._judge(desk, len(readers)), name="judge")

    async def _capture(self, reader: Reader) -> None:
        while True:
            batch = await self._read(reader)
            if self.plan.paced and not self._stopped.is_set():
                await self._keep_pace(batch)
            await self._batches.put((reader, batch))
            if batch.last:
                return

    async def _read(self, reader: Reader) -> Batch:
        if self._stopped.is_set():
            return reader.flush()
        try:
            return await asyncio.to_thread(reader.read, time.time() if reader.live else None)
        except CaptureError as error:
            self._source_failed(error)
            return reader.flush()

    async def _keep_pace(self, batch: Batch) -> None:
        while self._deck.holds() and not self._stopped.is_set():  # noqa: ASYNC110 - a step uses the hold up
            await asyncio.sleep(0.05)
        await asyncio.sleep(self._deck.wait_s(batch.now))

    async def _judge(self, desk: Desk, open_sources: int) -> None:
        while open_sources:
            reader, batch = await self._batches.get()
            loop = asyncio.get_running_loop()
            work, rows = await loop.run_in_executor(self._judge_thread, _work, desk, batch, self.plan.source)
            self._now = batch.now
            await self._book(reader, work, rows)
            if self._writer.is_full():
                await self._unless_stopped(self._writer.room())
            open_sources -= batch.last

    async def _investigate(self) -> None:
        while True:
            _, _, due = await self._cases.get()
            await self._investigate_one(due)
            if self._postponed and self._cases.empty():
                await self._take_up_postponed()
            self._cases.task_done()

    async def _load_investigator(self) -> None:
        from engine.investigation import load_investigator  # noqa: PLC0415 - heavy, after the first paint

        investigator = await asyncio.to_thread(load_investigator, self.plan, self._door, self._clock())
        self._investigator = investigator
        for fault in investigator.faults:
            self._announcer.publish(fault)
        self._investigator_ready.set()

    # --- booking --------------------------------------------------------------------------------

    async def _book(self, reader: Reader, work: Work, rows: list[db.Row]) -> None:
        for flow in work.ended:
            self._announcer.tell(flow)
        for item in work.items:
            if self._books.is_elsewhere(item):
                continue
            if isinstance(item, Due):
                self._writer.add(rows)
                rows = []
                await self._hand_over(reader, item)
            elif isinstance(item, Detection):
                self._announcer.publish(item)
            elif isinstance(item, Incident):
                rows += self._books.incident_rows(item)
            else:
                self._witness(*item)
                rows += self._books.alert_rows(*item)
        self._writer.add([*rows, *self._books.input_rows(work), *self._books.broken_rows(work)])

    def _witness(self, alert: Alert, is_new: bool) -> None:
        """Look up the owner of a new alert's socket while it lives."""
        if is_new and self._door is not None and alert.flow.five_tuple.proto in ("tcp", "udp"):
            self._door.witness(alert.flow.five_tuple)

    async def _hand_over(self, reader: Reader, due: Due) -> None:
        flows = list({alert.flow.five_tuple for alert in due.alerts})
        packets = await asyncio.to_thread(reader.packets, flows)
        if packets:
            self._writer.add([db.put_packets(due.incident.id, packets)])
        if self.plan.lockstep:
            await self._unless_stopped(self._investigate_one(due))
        else:
            self._wait_for_analyst(due)

    def _wait_for_analyst(self, due: Due) -> None:
        self._case_number += 1
        try:
            self._cases.put_nowait((-due.incident.severity.rank, self._case_number, due))
        except asyncio.QueueFull:
            self._postponed = True
            self._announcer.fault(
                "agent", f"over {WAITING_CASES} incidents wait for the analyst", "later ones come after them"
            )

    async def _investigate_one(self, due: Due) -> None:
        await self._investigator_ready.wait()
        assert self._investigator is not None  # noqa: S101 - set before the event
        try:
            outcome = await self._investigator.investigate(due, self._books.step)
        except Exception as error:
            log.exception("investigating %s", due.incident.id)
            self._announcer.fault(
                "agent", f"cannot investigate {due.incident.id}: {error}", "it is tried again at the next start"
            )
            return
        await self._conclude(due.incident, outcome)

    async def _conclude(self, incident: Incident, outcome: Outcome) -> None:
        self._books.conclude(incident, outcome)
        if outcome.propose_block:
            await self.decisions.propose_for(incident, outcome, [reader.name for reader in self._readers])

    # --- small things -----------------------------------------------------------------------------

    def _store_trouble(self, reason: str) -> None:
        if reason:
            self._announcer.fault("store", reason, "free disk space or end the program that locks the database")
        else:
            self._announcer.clear("store")

    def _row_broken(self, reason: str) -> None:
        self._books.row_broken(reason)

    def _source_failed(self, error: CaptureError) -> None:
        self.failed.append(str(error))
        self._announcer.fault("capture", str(error), "what was read so far is kept; check the file or the interface")

    def _status(self) -> Status:
        blocking, dataplane = self.decisions.blocking, self.decisions.dataplane
        mode = "replay" if not self.plan.live else "live" if blocking else "monitor only"
        analyst = self._investigator.name if self._investigator else "loading"
        model = self._detectors.model_name if self._detectors else NO_MODEL
        return Status(mode, self.plan.title, dataplane, analyst, model, blocking)

    def _clock(self) -> float:
        return time.time() if self.plan.live else self._now

    def _open_store(self) -> db.Store:
        if self._store is None:
            msg = "the database is not open yet"
            raise LookupError(msg)
        return self._store


def _work(desk: Desk, batch: Batch, source: str) -> tuple[Work, list[db.Row]]:
    """Judge a batch, and put its ended flows in writing here rather than on the loop.

    A flow without payload or handshake is counted only: whoever can spoof an address could fill the disk with them.
    """
    work = desk.work(batch)
    kept = [flow for flow in work.ended if flow.handshake or any(flow.payload_bytes)]
    return work, [db.put_flow(flow, source) for flow in kept]


def _stored_case(incident: Incident, alerts: Sequence[Alert]) -> Due:
    flows = {alert.flow.id: alert.flow for alert in alerts}
    return Due(incident, tuple(alerts), tuple(flows.values()), incident.updated_at)
