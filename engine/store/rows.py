"""What is written: one row for each thing that the database keeps, as a statement and its parameters."""

from __future__ import annotations

from typing import Any

from engine import wire
from engine.plan import Context, Recording
from engine.types import (
    Alert,
    Disposition,
    Evidence,
    Fault,
    Flow,
    FlowUpdate,
    Incident,
    Note,
    Proposal,
    Suppression,
    TraceStep,
    Verdict,
)

Row = tuple[str, tuple[Any, ...]]
"""A statement and its parameters."""

CHILDREN = ("step", "verdict", "input", "recording", "evidence", "alert", "proposal", "packets")
"""Tables of what an investigation of an incident left behind."""

_PUT_INCIDENT = (
    "INSERT INTO incident VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET source = excluded.source,"
    " target_ip = excluded.target_ip, opened_at = excluded.opened_at, updated_at = excluded.updated_at,"
    " severity = excluded.severity, context = excluded.context,"
    " body = json_set(excluded.body, '$.disposition', json_extract(body, '$.disposition'))"
)
_PUT_DISPOSITION = "UPDATE incident SET body = json_set(body, '$.disposition', ?) WHERE id = ?"
_PUT_ALERT = "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?)"
_PUT_EVIDENCE = "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?)"
_PUT_STEP = "INSERT OR REPLACE INTO step VALUES (?, ?, ?)"
_PUT_VERDICT = "INSERT INTO verdict SELECT ?, COALESCE(MAX(seq), 0) + 1, ? FROM verdict WHERE incident_id = ?"
_PUT_RECORDING = "INSERT INTO recording SELECT ?, COALESCE(MAX(seq), 0) + 1, ? FROM recording WHERE incident_id = ?"
_PUT_PROPOSAL = "INSERT OR REPLACE INTO proposal VALUES (?, ?, ?, ?)"
_PUT_DECISION = "INSERT INTO decision (incident_id, at, line) VALUES (?, ?, ?)"
_PUT_LAPSE = (
    "INSERT INTO decision (incident_id, at, line) SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM proposal WHERE id = ?"
    " AND json_valid(body) AND json_extract(body, '$.state') = 'pending')"
)
_PUT_INPUT = "INSERT OR REPLACE INTO input VALUES (?, ?, ?)"
_PUT_PACKETS = (
    "INSERT INTO packets VALUES (?, ?) ON CONFLICT DO UPDATE SET pcap = excluded.pcap"
    " WHERE length(excluded.pcap) >= length(pcap)"
)
_PUT_FLOW = "INSERT OR REPLACE INTO flow VALUES (?, ?, ?, ?, ?)"
_PUT_FAULT = "INSERT INTO fault (at, body) VALUES (?, ?)"
_PUT_SPENDING = (
    "INSERT INTO spending VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET tokens_in = tokens_in + excluded.tokens_in,"
    " tokens_out = tokens_out + excluded.tokens_out, calls = calls + excluded.calls"
)
_PUT_SUPPRESSION = "INSERT INTO suppression VALUES (?, ?, 0, 0, ?)"
_END_SUPPRESSION = "UPDATE suppression SET ends_at = ? WHERE id = ? AND (ends_at = 0 OR ends_at > ?)"
_PUT_HITS = "UPDATE suppression SET hits = hits + ?, last_hit_at = max(last_hit_at, ?) WHERE id = ?"
_PUT_NOTE = "INSERT INTO note (incident_id, at, body) VALUES (?, ?, ?)"
_BEGIN_RUN = "INSERT OR REPLACE INTO run VALUES (?, ?, 0)"
_END_RUN = "UPDATE run SET ended_at = ? WHERE source = ?"
_PUT_QUARANTINE = "INSERT INTO quarantine (at, stage, reason, item) VALUES (?, ?, ?, ?)"

_FORGET = tuple(f"DELETE FROM {table} WHERE incident_id = ?" for table in CHILDREN)  # noqa: S608 - names from the constant above
_INCIDENT_AT = dict.fromkeys(
    (
        *_FORGET, _PUT_INCIDENT, _PUT_EVIDENCE, _PUT_STEP, _PUT_VERDICT, _PUT_RECORDING, _PUT_DECISION, _PUT_LAPSE,
        _PUT_INPUT, _PUT_PACKETS, _PUT_NOTE,
    ), 0,
) | dict.fromkeys((_PUT_DISPOSITION, _PUT_ALERT, _PUT_PROPOSAL), 1)  # fmt: skip
"""Which parameter of a statement is the incident's id."""


def put_incident(incident: Incident, source: str, context: Context | None = None) -> Row:
    """Store an incident as it is now; what a person made of it before stays."""
    times = (incident.opened_at, incident.updated_at)
    head = (incident.id, storable(source), incident.target_ip, *times, incident.severity.value)
    return _PUT_INCIDENT, (*head, wire.dumps(context or Context()), wire.dumps(incident))


def put_disposition(incident_id: str, disposition: Disposition) -> Row:
    """Store what a person makes of an incident."""
    return _PUT_DISPOSITION, (disposition.value, incident_id)


def forget_incident(incident_id: str) -> list[Row]:
    """Remove what an earlier replay of the same capture stored under the same id."""
    return [(statement, (incident_id,)) for statement in _FORGET]


def put_alert(alert: Alert) -> Row:
    """Store an alert with its present count."""
    return _PUT_ALERT, (alert.id, alert.incident_id, alert.last_at, wire.dumps(alert))


def put_evidence(evidence: Evidence) -> Row:
    """Store one fact."""
    return _PUT_EVIDENCE, (evidence.incident_id, evidence.id, evidence.at, wire.dumps(evidence))


def put_step(step: TraceStep) -> Row:
    """Store one step of the analyst."""
    return _PUT_STEP, (step.incident_id, step.seq, wire.dumps(step))


def put_verdict(verdict: Verdict) -> Row:
    """Store the verdict of one investigation; earlier ones stay."""
    return _PUT_VERDICT, (verdict.incident_id, wire.dumps(verdict), verdict.incident_id)


def put_proposal(proposal: Proposal) -> Row:
    """Store a proposal in its present state."""
    return _PUT_PROPOSAL, (proposal.id, proposal.terms.incident_id, proposal.created_at, wire.dumps(proposal))


def put_decision(incident_id: str, at: float, line: str) -> Row:
    """Store what a person decided and what came of it."""
    return _PUT_DECISION, (incident_id, at, storable(line))


def put_lapse(proposal: Proposal, line: str) -> Row:
    """Store that nobody decided on a proposal in time, where it is stored as one that waits: so once."""
    told = (proposal.terms.incident_id, proposal.expires_at, storable(line))
    return _PUT_LAPSE, (*told, proposal.id)


def put_input(incident_id: str, seq: int, update: FlowUpdate) -> Row:
    """Store one flow input of an incident, from which it replays."""
    return _PUT_INPUT, (incident_id, seq, wire.dumps(update))


def put_packets(incident_id: str, pcap: bytes) -> Row:
    """Store the packets of an incident, a file that Wireshark opens; fewer than before are not stored."""
    return _PUT_PACKETS, (incident_id, pcap)


def put_recording(incident_id: str, recording: Recording) -> Row:
    """Store what an investigation heard from outside; earlier ones stay."""
    return _PUT_RECORDING, (incident_id, wire.dumps(recording), incident_id)


def put_flow(flow: Flow, source: str) -> Row:
    """Store a flow that has ended."""
    return _PUT_FLOW, (storable(source), flow.id, flow.first_seen, flow.last_seen, wire.dumps(flow))


def put_fault(fault: Fault) -> Row:
    """Store a fault."""
    return _PUT_FAULT, (fault.at, wire.dumps(fault))


def put_quarantine(at: float, stage: str, reason: str, item: str) -> Row:
    """Store an item that broke a stage."""
    return _PUT_QUARANTINE, (at, stage, storable(reason), item)


def put_spending(day: str, model: str, tokens_in: int, tokens_out: int, calls: int = 1) -> Row:
    """Add to what an endpoint was asked on a day, such as ``2026-11-22`` in UTC."""
    return _PUT_SPENDING, (day, storable(model), tokens_in, tokens_out, calls)


def put_suppression(rule: Suppression) -> Row:
    """Store a new suppression."""
    return _PUT_SUPPRESSION, (rule.id, rule.ends_at, wire.dumps(rule))


def end_suppression(rule_id: str, at: float) -> Row:
    """End a suppression that is in force; it stays on record."""
    return _END_SUPPRESSION, (at, rule_id, at)


def put_hits(rule_id: str, hits: int, last_hit_at: float) -> Row:
    """Add to what a suppression hid."""
    return _PUT_HITS, (hits, last_hit_at, rule_id)


def put_note(note: Note) -> Row:
    """Store what a person wrote beside an incident."""
    return _PUT_NOTE, (note.incident_id, note.at, wire.dumps(note))


def begin_run(source: str, at: float) -> Row:
    """Mark that a run over a source began; until its end is marked it counts as one that broke off."""
    return _BEGIN_RUN, (storable(source), at)


def end_run(source: str, at: float) -> Row:
    """Mark that the last run over a source came to its end."""
    return _END_RUN, (at, storable(source))


def incident_of(row: Row) -> str:
    """Return which incident a row belongs to; empty where it belongs to none."""
    place = _INCIDENT_AT.get(row[0])
    return "" if place is None else str(row[1][place])


def is_expendable(row: Row) -> bool:
    """Whether a row may be given up before others: a flow that ended and belongs to no incident."""
    return row[0] is _PUT_FLOW


def storable(text: str) -> str:
    """Return text without what UTF-8 cannot hold, such as the name of a file in another encoding."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
