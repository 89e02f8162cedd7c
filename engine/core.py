"""The engine: owns every task and queue, and is all that the console and the doors see."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from engine import wire
from engine.casebook import Due
from engine.decisions import Decisions
from engine.desk import Desk, Work
from engine.intake import Batch, IntakeCounters, Reader
from engine.parts import NO_MODEL, Detectors, load_detectors
from engine.plan import Context, Plan, Recording
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
    Fault,
    Incident,
    IncidentView,
    Proposal,
    Snapshot,
    Status,
    TraceStep,
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

SUBSCRIBER_EVENTS = 4096
"""Events a subscriber may be behind; when full the oldest is dropped and counted: snapshots still tell all."""

WAITING_CASES = 256
"""Cases that may wait for the analyst; when full the least severe newcomer waits in the database."""

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
        self._on_event = on_event
        self._state = State()
        self._writer = Writer(self._store_trouble)
        self._store: db.Store | None = None
        self._detectors: Detectors | None = None
        self._investigator: Investigator | None = None
        self._investigator_ready = asyncio.Event()
        self._subscribers: list[asyncio.Queue[Event]] = []
        self._cases: asyncio.PriorityQueue[tuple[int, int, Due]] = asyncio.PriorityQueue(WAITING_CASES)
        self._case_number = 0
        self._readers: list[Reader] = []
        self._closed: list[IntakeCounters] = []
        self._desks: list[Desk] = []
        self._batches: asyncio.Queue[tuple[Reader, Batch]] = asyncio.Queue(BATCHES)
        self._now = 0.0
        self._steps: dict[str, int] = {}
        self._opened: set[str] = set()
        self._counts = {"alerts": 0, "quarantined": 0, "dropped_events": 0}
        self._stopping = False
        self._local_ips = (*plan.local_ips, *plan.settings.local)
        self._context = Context(self._local_ips, plan.settings.dedup_window)
        self._judge_thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._stack = AsyncExitStack()
        self.decisions = Decisions(plan, door, self._state, self._writer, self._publish)
        """Proposals and what people decide on them."""

    # --- what the console sees ----------------------------------------------------------------

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return a queue on which every event from now on arrives."""
        queue: asyncio.Queue[Event] = asyncio.Queue(SUBSCRIBER_EVENTS)
        self._subscribers.append(queue)
        return queue

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
            judged=sum(desk.judge.judged for desk in self._desks),
            detections=sum(desk.detections for desk in self._desks),
            alerts=self._counts["alerts"],
            deduplicated=sum(desk.casebook.dedup.folded for desk in self._desks),
            quarantined=self._counts["quarantined"],
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
        await self._writer.drained()
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
        await self._writer.drained()
        await self._open_store().set_disposition(incident_id, disposition)
        incident = self._state.incidents.get(incident_id)
        if incident is not None:
            self._publish(replace(incident, disposition=disposition))

    def transport(self, command: str, value: float = 0.0) -> None:
        """Obey the tape deck of a replay: ``play``, ``pause``, ``step`` or ``speed``."""
        self._deck.command(command, value)

    def totals(self) -> dict[str, int]:
        """Return what a finished run amounted to; the same input gives the same numbers."""
        counters = self.counters()
        names = ("delivered", "parsed", "filtered", "malformed", "flows_total", "detections", "alerts", "deduplicated")
        totals = {name: int(getattr(counters, name)) for name in names}
        return totals | {
            "incidents": len(self._opened),
            "quarantined": counters.quarantined,
            "failed": len(self.failed),
        }

    def stop(self) -> None:
        """End every source; what was read is judged and stored before ``run`` returns."""
        self._stopping = True
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
                await self._writer.finish(store)

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
            await self._cases.join()
            await self._writer.drained()
            self.finished.set()
            if stay:
                await asyncio.Event().wait()
            for task in lasting:
                task.cancel()

    @asynccontextmanager
    async def _open_database(self) -> AsyncIterator[db.Store]:
        path = self.plan.database
        try:
            store = await self._stack.enter_async_context(db.open_store(path))
        except sqlite3.DatabaseError as error:
            if path is None or isinstance(error, sqlite3.OperationalError):
                raise
            aside = db.set_aside(path)
            self._fault("store", f"{path} was damaged ({error}) and is now {aside.name}", "a new database was begun")
            store = await self._stack.enter_async_context(db.open_store(path))
        async with self._stack:
            yield store

    async def _work(self) -> None:
        self._detectors = await asyncio.to_thread(load_detectors, self.plan.settings, self._clock())
        for fault in (*self.plan.faults, *self._detectors.faults):
            self._publish(fault)
        if self.plan.live:
            desk = self._desk()
            await self._take_up(desk)
            await self._serve([open_reader() for open_reader in self.plan.open_readers], desk)
            return
        for open_reader in self.plan.open_readers:
            if self._stopping:
                break
            await self._replay(open_reader)

    async def _replay(self, open_reader: Callable[[], Reader]) -> None:
        try:
            reader = await asyncio.to_thread(open_reader)
        except CaptureError as error:
            self._source_failed(error)
            return
        await self._serve([reader], self._desk())

    def _desk(self) -> Desk:
        settings = self.plan.settings
        detectors = self._detectors.for_source() if self._detectors else []
        desk = Desk(detectors, settings.dedup_window, self._local_ips)
        self._desks.append(desk)
        return desk

    async def _take_up(self, desk: Desk) -> None:
        """Continue the incidents of an earlier run; those never judged are investigated now."""
        store, since = self._open_store(), self._clock() - RESTORE_S
        incidents = await store.recent_incidents(self.plan.source, since)
        alerts = [alert for incident in incidents for alert in await store.alerts(incident.id)]
        desk.casebook.restore(incidents, sorted(alerts, key=lambda alert: alert.last_at))
        for incident in incidents:
            self._publish(incident)
            self._opened.add(incident.id)
        for alert in alerts:
            self._publish(alert)
        for incident in await store.uninvestigated(self.plan.source, since):
            own = tuple(alert for alert in alerts if alert.incident_id == incident.id)
            flows = tuple({alert.flow.id: alert.flow for alert in own}.values())
            self._wait_for_analyst(Due(incident, own, flows, incident.updated_at))

    async def _serve(self, readers: list[Reader], desk: Desk) -> None:
        self._closed += [reader.counters() for reader in self._readers]
        self._readers = readers
        async with asyncio.TaskGroup() as tasks:
            for reader in readers:
                tasks.create_task(self._capture(reader), name=f"capture {reader.name}")
            tasks.create_task(self._judge(desk, len(readers)), name="judge")

    async def _capture(self, reader: Reader) -> None:
        while True:
            wall = time.time() if reader.live else None
            try:
                batch = await asyncio.to_thread(reader.read, wall)
            except CaptureError as error:
                self._source_failed(error)
                batch = reader.flush()
            if self.plan.paced and not self._stopping:
                await self._keep_pace(batch)
            await self._batches.put((reader, batch))
            if batch.last:
                return

    async def _keep_pace(self, batch: Batch) -> None:
        while self._deck.holds() and not self._stopping:  # noqa: ASYNC110 - a step uses the hold up
            await asyncio.sleep(0.05)
        await asyncio.sleep(self._deck.wait_s(batch.now))

    async def _judge(self, desk: Desk, open_sources: int) -> None:
        while open_sources:
            reader, batch = await self._batches.get()
            work = await asyncio.get_running_loop().run_in_executor(self._judge_thread, desk.work, batch)
            self._now = max(batch.now, self._now) if self.plan.live else batch.now
            await self._book(reader, work)
            await self._writer.room()
            open_sources -= batch.last

    async def _investigate(self) -> None:
        while True:
            _, _, due = await self._cases.get()
            await self._investigate_one(due)
            self._cases.task_done()

    async def _load_investigator(self) -> None:
        from engine.investigation import load_investigator  # noqa: PLC0415 - heavy, after the first paint

        investigator = await asyncio.to_thread(load_investigator, self.plan, self._door, self._clock())
        self._investigator = investigator
        for fault in investigator.faults:
            self._publish(fault)
        self._investigator_ready.set()

    # --- booking --------------------------------------------------------------------------------

    async def _book(self, reader: Reader, work: Work) -> None:
        rows: list[db.Row] = [db.put_flow(flow, self.plan.source) for flow in work.ended]
        if self._on_event is not None:
            for flow in work.ended:
                self._on_event(flow)
        for item in work.items:
            if self._is_elsewhere(item):
                continue
            if isinstance(item, Due):
                self._writer.add(rows)
                rows = []
                await self._hand_over(reader, item)
            elif isinstance(item, Detection):
                self._publish(item)
            elif isinstance(item, Incident):
                rows += self._incident_rows(item)
            else:
                rows += self._alert_rows(*item)
        rows += [db.put_input(*recorded) for recorded in work.recorded]
        for broken in work.broken:
            self._counts["quarantined"] += 1
            rows.append(db.put_quarantine(self._clock(), broken.detector, broken.reason, wire.dumps(broken.update)))
            self._fault(broken.detector, f"a flow was set aside: {broken.reason}", "report it with `aegis-tui doctor`")
        self._writer.add(rows)

    def _is_elsewhere(self, item: Detection | tuple[Alert, bool] | Incident | Due) -> bool:
        """Say whether an item belongs to another incident than the only one wanted."""
        match item:
            case Due():
                incident_id = item.incident.id
            case Incident():
                incident_id = item.id
            case (alert, _):
                incident_id = alert.incident_id
            case _:
                return False
        return bool(self.plan.only) and incident_id != self.plan.only

    def _alert_rows(self, alert: Alert, is_new: bool) -> list[db.Row]:
        self._counts["alerts"] += is_new
        if is_new and self._door is not None and alert.flow.five_tuple.proto in ("tcp", "udp"):
            self._door.witness(alert.flow.five_tuple)
        if is_new:
            self._publish(alert)
        else:
            self._state.apply(alert)
        return [*self._forget_earlier(alert.incident_id), db.put_alert(alert)]

    def _incident_rows(self, incident: Incident) -> list[db.Row]:
        known = self._state.incidents.get(incident.id)
        if known is not None:
            incident = replace(incident, disposition=known.disposition)
        if known is None or replace(known, updated_at=0) != replace(incident, updated_at=0):
            self._publish(incident)
        else:
            self._state.apply(incident)
        return [*self._forget_earlier(incident.id), db.put_incident(incident, self.plan.source, self._context)]

    def _forget_earlier(self, incident_id: str) -> list[db.Row]:
        """Make way for an incident that an earlier replay of the same capture stored under the same id."""
        if incident_id in self._opened:
            return []
        self._opened.add(incident_id)
        return db.forget_incident(incident_id)

    async def _hand_over(self, reader: Reader, due: Due) -> None:
        flows = list({alert.flow.five_tuple for alert in due.alerts})
        packets = await asyncio.to_thread(reader.packets, flows)
        if packets:
            self._writer.add([db.put_packets(due.incident.id, packets)])
        if self.plan.lockstep:
            await self._investigate_one(due)
        else:
            self._wait_for_analyst(due)

    def _wait_for_analyst(self, due: Due) -> None:
        self._case_number += 1
        try:
            self._cases.put_nowait((-due.incident.severity.rank, self._case_number, due))
        except asyncio.QueueFull:
            self._fault("agent", f"too many incidents wait: {due.incident.id} comes at the next start", "see incidents")

    async def _investigate_one(self, due: Due) -> None:
        await self._investigator_ready.wait()
        assert self._investigator is not None  # noqa: S101 - set before the event
        try:
            outcome = await self._investigator.investigate(due, self._step)
        except Exception as error:
            log.exception("investigating %s", due.incident.id)
            self._fault(
                "agent", f"cannot investigate {due.incident.id}: {error}", "it is tried again at the next start"
            )
            return
        await self._conclude(due.incident, outcome)

    def _step(self, step: TraceStep) -> None:
        number = self._steps[step.incident_id] = self._steps.get(step.incident_id, 0) + 1
        step = replace(step, seq=number)
        self._writer.add([db.put_step(step)])
        self._publish(step)

    async def _conclude(self, incident: Incident, outcome: Outcome) -> None:
        rows = [db.put_evidence(evidence) for evidence in outcome.evidence]
        heard = Recording(outcome.verdict.analyst, outcome.host_records, outcome.answers)
        rows += [db.put_recording(incident.id, heard), db.put_verdict(outcome.verdict)]
        self._writer.add(rows)
        for fault in outcome.faults:
            self._publish(fault)
        self._publish(outcome.verdict)
        if outcome.propose_block:
            await self.decisions.propose_for(incident, outcome, [reader.name for reader in self._readers])

    # --- small things -----------------------------------------------------------------------------

    def _publish(self, event: Event) -> None:
        self._state.apply(event)
        if isinstance(event, Fault):
            log.warning("%s: %s", event.ability, event.message)
            self._writer.add([db.put_fault(event)])
        if self._on_event is not None:
            self._on_event(event)
        for queue in self._subscribers:
            if queue.full():
                queue.get_nowait()
                self._counts["dropped_events"] += 1
            queue.put_nowait(event)

    def _fault(self, ability: str, message: str, remedy: str) -> None:
        standing = {fault.ability: fault.message for fault in self._state.faults()}
        if standing.get(ability) != message:
            self._publish(Fault(ability, message, remedy, self._clock()))

    def _store_trouble(self, reason: str) -> None:
        if reason:
            self._fault("store", reason, "free disk space or end the program that locks the database")
        else:
            self._publish(Fault("store", "", "", self._clock(), cleared=True))

    def _source_failed(self, error: CaptureError) -> None:
        self.failed.append(str(error))
        self._fault("capture", str(error), "what was read so far is kept; check the file or the interface")

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
