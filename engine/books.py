"""What the judges and the analyst found, told and put in writing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from engine import wire
from engine.agent.case import Outcome
from engine.announcer import Announcer
from engine.casebook import Due
from engine.chain import Anchor, chained, digest_of
from engine.desk import Work
from engine.plan import Context, Plan, Recording
from engine.state import State
from engine.store.rows import (
    Row,
    forget_incident,
    put_alert,
    put_decision,
    put_disposition,
    put_evidence,
    put_incident,
    put_input,
    put_quarantine,
    put_recording,
    put_spending,
    put_step,
    put_verdict,
)
from engine.store.writer import Writer
from engine.suppression import concerning
from engine.types import PROCESS_KINDS, Alert, Detection, Disposition, Incident, Processes, Suppression, TraceStep

QUARANTINED = 1000
"""Items kept of those that broke a stage; more of them are counted only."""

Item = Detection | tuple[Alert, bool] | Incident | Due


class Books:
    """Keeps the record of a run: who was told of an incident, and what is stored about it."""

    def __init__(
        self, plan: Plan, state: State, writer: Writer, announcer: Announcer, clock: Callable[[], float]
    ) -> None:
        self.alerts = 0
        self.quarantined = 0
        self.opened: set[str] = set()
        """Incidents of this run, and those taken up from an earlier one."""
        self.anchor: Callable[[Anchor], None] = _nowhere
        """Told of the end of each trace that was concluded."""
        self._suppressions = plan.suppressions
        self._plan = plan
        self._context = Context(plan.local_addresses, plan.settings.dedup_window)
        self._state = state
        self._writer = writer
        self._announcer = announcer
        self._clock = clock
        self._steps: dict[str, tuple[int, str]] = {}
        """Number and digest of the last step of each incident."""
        self._inputs_before: dict[str, int] = {}

    def set_aside(self, rules: tuple[Suppression, ...]) -> None:
        """Name these rules from now on in the context of each incident whose target they can concern."""
        self._suppressions = rules

    def take_up(self, incident_id: str, steps: int, digest: str, inputs: int) -> None:
        """Go on with an incident stored by an earlier run, after the steps and inputs it has already."""
        self.opened.add(incident_id)
        self._steps[incident_id], self._inputs_before[incident_id] = (steps, digest), inputs

    def is_elsewhere(self, item: Item) -> bool:
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
        return bool(self._plan.only) and incident_id != self._plan.only

    def alert_rows(self, alert: Alert, is_new: bool) -> list[Row]:
        """Tell of a new alert, note a repeated one, and return what to store."""
        self.alerts += is_new
        if is_new:
            self._announcer.publish(alert)
        else:
            self._state.apply(alert)
        return [*self._forget_earlier(alert.incident_id), put_alert(alert)]

    def incident_rows(self, incident: Incident) -> list[Row]:
        """Tell of an incident that shows something new, note any other, and return what to store."""
        known = self._state.incidents.get(incident.id)
        renewed = known is not None and _is_renewed(known, incident)
        if known is not None and not renewed:
            incident = replace(incident, disposition=known.disposition)
        if known is None or replace(known, updated_at=0) != replace(incident, updated_at=0):
            self._announcer.publish(incident)
        else:
            self._state.apply(incident)
        context = replace(self._context, suppressions=concerning(self._suppressions, incident.target_ip))
        rows = [*self._forget_earlier(incident.id), put_incident(incident, self._plan.source, context)]
        return [*rows, *self._reopening(known)] if known is not None and renewed else rows

    def _reopening(self, known: Incident) -> list[Row]:
        """Return what to store where alerts came after a person had judged an incident: nobody judged these."""
        at = self._clock()
        was = known.disposition.value.replace("_", " ")
        line = f"{stamp(at)} open again: alerts came after it was judged {was}"
        return [put_disposition(known.id, Disposition.UNDETERMINED), put_decision(known.id, at, line)]

    def input_rows(self, work: Work) -> list[Row]:
        """Return the flow inputs to store, numbered after those of an earlier run."""
        return [
            put_input(incident_id, number + self._inputs_before.get(incident_id, 0), update)
            for incident_id, number, update in work.recorded
        ]

    def broken_rows(self, work: Work) -> list[Row]:
        """Tell of items that broke a stage, and return what to store of them."""
        rows: list[Row] = []
        for broken in work.broken:
            self.quarantined += 1
            if self.quarantined <= QUARANTINED:
                body = wire.dumps(broken.item)
                rows.append(put_quarantine(self._clock(), broken.stage, broken.reason, body))
            message = f"an item was set aside: {broken.reason}"
            self._announcer.fault(broken.stage, message, "report it with `aegis-tui doctor`")
        return rows

    def row_broken(self, reason: str) -> None:
        """Tell of a row that the database does not take."""
        self.quarantined += 1
        self._announcer.fault("quarantine", f"a row was set aside: {reason}", "report it with `aegis-tui doctor`")

    def step(self, step: TraceStep) -> TraceStep:
        """Store and tell a step of the analyst, numbered and chained within its incident, and return it."""
        number, before = self._steps.get(step.incident_id, (0, ""))
        step = chained(replace(step, seq=number + 1), before)
        self._steps[step.incident_id] = (step.seq, step.digest)
        self._writer.add([put_step(step)])
        self._announcer.publish(step)
        return step

    def conclude(self, incident: Incident, outcome: Outcome) -> None:
        """Store and tell what an investigation came to."""
        rows = [put_evidence(evidence) for evidence in outcome.evidence]
        heard = Recording(outcome.verdict.analyst, outcome.host_records, outcome.answers)
        rows += [put_recording(incident.id, heard), put_verdict(outcome.verdict)]
        self._writer.add(rows)
        told = (evidence.content for evidence in outcome.evidence if evidence.kind in PROCESS_KINDS)
        self._state.name_processes(incident.id, Processes.named_in(told))
        for fault in outcome.faults:
            self._announcer.fault(fault.ability, fault.message, fault.remedy)
        if outcome.answers and not outcome.faults:
            self._announcer.clear("llm")
        self._announcer.clear("agent")
        self._announcer.publish(outcome.verdict)
        steps, digest = self._steps.get(incident.id, (0, ""))
        if steps:
            self.anchor(Anchor(incident.id, steps, digest, digest_of(wire.dumps(outcome.verdict))))

    def spend(self, day: str, model: str, tokens_in: int, tokens_out: int) -> None:
        """Store one call of an endpoint."""
        self._writer.add([put_spending(day, model, tokens_in, tokens_out)])

    def _forget_earlier(self, incident_id: str) -> list[Row]:
        """Make way for an incident that an earlier replay of the same capture stored under the same id."""
        if incident_id in self.opened:
            return []
        self.opened.add(incident_id)
        return forget_incident(incident_id)


def stamp(at: float) -> str:
    """Return a moment as it stands before a decision: the local time of this host."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))
    except (ValueError, OverflowError, OSError):  # a capture may hold any time
        return f"{at:.6g} s after 1970"


def _is_renewed(known: Incident, incident: Incident) -> bool:
    """Return whether alerts came after a person judged an incident; repeats of one that was there are not new."""
    judged = known.disposition is not Disposition.UNDETERMINED
    return judged and not set(incident.alert_ids) <= set(known.alert_ids)


def _nowhere(_: Anchor) -> None:
    return
