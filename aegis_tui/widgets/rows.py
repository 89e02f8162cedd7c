"""Engine nouns as table rows: flows, incidents, alerts, blocks, proposals, faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable

from aegis_tui.widgets.line import Span
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.table import Aim, Column, Row
from aegis_tui.widgets.words import (
    DISPOSITION_WORDS,
    SEVERITY_STYLES,
    SEVERITY_WORDS,
    asked_for,
    block_state,
    clock,
    count,
    ends,
    minutes,
    span,
)
from engine.types import Alert, Block, BlockState, Disposition, Flow, Incident, Proposal, ProposalState, Snapshot

FLOW_COLUMNS = (
    Column("last", 8, 6),
    Column("source", 12, 0, cap=39),
    Column("service", 12, 1, cap=45),
    Column("score", 6, 2, right=True),
    Column("app", 5, 3),
    Column("name", 10, 5, flex=True),
    Column("bytes", 5, 4, right=True),
    Column("packets", 7, 7, right=True),
    Column("state", 11, 8),
)
INCIDENT_COLUMNS = (
    Column("sev", 4, 1),
    Column("target", 12, 0, cap=39),
    Column("story", 20, 3, flex=True),
    Column("state", 12, 2),
    Column("alerts", 6, 4, right=True),
    Column("since", 8, 5),
)
ALERT_COLUMNS = (
    Column("at", 8, 2),
    Column("sev", 4, 1),
    Column("what", 16, 0, cap=30),
    Column("reason", 10, 3, flex=True),
    Column("times", 5, 4, right=True),
    Column("detector", 10, 5),
)
BLOCK_COLUMNS = (
    Column("state", 9, 1),
    Column("prefix", 14, 0, cap=43),
    Column("remaining", 9, 2),
    Column("in", 5, 3, right=True),
    Column("out", 5, 5, right=True),
    Column("bytes", 6, 6, right=True),
    Column("last hit", 8, 4),
    Column("who", 8, 8, cap=34),
    Column("why", 12, 7, flex=True),
)
ENDED_COLUMNS = (
    Column("ended", 8, 2),
    Column("prefix", 14, 0, cap=43),
    Column("by", 8, 1),
    Column("in", 5, 3, right=True),
    Column("why", 12, 4, flex=True),
)
PROPOSAL_COLUMNS = (
    Column("id", 6, 2, cap=10),
    Column("prefix", 14, 0, cap=43),
    Column("for", 9, 3),
    Column("expires", 9, 1),
    Column("why", 12, 4, flex=True),
)


def flow_rows(snapshot: Snapshot) -> list[Row]:
    """Return the flows, newest first."""
    aims = {alert.detection.flow_id: Aim(alert.target_ip, alert.incident_id) for alert in snapshot.alerts}
    own = {alert.local_ip for alert in snapshot.alerts}
    return [_flow(flow, snapshot.scores.get(flow.id), aims.get(flow.id), own) for flow in snapshot.flows]


def incident_rows(snapshot: Snapshot) -> list[Row]:
    """Return the incidents, newest first, each with what is done or asked about it."""
    return [_incident(incident, incident_state(incident, snapshot)) for incident in snapshot.incidents]


def incident_state(incident: Incident, snapshot: Snapshot) -> Span:
    """Return the one thing to know about an incident: asked, blocked, judged or new."""
    pending = ProposalState.PENDING
    alone = (f"{incident.target_ip}/32", f"{incident.target_ip}/128")
    about = (b for b in snapshot.blocks if b.incident_id == incident.id or b.prefix in alone)
    block = next((b for b in about if not b.watch), None)
    if block:
        state = block_state(block)
        live = block.state is BlockState.LIVE and not block.keep_within_s
        return Span(f"{state.text} {span(block.remaining_s)}" if live else state.text, state.style)
    asked = {p.state for p in snapshot.proposals if p.terms.incident_id == incident.id}
    if pending in asked:
        return Span("? proposal", "warn")
    if ProposalState.REPLAY in asked:
        return Span("proposal")
    if incident.disposition is not Disposition.UNDETERMINED:
        return Span(DISPOSITION_WORDS[incident.disposition])
    return Span("open")


def alert_rows(alerts: Iterable[Alert]) -> list[Row]:
    """Return alerts in the order given."""
    return [_alert(alert) for alert in alerts]


def block_rows(blocks: Iterable[Block]) -> list[Row]:
    """Return blocks as the kernel has them."""
    return [_block(block) for block in blocks]


def ended_rows(blocks: Iterable[Block]) -> list[Row]:
    """Return the blocks that ended, each under a key that stays its own when others end."""
    alike = Counter[tuple[str, float]]()
    rows = []
    for block in blocks:
        what = (block.prefix, block.ended_at)
        rows.append(_ended(alike[what], block))
        alike[what] += 1
    return rows


def proposal_rows(proposals: Iterable[Proposal], now: float) -> list[Row]:
    """Return the proposals that wait for a person."""
    return [_proposal(p, now) for p in proposals if p.state in (ProposalState.PENDING, ProposalState.REPLAY)]


def _flow(flow: Flow, score: float | None, alerted: Aim | None, own: Container[str]) -> Row:
    ip = flow.five_tuple
    # Without an alert nothing names the far end: it is the one that no alert calls local.
    aim = alerted or Aim(ip.dst_ip if ip.src_ip in own else ip.src_ip)
    cells = (
        Span(clock(flow.last_seen)),
        Span(ip.src_ip),
        Span(ends(ip.dst_ip, ip.dst_port) if ip.dst_port else f"{ip.dst_ip} {ip.proto}"),
        _score(flow, score, alerted is not None),
        Span(flow.app or ip.proto),
        Span(foreign(flow.name, 120)),
        Span(count(sum(flow.bytes))),
        Span(count(sum(flow.packets))),
        Span(flow.state.value),
    )
    return Row(flow.id, cells, aim)


def _score(flow: Flow, score: float | None, alerted: bool) -> Span:
    style = "danger" if alerted else ""
    mark = "!" if alerted else " "
    if score is not None:
        return Span((f"{score:.3f}".lstrip("0") if score < 1 else "1.00") + mark, style)
    return Span(("? enc" if flow.app in ("tls", "ssh") else "—") + mark, style)


def _incident(incident: Incident, state: Span) -> Row:
    cells = (
        Span(SEVERITY_WORDS[incident.severity], SEVERITY_STYLES.get(incident.severity, "")),
        Span(incident.target_ip),
        Span(incident.title),
        state,
        Span(str(len(incident.alert_ids))),
        Span(clock(incident.opened_at)),
    )
    return Row(incident.id, cells, Aim(incident.target_ip, incident.id))


def _alert(alert: Alert) -> Row:
    found = alert.detection
    cells = (
        Span(clock(alert.first_at)),
        Span(SEVERITY_WORDS[found.severity], SEVERITY_STYLES.get(found.severity, "")),
        Span(found.label),
        Span(found.reason),
        Span(f"×{alert.count}"),
        Span(found.detector),
    )
    return Row(alert.id, cells, Aim(alert.target_ip, alert.incident_id))


def _block(block: Block) -> Row:
    cells = (
        block_state(block),
        Span(block.prefix),
        Span(span(block.remaining_s)),
        Span(count(block.packets)),
        Span(count(block.out_packets)),
        Span(count(block.bytes + block.out_bytes)),
        Span(clock(block.last_hit_at)),
        Span(foreign(block.approver, 60) or "—"),
        Span(f"{foreign(block.reason, 200)} {block.incident_id}".strip()),
    )
    aim = Aim(block.prefix, block.incident_id, block.proposal_id, in_force=not block.watch)
    return Row(f"watch {block.prefix}" if block.watch else block.prefix, cells, aim)


def _ended(number: int, block: Block) -> Row:
    cells = (
        Span(clock(block.ended_at), "dim"),
        Span(block.prefix, "dim"),
        Span(foreign(block.ended_why, 20), "dim"),
        Span(count(block.packets), "dim"),
        Span(f"{foreign(block.reason, 200)} {block.incident_id}".strip(), "dim"),
    )
    return Row(f"{block.prefix} {block.ended_at} {number}", cells, Aim(block.prefix, block.incident_id))


def _proposal(proposal: Proposal, now: float) -> Row:
    terms = proposal.terms
    left = minutes(proposal.expires_at - now) if proposal.state is ProposalState.PENDING else "replay"
    cells = (
        Span(proposal.id),
        Span(asked_for(proposal)),
        Span("permanent" if terms.ttl_s == 0 else span(terms.ttl_s)),
        Span(left, "warn"),
        Span(f"{foreign(proposal.reason, 200)} {terms.incident_id}".strip()),
    )
    return Row(proposal.id, cells, Aim(terms.prefix, terms.incident_id, proposal.id))
