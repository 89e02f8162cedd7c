"""Reported events: each is judged at a desk of its own, and investigated at once."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence

from engine.alerts import content_id
from engine.books import Books
from engine.casebook import Due
from engine.caseload import Caseload
from engine.community_id import community_id
from engine.desk import Desk, Work
from engine.edge.view import BusyError
from engine.intake import Batch
from engine.parts import Detectors
from engine.plan import Plan
from engine.store.database import Store
from engine.store.writer import Writer
from engine.tally import Tally
from engine.types import (
    Detection,
    FiveTuple,
    Flow,
    FlowState,
    FlowUpdate,
    Incident,
    ReportedEvent,
    TraceStep,
    UpdateReason,
)

WAITING_EVENTS = 64
"""Events that may wait for their verdict; one more is told to come later."""


SEEN_FLOWS = 20
"""Flows with the reported ends that this host saw itself, the latest, which go with a report."""


def updates_of(event: ReportedEvent, seen: Sequence[Flow]) -> list[FlowUpdate]:
    """Return the flow inputs of a report: itself, then what this host saw of its ends, which no detector judges."""
    return [update_of(event), *(FlowUpdate(flow, UpdateReason.REPORT, event.at) for flow in seen[:SEEN_FLOWS])]


def update_of(event: ReportedEvent) -> FlowUpdate:
    """Return the flow input that a report makes: its ends, and not one packet."""
    five_tuple = FiveTuple(event.src_ip, event.src_port, event.dst_ip, event.dst_port, event.proto or "tcp")
    flow = Flow(
        id=_flow_id(five_tuple),
        five_tuple=five_tuple,
        iface=f"report-{content_id('', 8, event.name, event.content)}",
        first_seen=event.at,
        last_seen=event.at,
        packets=(0, 0),
        bytes=(0, 0),
        payload_bytes=(0, 0),
        head=(b"", b""),
        state=FlowState.NEW,
        handshake=False,
    )
    return FlowUpdate(flow, UpdateReason.REPORT, event.at, event=event)


def _flow_id(ends: FiveTuple) -> str:
    src, dst = (ipaddress.ip_address(ip).packed for ip in (ends.src_ip, ends.dst_ip))
    number = socket.IPPROTO_UDP if ends.proto == "udp" else socket.IPPROTO_TCP
    return community_id(number, src, ends.src_port, dst, ends.dst_port)


class Triage:
    """Takes reported events, a bounded number at a time."""

    def __init__(self, plan: Plan, books: Books, writer: Writer, caseload: Caseload, tally: Tally) -> None:
        """Take the ``tally`` that each desk is counted in, which ends with its event."""
        self._plan = plan
        self._books = books
        self._writer = writer
        self._caseload = caseload
        self._waiting = 0
        self._tally = tally

    def fill(self) -> tuple[int, int]:
        """Return how many events wait, and how many may."""
        return self._waiting, WAITING_EVENTS

    async def take(
        self,
        event: ReportedEvent,
        seen: Sequence[Flow],
        detectors: Detectors,
        model: str,
        on_step: Callable[[TraceStep], None] | None,
        store: Store,
    ) -> str:
        """Return the id of the incident that an event came to, once it is investigated and stored.

        ``seen`` are the flows of this host with the event's ends.

        Raises:
            BusyError: too many wait.
            LookupError: no such model is configured.
            RuntimeError: it cannot be judged, or its incident would take the place of another.
        """
        if self._waiting >= WAITING_EVENTS:
            msg = f"{WAITING_EVENTS} events wait for their verdict"
            raise BusyError(msg)
        self._waiting += 1
        try:
            await self._caseload.check_model(model)
            settings = self._plan.settings
            desk = Desk(detectors.for_reports(), settings.dedup_window, self._plan.local_addresses)
            work = await asyncio.to_thread(desk.work, Batch(updates_of(event, seen), event.at, last=True))
            due = next((item for item in work.items if isinstance(item, Due)), None)
            if due is not None:
                await self._take_up(due.incident, store)
            self._book(work)
            self._tally.leave(desk)
            if due is None:
                msg = f"the event could not be judged: {work.broken[0].reason if work.broken else 'no detection'}"
                raise RuntimeError(msg)
            await self._caseload.investigate(due, model=model, on_step=on_step)
            return due.incident.id
        finally:
            self._waiting -= 1

    async def _take_up(self, incident: Incident, store: Store) -> None:
        """Go on with the record of an event that was judged before: what was found then, and decided, stays."""
        known = {alert.id for alert in await store.alerts(incident.id)}
        if not known.issubset(incident.alert_ids):
            msg = f"the event could not be judged: {incident.id} is another incident already"
            raise RuntimeError(msg)
        if known and incident.id not in self._books.opened:
            steps, digest, _ = await store.held(incident.id)
            self._books.take_up(incident.id, steps, digest, 0)

    def _book(self, work: Work) -> None:
        rows = []
        for item in work.items:
            if isinstance(item, Incident):
                rows += self._books.incident_rows(item)
            elif not isinstance(item, Detection | Due):
                rows += self._books.alert_rows(*item)
        self._writer.add([*rows, *self._books.input_rows(work), *self._books.broken_rows(work)])
