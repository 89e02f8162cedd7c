"""The engine of a daemon as an attached console sees it: mirrored; decisions go to the guard itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aegis_tui.attached.guardline import GuardLine
from aegis_tui.attached.usher import ENGINE, Usher
from aegis_tui.keyboard.keymap import key_of
from engine.attach.changes import EMPTY
from engine.attach.line import GONE, Line
from engine.attach.roles import NOBODY, Role
from engine.host import people
from engine.petitions import GuardDoor, Petitions
from engine.reason import reason
from engine.types import (
    Block,
    Disposition,
    Event,
    Fault,
    Impact,
    Incident,
    IncidentView,
    LibraryPage,
    Note,
    Passage,
    Proposal,
    ReportedEvent,
    Snapshot,
    SourcedAnswer,
    Suppression,
    SuppressionPreview,
)

if TYPE_CHECKING:
    from engine.guard.client import GuardClient
    from engine.stored import Stored

AGAIN_S = 1.0
EVENTS = 4096
"""Events a subscriber may be behind; when full the oldest is dropped, as at the engine."""
INFORM_S = 5.0
"""How long the engine may take to hear of what the guard did: that is done, and a person waits to be told so."""
_LOST = (OSError, EOFError, ValueError)


class RemoteEngine(Petitions):
    """Implements ``EngineView`` over two sockets, and opens them again as long as the console runs."""

    def __init__(self, usher: Usher) -> None:
        self._usher = usher
        self._guard_line = GuardLine(usher)
        self._line: Line | None = None
        self._snapshot, self._role = EMPTY, Role(False, NOBODY, 0)
        self._known = EMPTY
        """The last state of an engine that had read what is stored."""
        self._who = ""
        self._fault: Fault | None = None
        self._queues: list[asyncio.Queue[Event]] = []
        self._view: IncidentView | None = None
        """The incident that was looked at last."""
        self._rules: tuple[Suppression, ...] = ()
        self._shown: tuple[object, Snapshot] = (None, EMPTY)

    async def run(self) -> None:
        """Stay attached until cancelled: when the daemon ends, look for it until it is back."""
        try:
            while True:
                try:
                    await self._attach()
                except _LOST as error:
                    self._lose("it hung up" if isinstance(error, EOFError) else reason(error))
                await asyncio.sleep(AGAIN_S)
        finally:
            self._guard_line.close()
            self._usher.close()

    async def _attach(self) -> None:
        await self._guard_line.ask(self._meet)
        sock = await asyncio.wrap_future(self._guard_line.thread.submit(self._usher.reach, ENGINE))
        sock.setblocking(False)
        watched = self._fault is not None and not self._role.decides
        line = await Line.open(sock, self._who, watches=watched)
        self.block_ttl_s = line.block_ttl_s
        self._line = line
        if self._fault is not None:
            self._tell(replace(self._fault, message="", remedy="", cleared=True))
            self._fault = None
        await line.listen(self._tell)

    def _meet(self, guard: GuardClient) -> None:
        """Learn from the guard who it takes this console for, and what is reached without a gateway."""
        self._who = people.in_words(guard.hello().approver)
        self.connected = guard.addresses().connected

    def _lose(self, reason: str) -> None:
        """Keep what was shown last, and say once that it stands still."""
        if self._line is not None:
            self._take(self._line)
            self._snapshot = self._known
            self._line = None
        if self._fault is None:
            message = f"the engine does not answer: {reason}; what is shown is the last state"
            self._fault = Fault(
                "daemon", message, "systemctl status aegis-tui; the console attaches again", time.time()
            )
            self._tell(self._fault)

    # --- what the console sees ---

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return a bounded queue of what happens from now on."""
        queue: asyncio.Queue[Event] = asyncio.Queue(EVENTS)
        self._queues.append(queue)
        return queue

    def _tell(self, event: Event) -> None:
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def snapshot(self) -> Snapshot:
        """Return the last state, with this console's part in it."""
        line = self._line
        if line is not None:
            self._take(line)
        key = (self._snapshot, self._role, self._fault)
        known = self._shown[0]
        if not (isinstance(known, tuple) and all(one is other for one, other in zip(known, key, strict=True))):
            self._shown = key, self._drawn()
        return self._shown[1]

    def _take(self, line: Line) -> None:
        self._snapshot, self._role, self._rules = line.snapshot, line.role, line.rules
        if not line.snapshot.status.loading:
            self._known = line.snapshot

    def _drawn(self) -> Snapshot:
        """Return the mirror with what only this end knows."""
        now, role, fault = self._snapshot, self._role, self._fault
        if fault is not None:
            lost = replace(now.status, blocking=False, dataplane="the engine does not answer")
            since = min(fault.at, now.now or fault.at)
            status = replace(lost, keep_within_s=0.0, on_trial=(), stale_since=since)
            return replace(now, status=status, faults=(fault, *now.faults))
        decider = "" if role.decides or not role.consoles else role.decider
        return replace(now, status=replace(now.status, consoles=role.consoles, decider=decider))

    async def take_over(self) -> None:
        """Decide at this console from now on."""
        self._connected().take_over()

    def _connected(self) -> Line:
        if self._line is None:
            raise ConnectionError(GONE)
        return self._line

    async def incident(self, incident_id: str) -> IncidentView:
        """Return everything stored about an incident, as last read while the engine is gone."""
        if self._line is None and self._view is not None and self._view.incident.id == incident_id:
            return self._view
        found: IncidentView = await self._connected().ask("incident", incident_id)
        self._view = found
        return found

    async def impact(self, prefixes: Sequence[str]) -> Impact:
        """Return what a block of these would have dropped lately."""
        found: Impact = await self._connected().ask("impact", tuple(prefixes))
        return found

    async def triage(self, event: ReportedEvent) -> IncidentView:
        """Return the incident that a reported event came to, investigated."""
        found: IncidentView = await self._connected().ask("triage", event)
        return found

    async def ask(self, question: str, incident_id: str = "") -> SourcedAnswer:
        """Return what is known to a question, with its sources."""
        found: SourcedAnswer = await self._connected().ask("ask", question, incident_id)
        return found

    async def search(self, query: str, k: int = 5, base: str = "") -> tuple[Passage, ...]:
        """Return the passages of the knowledge base nearest to a query."""
        found: tuple[Passage, ...] = await self._connected().ask("search", query, k, base)
        return found

    async def library(self, words: str = "", after: tuple[float, str] | None = None) -> LibraryPage:
        """Return a page of the stored incidents that a filter lets through, after the one of that time and id."""
        found: LibraryPage = await self._connected().ask("library", words, after)
        return found

    async def everything(self, incident_id: str) -> Stored:
        """Return all that an incident can be exported and judged again from, or raise ``LookupError``."""
        found: Stored = await self._connected().ask("everything", incident_id)
        return found

    async def save_pack(self, incident_id: str, place: str = "", redacted: bool = False) -> tuple[str, str]:
        """Have the daemon write an incident's evidence pack, and return its path and its manifest's SHA-256."""
        path, digest = await self._connected().ask("save_pack", incident_id, place, redacted)
        return str(path), str(digest)

    async def preview(self, incident_id: str) -> str:
        """Return what would be sent to the endpoint about an incident; empty where nothing leaves."""
        return str(await self._connected().ask("preview", incident_id))

    async def save_report(self, incident_id: str) -> tuple[str, ...]:
        """Write the report of an incident in every form beside the daemon's database, and return the files."""
        found: tuple[str, ...] = await self._connected().ask("save_report", incident_id)
        return found

    async def set_disposition(self, incident_id: str, disposition: Disposition, by: str = "") -> None:
        """Store what a person makes of an incident, and who that is."""
        self._must_decide()
        await self._connected().ask("set_disposition", incident_id, disposition, by)

    async def suppress(self, target: str, detector: str, label: str, reason: str, by: str, ttl_s: float) -> Suppression:
        """Hide from now on what is in a scope; 0 seconds is until a person ends it."""
        self._must_decide()
        rule: Suppression = await self._connected().ask("suppress", target, detector, label, reason, by, ttl_s)
        return rule

    async def end_suppression(self, rule_id: str) -> None:
        """Have alerts raised again for what a rule hid."""
        self._must_decide()
        await self._connected().ask("end_suppression", rule_id)

    async def preview_suppression(self, target: str, detector: str, label: str) -> SuppressionPreview:
        """Return what a rule would have hidden of what is stored."""
        found: SuppressionPreview = await self._connected().ask("preview_suppression", target, detector, label)
        return found

    def suppressions(self) -> tuple[Suppression, ...]:
        """Return the rules as last told."""
        return self._rules if self._line is None else self._line.rules

    async def note(self, incident_id: str, text: str, by: str) -> Note:
        """Store what a person writes beside an incident."""
        found: Note = await self._connected().ask("note", incident_id, text, by)
        return found

    def transport(self, command: str, value: float = 0.0) -> None:
        """Refuse: nothing is replayed."""
        msg = "nothing is replayed: this console is attached to live traffic"
        raise LookupError(msg)

    # --- what a person decides: to the guard, over a connection of this console's own ---

    def _guard(self) -> GuardDoor:
        self._must_decide()
        return self._guard_line

    def _must_decide(self) -> None:
        """Raise ``PermissionError``, with the key that changes it, where another console decides."""
        role = self._role if self._line is None else self._line.role
        if not role.decides:
            msg = f"this console watches: {role.decider} decides; {key_of('take-over')} takes over"
            raise PermissionError(msg)

    def _reader(self) -> GuardDoor:
        return self._guard_line

    def _proposal(self, proposal_id: str) -> Proposal | None:
        return next((one for one in self.snapshot().proposals if one.id == proposal_id), None)

    def _incident(self, incident_id: str) -> Incident | None:
        return next((one for one in self.snapshot().incidents if one.id == incident_id), None)

    def _blocks(self) -> Sequence[Block]:
        return self.snapshot().blocks

    async def _traffic(self, prefixes: Sequence[str]) -> Impact:
        return await self.impact(prefixes)

    async def _asked(self, proposal: Proposal) -> None:
        await self._inform("learn", proposal.id, "")

    async def _decided(self, proposal_id: str, approve: bool, line: str, block: Block | None) -> None:
        await self._inform("learn", proposal_id, line)

    async def _done(self, incident_id: str, line: str) -> None:
        await self._inform("look", incident_id, line)

    async def _inform(self, question: str, name: str, line: str) -> None:
        """Tell the engine what the guard did; where it cannot be told, it finds out from the guard by itself."""
        try:
            async with asyncio.timeout(INFORM_S):
                await self._connected().ask(question, name, line)
        except (OSError, LookupError, ValueError):
            return
