"""What somebody far away is told, and when: incidents once they are judged, and what stops the program's work.

It holds the program's words, ids and addresses; nothing that was captured, and nothing that a model wrote.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.text import escape
from engine.types import Block, BlockState, Enforced, Event, Fault, Incident, Proposal, ProposalState, Severity, Verdict

SETTLE_S = 3.0
"""From a verdict to the message: the proposal that follows from it comes in between."""
UNJUDGED_S = 180.0
"""From an incident to the message that nobody has judged it yet."""
FAULT_AGAIN_S = 3600.0
"""An ability that goes missing again is told no sooner."""
BURST = 6
"""Messages that may come at once."""
KNOWN = 4096
"""Incidents remembered; then the oldest is forgotten."""
SUMMED_UP = 10
"""Held-back lines that one message names; the others are counted."""
TOLD_FAULTS = frozenset({"capture", "interface", "store", "guard"})
"""Abilities without which something is not watched, kept or blocked."""


class Notice(NamedTuple):
    """One message."""

    title: str
    body: str
    grave: bool
    """Whether it is about an attack of high severity, or the program cannot do its work."""


@dataclass(frozen=True, slots=True)
class _Case:
    incident: Incident
    due_at: float
    verdict: Verdict | None = None
    proposal: Proposal | None = None


class Notices:
    """Takes every event and the time, and returns what is to be sent now."""

    def __init__(self, host: str, least: Severity, every_s: float, moment: Callable[[float], str]) -> None:
        """Take ``moment``, which writes a wall-clock time with its zone."""
        self._host, self._least, self._every_s, self._moment = escape(host, limit=64), least, every_s, moment
        self._cases: OrderedDict[str, _Case] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._faults: dict[str, float] = {}
        self._ready: deque[Notice] = deque(maxlen=KNOWN)
        self._sent: deque[float] = deque(maxlen=BURST)

    def see(self, event: Event, now: float) -> None:
        """Take note of an event."""
        match event:
            case Incident():
                self._see_incident(event, now)
            case Verdict():
                self._change(event.incident_id, lambda case: replace(case, verdict=event, due_at=now + SETTLE_S))
            case Proposal() if event.state is ProposalState.PENDING:
                self._change(event.terms.incident_id, lambda case: replace(case, proposal=event))
            case Fault() if event.ability in TOLD_FAULTS and not event.cleared:
                self._see_fault(event, now)
            case Block() if event.state is BlockState.FAILED or (isinstance(event, Enforced) and event.failed):
                self._ready.append(self._of_block(event))
            case _:
                pass

    def take(self, now: float) -> Notice | None:
        """Return the next message, if one is due and the limit has room; what had to wait is summed up in it."""
        self._ripen(now)
        if not self._ready or not self._has_room(now):
            return None
        self._sent.append(now)
        held = list(self._ready)
        if len(held) > 1 and self._is_last(now):
            self._ready.clear()
            return self._summed_up(held)
        return self._ready.popleft()

    def _see_incident(self, incident: Incident, now: float) -> None:
        if incident.id in self._told:
            return
        known = self._cases.get(incident.id) or _Case(incident, now + UNJUDGED_S)
        self._cases[incident.id] = replace(known, incident=incident)
        if len(self._cases) > KNOWN:
            self._cases.popitem(last=False)

    def _change(self, incident_id: str, change: Callable[[_Case], _Case]) -> None:
        if (case := self._cases.get(incident_id)) is not None:
            self._cases[incident_id] = change(case)

    def _see_fault(self, fault: Fault, now: float) -> None:
        if now >= self._faults.get(fault.ability, 0.0):
            self._faults[fault.ability] = now + FAULT_AGAIN_S
            body = f"{escape(fault.message, limit=300)}\nWhat helps: {escape(fault.remedy, limit=200)}"
            self._ready.append(Notice(f"{self._host}: {fault.ability} does not work", body, grave=True))

    def _ripen(self, now: float) -> None:
        """Make messages of the incidents that waited long enough; those not grave enough wait to become so."""
        for case in [case for case in self._cases.values() if now >= case.due_at]:
            if _severity(case).rank >= self._least.rank:
                self._tell(case)

    def _tell(self, case: _Case) -> None:
        del self._cases[case.incident.id]
        self._told[case.incident.id] = None
        if len(self._told) > KNOWN:
            self._told.popitem(last=False)
        self._ready.append(self._of_case(case))

    def _has_room(self, now: float) -> bool:
        return len(self._sent) < BURST or now - self._sent[0] >= BURST * self._every_s

    def _is_last(self, now: float) -> bool:
        """Whether a message is the last one for a while: it has to hold all that waits."""
        return len(self._sent) == BURST and now - self._sent[0] < BURST * self._every_s

    def _of_case(self, case: _Case) -> Notice:
        incident, severity = case.incident, _severity(case)
        target = escape(incident.target_ip, limit=64)
        lines = [escape(incident.title, limit=200), _judged(case.verdict)]
        if case.proposal is not None:
            until = self._moment(case.proposal.expires_at)
            prefix = escape(case.proposal.terms.prefix, limit=64)
            lines.append(f"A block of {prefix} waits for a person: {case.proposal.id}, until {until}.")
        lines += [f"Opened {self._moment(incident.opened_at)}.", f"aegis-tui show {incident.id}"]
        title = f"{self._host}: {severity.upper()} {incident.id} {target}"
        return Notice(title, "\n".join(lines), severity.rank >= Severity.HIGH.rank)

    def _of_block(self, block: Block) -> Notice:
        what = f"the block of {escape(block.prefix, limit=64)}"
        if isinstance(block, Enforced) and block.count > 1:
            what = f"{block.failed} of {block.count} blocks"
        about = " ".join(part for part in (block.proposal_id, block.incident_id) if part)
        body = (
            f"A person approved it ({escape(about, limit=64) or 'no proposal'}), and the kernel does not enforce it.\n"
        )
        return Notice(f"{self._host}: {what} failed", f"{body}sudo aegis-tui blocks list", grave=True)

    def _summed_up(self, held: list[Notice]) -> Notice:
        named = [_line(notice, self._host) for notice in held[:SUMMED_UP]]
        more = [f"and {len(held) - SUMMED_UP} more"] if len(held) > SUMMED_UP else []
        body = "\n".join([*named, *more, "aegis-tui incidents"])
        return Notice(f"{self._host}: {len(held)} messages in one", body, any(notice.grave for notice in held))


def _severity(case: _Case) -> Severity:
    """Return the graver of what the sensors and the analyst make of an incident."""
    found = [case.incident.severity, *([case.verdict.severity] if case.verdict else [])]
    return max(found, key=lambda severity: severity.rank)


def _judged(verdict: Verdict | None) -> str:
    if verdict is None:
        return f"No verdict came within {UNJUDGED_S / 60:g} minutes."
    return f"Verdict: {verdict.conclusion} ({escape(verdict.analyst, limit=64)})."


def _line(notice: Notice, host: str) -> str:
    """Return a message as one line of a sum; the first line of its body says what it is about."""
    return f"{notice.title.removeprefix(f'{host}: ')}: {notice.body.splitlines()[0]}"


def trial(host: str, at: str) -> Notice:
    """Return what ``doctor --notify`` sends."""
    return Notice(f"{escape(host, limit=64)}: a test", f"Sent by aegis-tui doctor --notify, {at}.", grave=False)
