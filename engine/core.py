"""The engine: owns every task and queue, and is all that the console and the doors see."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from engine.announcer import Announcer
from engine.books import Books, stamp
from engine.casebook import Due
from engine.caseload import Caseload
from engine.courtesy import aside
from engine.decisions import Decisions
from engine.desk import Desk, Work
from engine.filing import Filing
from engine.hostfacts import from_loop
from engine.impact import Traffic
from engine.inquiries import Inquiries
from engine.intake import Batch, Reader
from engine.linkwatch import LinkWatch
from engine.names import Names
from engine.notary import Notary
from engine.pacing import Pacer
from engine.parts import Detectors, load_detectors
from engine.plan import Plan, Recording
from engine.reason import reason
from engine.recovery import recovered
from engine.retention import Retention
from engine.runmark import RunMark
from engine.shelf import Shelf
from engine.sources.pcapfile import CaptureError
from engine.state import State
from engine.store.database import Store
from engine.store.opening import open_or_begin_anew
from engine.store.rows import Row, put_decision, put_disposition, put_flow, put_packets
from engine.store.writer import Writer
from engine.suppressing import Suppressing
from engine.suppression import Suppressions
from engine.tally import Tally
from engine.transport import Transport
from engine.triage import SEEN_FLOWS, Triage
from engine.types import (
    NOT_YET,
    Alert,
    Counters,
    Detection,
    Disposition,
    Event,
    Finding,
    FiveTuple,
    Impact,
    Incident,
    IncidentView,
    PastIncidents,
    Proposal,
    Recovery,
    ReportedEvent,
    Snapshot,
    Status,
    TraceStep,
)

if TYPE_CHECKING:
    from engine.agent.case import Outcome
    from engine.chain import Anchor
    from engine.edge.view import Door
    from engine.hostdoor import HostDoor
    from engine.hostfacts import Past
    from engine.telling import Telling

T = TypeVar("T")

log = logging.getLogger(__name__)

PAST_INCIDENTS = 20
"""Earlier incidents with a target that the analyst is told of, the newest."""

LOADING = "reading what is stored"
"""Until the incidents of the last run are taken up: a count of none would be an all-clear that nobody gave."""

BATCHES = 64
"""Batches between capture and judge; when full the capture waits and the kernel ring fills, which is counted."""


class Engine:
    """One run over live interfaces or a replay."""

    def __init__(  # noqa: PLR0915 - makes every room, and names the doors of each
        self, plan: Plan, door: HostDoor | None = None, on_event: Callable[[Event], None] | None = None,
        *, pacer: Pacer | None = None, detectors: Callable[[], Detectors] | None = None,
    ) -> None:  # fmt: skip
        """Take ``pacer``, and what loads the ``detectors``, from a replay that runs several times."""
        self.plan, self._pacer = plan, pacer or Pacer(Transport(plan.speed), time.monotonic)
        self.finished = asyncio.Event()
        self.failed: list[str] = []
        """Sources that could not be read to their end, with the reason."""
        self.shut_doors: list[str] = []
        """Doors that could not be opened."""
        self._deserted = asyncio.Event()
        """Set when nobody can reach an engine that watches nothing."""
        self._door, self._state = door, State()
        self._writer = Writer(self._store_trouble, self._row_broken, live=plan.live)
        self._announcer = Announcer(self._state, self._writer, self._clock, on_event, self.stop)
        self._books = Books(plan, self._state, self._writer, self._announcer, self._clock)
        self._run_mark = RunMark(plan, self._writer)
        self._store: Store | None = None
        self._detectors: Detectors | None = None
        self._load_detectors = detectors or (lambda: load_detectors(plan.settings, self._clock()))
        self._tally = Tally()
        self._batches: asyncio.Queue[tuple[Reader, Batch]] = asyncio.Queue(BATCHES)
        self._now, self._stopped = 0.0, asyncio.Event()
        self._judge_thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._traffic = Traffic()
        """Written and read in the judge's thread only."""
        self._names = Names()
        self._rules = Suppressions(plan.suppressions)
        """Used in the judge's thread only, but for its count."""
        self.decisions = decisions = Decisions(
            plan, door, self._state, self._writer, self._announcer.publish, self.impact
        )
        """Proposals and what people decide on them."""
        self.review, self.revise, self.decide = decisions.review, decisions.revise, decisions.decide
        self.propose, self.propose_list, self.extend = decisions.propose, decisions.propose_list, decisions.extend
        self.watch, self.keep, self.unblock = decisions.watch, decisions.keep, decisions.unblock
        self.allow, self.ended_blocks = decisions.allow, decisions.ended_blocks
        self.learn, self.look = decisions.learn, decisions.look
        self._caseload = Caseload(plan, self._state, self._books, self._announcer, self._clock, self._propose)
        self._judges = asyncio.Event()
        """Set when the detectors are loaded."""
        self._loading = LOADING if plan.live else ""
        self._triage = Triage(plan, self._books, self._writer, self._caseload, self._tally)
        inquiries = Inquiries(self._caseload, self.incident, plan.reports)
        self.ask, self.search, self.preview = inquiries.ask, inquiries.search, inquiries.preview
        self.report, self.save_report = inquiries.report, inquiries.save_report
        self.tools, self.use_tool = inquiries.tools, inquiries.use_tool
        suppressing = self._suppressing = Suppressing(
            plan, self._rules, self._writer, self._in_judge, self._books.set_aside
        )
        self.suppress, self.end_suppression = suppressing.suppress, suppressing.end_suppression
        self.preview_suppression, self.suppressions = suppressing.preview_suppression, suppressing.suppressions
        self.note = suppressing.note
        self._retention = Retention(
            plan, self._writer, self._announcer.fault, self._announcer.clear, self._state.forget
        )
        shelf = Shelf(self._open_store, self._writer.settled, plan.reports.with_name("packs"))
        self.library, self.everything, self.save_pack = shelf.library, shelf.everything, shelf.save_pack
        told = self._announcer
        self._telling = _telling(plan, told) if plan.tells else None
        self._filing = Filing(inquiries.save_report, self._announcer.fault, self._announcer.clear)
        self.filed = self._filing.done
        self._notary = Notary(self._note_trace, self._writer.drained, self._announcer.fault, self._announcer.clear)
        self.noted = self._notary.done
        if plan.filing:
            self._caseload.file = decisions.file = self._filing.add

    # --- what the console sees ----------------------------------------------------------------

    def subscribe(self, *, program: bool = False) -> asyncio.Queue[Event]:
        """Return a queue on which every event from now on arrives; a ``program`` is no person who watches."""
        return self._announcer.subscribe(program=program)

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        """Forget a queue."""
        self._announcer.unsubscribe(queue)

    def snapshot(self) -> Snapshot:
        """Return the state as it stands."""
        flows = self._state.flows([reader.view for reader in self._tally.readers])
        scores = self._detectors.scores if self._detectors else {}
        now = self._now if self._now and not self.plan.shelves else self._clock()
        return self._state.snapshot(
            self._status(), self.counters(), now, flows, scores, finished=self.finished.is_set()
        )

    def counters(self) -> Counters:
        """Return the accounting identity, summed over every source so far."""
        sums = self._tally.counters(
            alerts=self._books.alerts, suppressed=self._rules.hidden, quarantined=self._books.quarantined
        )
        queues = {
            "batches": (self._batches.qsize(), BATCHES),
            "cases": self._caseload.fill(),
            "events": self._triage.fill(),
            "notes": self._notary.fill(),
            "reports": self._filing.fill(),
            "rows": self._writer.fill(),
        }
        if self._telling is not None:
            queues["messages"] = self._telling.fill()
        return replace(sums, queues=queues)

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

    async def recordings(self) -> dict[str, tuple[Recording, ...]]:
        """Return what each investigation of this run heard from outside, by incident."""
        await self._writer.settled()
        store = self._open_store()
        return {incident_id: await store.recordings(incident_id) for incident_id in sorted(self._books.opened)}

    async def incidents(self, limit: int = 100) -> Sequence[Incident]:
        """Return the newest stored incidents first."""
        await self._writer.settled()
        return await self._open_store().incidents(limit)

    async def triage(
        self, event: ReportedEvent, *, model: str = "", on_step: Callable[[TraceStep], None] | None = None
    ) -> IncidentView:
        """Return the incident that a reported event came to, investigated.

        Raises:
            BusyError: too many events wait.
            LookupError: no such model is configured.
        """
        await self._judges.wait()
        assert self._detectors is not None  # noqa: S101 - set before the event
        store = self._open_store()
        seen = [flow for ip in self._foreign_ends(event) for flow in await store.flows_with(ip, SEEN_FLOWS)]
        return await self.incident(await self._triage.take(event, seen, self._detectors, model, on_step, store))

    def _foreign_ends(self, event: ReportedEvent) -> list[str]:
        """Return the ends of a report that are not this host's; nothing is stored of flows but when live."""
        ends = dict.fromkeys((event.src_ip, event.dst_ip)) if self.plan.live else {}
        return [ip for ip in ends if ip not in self.plan.local_addresses]

    async def propose_block(self, incident_id: str) -> Proposal:
        """Ask a person to block an incident's target, on behalf of a program outside; nothing is blocked by it.

        Raises:
            LookupError: there is no such incident.
            PermissionError: the guard refuses, or there is none.
        """
        view = await self.incident(incident_id)
        reported_only = all(alert.detection.detector == "event" for alert in view.alerts)
        return await self.decisions.propose_by_program(view.incident, reported_only)

    async def impact(self, prefixes: Sequence[str]) -> Impact:
        """Return what a block of these addresses and prefixes would have dropped lately.

        Raises:
            ValueError: one of them is neither an address nor a prefix.
            LookupError: the engine has ended.
        """
        known = self._door.known_process if self._door is not None else _unknown
        ask = partial(self._traffic.impact, tuple(prefixes), known)
        try:
            asked = asyncio.get_running_loop().run_in_executor(self._judge_thread, ask)
        except RuntimeError:
            msg = "the engine has ended: what passed is no longer on record"
            raise LookupError(msg) from None
        return await asked

    async def set_disposition(self, incident_id: str, disposition: Disposition, by: str = "") -> None:
        """Store what a person makes of an incident, and that it was judged, by whom."""
        now = time.time()
        line = f"{stamp(now)} judged {disposition.value.replace('_', ' ')}" + (f" by {by}" if by else "")
        self._writer.add([put_disposition(incident_id, disposition), put_decision(incident_id, now, line)])
        incident = self._state.incidents.get(incident_id)
        if incident is not None:
            self._announcer.publish(replace(incident, disposition=disposition))

    def transport(self, command: str, value: float = 0.0) -> None:
        """Obey the tape deck of a replay, as far as it goes forward: ``play``, ``pause``, ``step``, ``speed``."""
        self._pacer.command(command, value)

    async def take_over(self) -> None:
        """Do nothing: the console that hosts the engine decides."""

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

    @property
    def left_as_stored(self) -> dict[str, str]:
        """Incidents of this replay that another source gave before, and which: they stay as they are stored."""
        return {incident_id: self._writer.spared[incident_id] for incident_id in self._writer.left}

    def stop(self) -> None:
        """End every source; what was read is judged and stored before ``run`` returns."""
        self._stopped.set()
        self._pacer.open()
        for reader in self._tally.readers:
            reader.stop()

    # --- tasks ----------------------------------------------------------------------------------

    async def run(self, *, stay: bool = False) -> None:
        """Work until the sources end; with ``stay``, remain to answer questions until cancelled."""
        async with open_or_begin_anew(self.plan.database, self._announcer.fault) as store:
            self._store = store
            if self.plan.replays:
                with suppress(sqlite3.Error):  # a database that cannot be read says so when it is written to
                    self._writer.spared = await store.of_other_sources(self.plan.source)
            await self._run_mark.begin(store)
            try:
                with self._run_mark:
                    await self._run_tasks(store, stay)
            finally:
                self.stop()
                self._judge_thread.shutdown(wait=False)
                if self._door is not None:
                    self._door.close()
                await self._writer.finish(store)
        if self._announcer.deaf is not None:
            raise self._announcer.deaf

    async def _run_tasks(self, store: Store, stay: bool) -> None:
        async with asyncio.TaskGroup() as tasks:
            lasting = [
                tasks.create_task(self._writer.run(store), name="write"),
                tasks.create_task(self._caseload.load(self._door, self._names, self._past(store)), name="load analyst"),
                tasks.create_task(self._filing.work(), name="reports"),
                tasks.create_task(self._retention.work(store), name="retention"),
                *(
                    tasks.create_task(self._caseload.work(store, self._writer.settled), name=f"investigate {number}")
                    for number in range(1, self._caseload.workers + 1)
                ),
            ]
            if self._telling is not None:
                events = self.subscribe(program=True)
                lasting.append(tasks.create_task(self._telling.follow(events), name="what is told"))
                lasting.append(tasks.create_task(self._telling.work(), name="tell"))
            await self._suppressing.load(store)
            if self.plan.live:
                lasting.append(tasks.create_task(self._suppressing.follow(), name="suppressions"))
            if self.plan.look_at_link is not None:
                watch = LinkWatch(self.plan.look_at_link, self.plan.faults)
                links = watch.follow(self._watched, time.time, self._announcer.fault, self._announcer.clear)
                lasting.append(tasks.create_task(links, name="links"))
            if self._door is not None:
                lasting.append(tasks.create_task(self.decisions.follow(), name="guard"))
            if self._door is not None and self.plan.live and store.file == self.plan.database:
                self._books.anchor = self._notary.add
                lasting.append(tasks.create_task(self._notary.work(), name="notes"))
            lasting += [tasks.create_task(self._open(door), name=f"door {door.name}") for door in self.plan.doors]
            await self._work()
            if self.plan.live:
                await self._stopped.wait()
            await self._unless_stopped(self._caseload.done())
            await self._unless_stopped(self._filing.done())
            await self._unless_stopped(self._writer.drained())
            self.finished.set()
            if stay:
                await self._deserted.wait()
            for task in lasting:
                task.cancel()

    def _past(self, store: Store) -> Past | None:
        """Return what tells of earlier incidents; a replay is not told, so that it repeats itself."""
        if not self.plan.live:
            return None

        async def earlier(ip: str) -> PastIncidents:
            return PastIncidents(Finding.FOUND, tuple(await store.past_incidents(ip, self._clock(), PAST_INCIDENTS)))

        return from_loop(asyncio.get_running_loop(), earlier)

    async def _open(self, door: Door) -> None:
        try:
            await door.serve(self)
        except OSError as error:
            remedy = "another program may listen there: choose another port"
            self._announcer.fault(door.name, f"cannot open the {door.name} door: {reason(error)}", remedy)
            self.shut_doors.append(door.name)
            if len(self.shut_doors) == len(self.plan.doors) and not self.plan.open_readers:
                self._deserted.set()

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Wait for something, but not once the engine is told to stop: what is left waits in the database."""
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(work, name="work")
            stopping = tasks.create_task(self._stopped.wait(), name="stop")
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            working.cancel()
            stopping.cancel()
        return None if working.cancelled() else working.result()

    async def _work(self) -> None:
        detectors = await self._unless_stopped(aside(self._load_detectors))
        if detectors is None:
            return
        self._detectors = detectors
        self._judges.set()
        for fault in (*self.plan.faults, *detectors.faults):
            self._announcer.publish(fault)
        if self.plan.live:
            desk = self._desk()
            await self._take_up(desk)
            self._loading = ""
            await self._serve([open_reader() for open_reader in self.plan.open_readers], desk)
            return
        for open_reader in self.plan.open_readers:
            if self._stopped.is_set():
                break
            await self._replay(open_reader)

    async def _take_up(self, desk: Desk) -> None:
        """Go on where the last run left off, and say so where that did not come to its end."""
        try:
            taken_up = await self._caseload.take_up(self._open_store(), desk)
        except sqlite3.Error as error:
            self._store_trouble(f"cannot read the incidents of the last run: {error}")
            return
        if self._run_mark.broke_off_at:
            if self._door is not None:
                await self.decisions.look()
            waiting, blocks = self.decisions.waiting(), self.decisions.in_force()
            recovery = Recovery(time.time(), self._run_mark.broke_off_at, *taken_up, waiting, blocks)
            log.warning(recovered(recovery, stamp))
            self._announcer.publish(recovery)

    async def _replay(self, open_reader: Callable[[], Reader]) -> None:
        try:
            reader = await asyncio.to_thread(open_reader)
        except CaptureError as error:
            self._source_failed(error)
            return
        desk = self._desk()
        await self._serve([reader], desk)
        self._tally.leave(desk)

    def _desk(self) -> Desk:
        settings = self.plan.settings
        detectors = self._detectors.for_source() if self._detectors else []
        desk = Desk(detectors, settings.dedup_window, self.plan.local_addresses, self._rules)
        self._tally.desks.append(desk)
        return desk

    async def _serve(self, readers: list[Reader], desk: Desk) -> None:
        self._tally.change(readers)
        async with asyncio.TaskGroup() as tasks:
            for reader in readers:
                tasks.create_task(self._capture(reader), name=f"capture {reader.name}")
            tasks.create_task(self._judge(desk, len(readers)), name="judge")

    async def _capture(self, reader: Reader) -> None:
        while True:
            if self.plan.paced and not self._stopped.is_set():
                await self._keep_pace(reader)
            batch = await self._read(reader)
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

    async def _keep_pace(self, reader: Reader) -> None:
        """Wait until what was read is judged and booked, in lockstep also investigated, and the next step is due."""
        await self._batches.join()
        try:
            await self._pacer.admit(await asyncio.to_thread(reader.peek))
        except CaptureError:
            return  # the read that follows tells of it

    async def _judge(self, desk: Desk, open_sources: int) -> None:
        while open_sources:
            reader, batch = await self._batches.get()
            loop = asyncio.get_running_loop()
            work, rows = await loop.run_in_executor(self._judge_thread, self._work_through, desk, batch)
            self._now = batch.now
            await self._book(reader, work, rows)
            if self._writer.is_full():
                await self._unless_stopped(self._writer.room())
            open_sources -= batch.last
            self._batches.task_done()

    # --- booking --------------------------------------------------------------------------------

    async def _book(self, reader: Reader, work: Work, rows: list[Row]) -> None:
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

    def _work_through(self, desk: Desk, batch: Batch) -> tuple[Work, list[Row]]:
        """Judge a batch, and put its ended flows in writing here, in the judge's thread, rather than on the loop.

        A flow without payload or handshake is counted only: whoever can spoof an address could fill the disk with them.
        """
        self._traffic.add(batch)
        self._names.see(batch.updates)
        work = desk.work(batch)
        kept = [flow for flow in work.ended if flow.handshake or any(flow.payload_bytes)]
        return work, [put_flow(flow, self.plan.source) for flow in kept]

    async def _hand_over(self, reader: Reader, due: Due) -> None:
        flows = list({alert.flow.five_tuple for alert in due.alerts})
        packets = await asyncio.to_thread(reader.packets, flows)
        if packets:
            self._writer.add([put_packets(due.incident.id, packets)])
        if self.plan.lockstep:
            await self._unless_stopped(self._caseload.investigate(due))
        else:
            self._caseload.add(due)

    async def _propose(self, incident: Incident, outcome: Outcome) -> None:
        await self.decisions.propose_for(incident, outcome, self._watched())

    def _watched(self) -> list[str]:
        return [reader.name for reader in self._tally.readers]

    async def _note_trace(self, anchor: Anchor) -> None:
        assert self._door is not None  # noqa: S101 - the notary works beside a guard only
        told = (anchor.incident_id, anchor.steps, anchor.digest, anchor.verdict_digest)
        await self._door.ask(lambda guard: guard.note_trace(*told))

    def _in_judge(self, call: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._judge_thread, call)

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
        decisions = self.decisions
        mode = "live" if decisions.blocking else "monitor only"
        if not self.plan.live:
            mode = "library" if self.plan.shelves else "replay"
        model = self._detectors.model_name if self._detectors else NOT_YET
        return Status(
            mode, self.plan.title, decisions.dataplane, self._caseload.analyst, model, decisions.blocking,
            decisions.keep_within_s, self._caseload.spending(), self._retention.storage, self._caseload.endpoints,
            len(self.plan.settings.notify) if self.plan.tells else 0, loading=self._loading,
            on_trial=decisions.on_trial,
        )  # fmt: skip

    def _clock(self) -> float:
        return self._now if self.plan.replays else time.time()

    def _open_store(self) -> Store:
        if self._store is None:
            msg = "the database is not open yet"
            raise LookupError(msg)
        return self._store


def _unknown(_: FiveTuple) -> str:
    return ""


def _telling(plan: Plan, told: Announcer) -> Telling:
    from engine.telling import Telling  # noqa: PLC0415 - only where somebody is to be told

    return Telling(plan.settings, told.attended, told.fault, told.clear)
