"""Engine nouns as table rows: flows, incidents, alerts, blocks, proposals, faults."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Any

from aegis_tui.widgets.line import Span
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.table import Aim, Column, Listing, Row
from aegis_tui.widgets.words import (
    DISPOSITION_SIGNS,
    DISPOSITION_WORDS,
    SEVERITY_STYLES,
    SEVERITY_WORDS,
    asked_for,
    block_at_last,
    block_state,
    clock,
    count,
    dated,
    ends,
    minutes,
    since,
    span,
)
from engine.filter import kinds
from engine.types import Alert, Block, BlockState, Disposition, Flow, Incident, Proposal, ProposalState, Snapshot

IPV4, PORT, LENGTH = 15, 6, 3
"""Cells of the longest IPv4 address, and of ``:65535`` and ``/32`` behind it."""

FLOW_COLUMNS = (
    Column("last", 8, 6),
    Column("source", 12, 0, cap=39, full=IPV4, ends=True),
    Column("service", 12, 1, cap=47, full=IPV4 + PORT, ends=True),
    Column("score", 6, 2, right=True),
    Column("app", 5, 3),
    Column("name", 8, 5, flex=True),
    Column("bytes", 5, 4, right=True),
    Column("packets", 7, 7, right=True),
    Column("state", 11, 8),
)
INCIDENT_COLUMNS = (
    Column("sev", 4, 1),
    Column("target", 12, 0, cap=39, full=IPV4, ends=True),
    Column("story", 17, 3, flex=True),
    Column("state", 10, 2, cap=15),
    Column("alerts", 6, 5, right=True),
    Column("since", 5, 4),
)
ALERT_COLUMNS = (
    Column("at", 8, 2),
    Column("sev", 4, 1),
    Column("what", 16, 0, cap=30, full=16),
    Column("reason", 24, 3, flex=True),
    Column("times", 5, 4, right=True),
    Column("detector", 10, 5),
)
BLOCK_COLUMNS = (
    Column("state", 9, 1),
    Column("prefix", 14, 0, cap=43, full=IPV4 + LENGTH, ends=True),
    Column("remaining", 9, 2),
    Column("in", 5, 3, right=True),
    Column("out", 5, 5, right=True),
    Column("bytes", 6, 6, right=True),
    Column("last hit", 8, 4),
    Column("since", 16, 10),
    Column("on", 10, 9, cap=20),
    Column("who", 8, 8, cap=34),
    Column("why", 12, 7, flex=True),
)
ENDED_COLUMNS = (
    Column("ended", 8, 2),
    Column("prefix", 14, 0, cap=43, full=IPV4 + LENGTH, ends=True),
    Column("by", 8, 1),
    Column("in", 5, 3, right=True),
    Column("why", 12, 4, flex=True),
)
PROPOSAL_COLUMNS = (
    Column("id", 6, 2, cap=10),
    Column("prefix", 14, 0, cap=43, full=IPV4 + LENGTH, ends=True),
    Column("for", 4, 3, cap=9),
    Column("expires", 7, 1),
    Column("why", 12, 4, flex=True),
)


def flow_rows(snapshot: Snapshot) -> Listing[Flow]:
    """Return the flows, newest first."""
    on_flow = {alert.detection.flow_id: alert for alert in reversed(snapshot.alerts)}
    own = {alert.local_ip for alert in snapshot.alerts}
    scores = snapshot.scores

    def row(flow: Flow) -> Row:
        return _flow(flow, scores.get(flow.id), on_flow.get(flow.id), own)

    orders: dict[str, Callable[[Flow], Any]] = {**FLOW_ORDERS, "score": lambda flow: scores.get(flow.id, -1.0)}
    return Listing(snapshot.flows, _flow_key, row, kinds.flows(scores, on_flow), orders)


def incident_rows(snapshot: Snapshot) -> Listing[Incident]:
    """Return the incidents, open and grave ones first, each with what is done or asked about it."""
    states = _States(snapshot)

    def state(incident: Incident) -> str:
        return states.of(incident).text

    orders: dict[str, Callable[[Incident], Any]] = {**INCIDENT_ORDERS, "state": state}

    def row(incident: Incident) -> Row:
        return _incident(incident, states.of(incident), snapshot.now)

    ordered = sorted(snapshot.incidents, key=urgency)
    return Listing(ordered, _id, row, kinds.incidents(state, snapshot.processes), orders)


def urgency(incident: Incident) -> tuple[bool, int, float]:
    """Return what incidents are ordered by until a person sorts them: open, grave and late ones first."""
    judged = incident.disposition is not Disposition.UNDETERMINED
    return judged, -incident.severity.rank, -incident.updated_at


class _States:
    """What is done or asked about each incident, looked up once for all of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._stale = snapshot.status.stale_since > 0
        self._blocks: dict[str, Block] = {}
        self._asked: dict[str, set[ProposalState]] = {}
        for block in snapshot.blocks:
            for about in (block.incident_id, block.prefix) if not block.watch else ():
                self._blocks.setdefault(about, block)
        for proposal in snapshot.proposals:
            self._asked.setdefault(proposal.terms.incident_id, set()).add(proposal.state)

    def of(self, incident: Incident) -> Span:
        """Return the one thing to know about an incident: asked, blocked, judged or new; and how it was judged."""
        done, judged = self._done(incident), DISPOSITION_WORDS[incident.disposition]
        if done is None:
            return Span(judged or "open")
        return Span(f"{done.text} {DISPOSITION_SIGNS[incident.disposition]}".rstrip(), done.style)

    def _done(self, incident: Incident) -> Span | None:
        abouts = (incident.id, f"{incident.target_ip}/32", f"{incident.target_ip}/128")
        block = next((self._blocks[about] for about in abouts if about in self._blocks), None)
        if block and self._stale:
            return block_at_last(block)
        if block:
            state = block_state(block)
            live = block.state is BlockState.LIVE and not block.keep_within_s
            return Span(f"{state.text} {span(block.remaining_s)}" if live else state.text, state.style)
        asked = self._asked.get(incident.id, set())
        if ProposalState.PENDING in asked:
            return Span("? proposal", "warn")
        if ProposalState.REPLAY in asked:
            return Span("proposal")
        return None


def in_time(alerts: Sequence[Alert]) -> list[Alert]:
    """Return alerts that come newest first, the oldest first; those of one moment in the order they were raised."""
    ordered = list(reversed(alerts))
    ordered.sort(key=lambda alert: alert.first_at)
    return ordered


def alert_rows(alerts: Sequence[Alert]) -> Listing[Alert]:
    """Return alerts in the order given."""
    return Listing(alerts, _id, _alert, kinds.KINDS[Alert], ALERT_ORDERS)


def block_rows(blocks: Sequence[Block], *, stale: bool = False) -> Listing[Block]:
    """Return blocks as the kernel has them, or had them when it was asked last."""
    return Listing(blocks, _block_key, partial(_block, stale=stale), kinds.KINDS[Block], BLOCK_ORDERS)


def ended_rows(blocks: Sequence[Block]) -> Listing[Block]:
    """Return the blocks that ended, each under a key that stays its own when others end."""
    alike = Counter[str]()
    keys: dict[int, str] = {}
    for block in blocks:
        what = f"{block.prefix} {block.ended_at}"
        keys[id(block)] = f"{what} {alike[what]}"
        alike[what] += 1
    return Listing(
        blocks, lambda one: keys[id(one)], lambda one: _ended(keys[id(one)], one), kinds.KINDS[Block], BLOCK_ORDERS
    )


def proposal_rows(proposals: Sequence[Proposal], now: float) -> Listing[Proposal]:
    """Return the proposals that wait for a person."""
    waiting = [p for p in proposals if p.state in (ProposalState.PENDING, ProposalState.REPLAY)]
    return Listing(waiting, _id, lambda one: _proposal(one, now), kinds.KINDS[Proposal], PROPOSAL_ORDERS)


def _id(item: Any) -> str:
    return str(item.id)


def _flow_key(flow: Flow) -> str:
    return flow.id


def _block_key(block: Block) -> str:
    return f"watch {block.prefix}" if block.watch else block.prefix


def _address(text: str) -> tuple[int, int, int]:
    """Return what an address or a prefix is ordered by: as numbers, IPv4 first."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return 0, 0, 0
    return network.version, int(network.network_address), network.prefixlen


FLOW_ORDERS: dict[str, Callable[[Flow], Any]] = {
    "last": lambda flow: flow.last_seen,
    "source": lambda flow: flow.five_tuple.src_ip,
    "service": lambda flow: (flow.five_tuple.dst_ip, flow.five_tuple.dst_port),
    "app": lambda flow: flow.app or flow.five_tuple.proto,
    "name": lambda flow: flow.name.casefold(),
    "bytes": lambda flow: sum(flow.bytes),
    "packets": lambda flow: sum(flow.packets),
    "state": lambda flow: flow.state.value,
}
"""By column title. Addresses of flows are ordered as text: there can be a hundred thousand."""
INCIDENT_ORDERS: dict[str, Callable[[Incident], Any]] = {
    "sev": lambda incident: incident.severity.rank,
    "target": lambda incident: _address(incident.target_ip),
    "story": lambda incident: incident.title.casefold(),
    "alerts": lambda incident: len(incident.alert_ids),
    "since": lambda incident: incident.opened_at,
}
ALERT_ORDERS: dict[str, Callable[[Alert], Any]] = {
    "at": lambda alert: alert.first_at,
    "sev": lambda alert: alert.detection.severity.rank,
    "what": lambda alert: alert.detection.label,
    "reason": lambda alert: alert.detection.reason,
    "times": lambda alert: alert.count,
    "detector": lambda alert: alert.detection.detector,
}
BLOCK_ORDERS: dict[str, Callable[[Block], Any]] = {
    "prefix": lambda block: _address(block.prefix),
    "remaining": lambda block: block.remaining_s,
    "in": lambda block: block.packets,
    "out": lambda block: block.out_packets,
    "bytes": lambda block: block.bytes + block.out_bytes,
    "last hit": lambda block: block.last_hit_at,
    "since": lambda block: block.added_at,
    "ended": lambda block: block.ended_at,
}
PROPOSAL_ORDERS: dict[str, Callable[[Proposal], Any]] = {
    "prefix": lambda proposal: _address(proposal.terms.prefix),
    "for": lambda proposal: proposal.terms.ttl_s or math.inf,
    "expires": lambda proposal: proposal.expires_at,
}


def _flow(flow: Flow, score: float | None, alerted: Alert | None, own: Container[str]) -> Row:
    ip = flow.five_tuple
    # Without an alert nothing names the far end: it is the one that no alert calls local.
    far = Aim(ip.dst_ip if ip.src_ip in own else ip.src_ip)
    aim = Aim(alerted.target_ip, alerted.incident_id) if alerted else far
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


def _incident(incident: Incident, state: Span, now: float) -> Row:
    cells = (
        Span(SEVERITY_WORDS[incident.severity], SEVERITY_STYLES.get(incident.severity, "")),
        Span(incident.target_ip),
        Span(incident.title),
        state,
        Span(str(len(incident.alert_ids))),
        Span(since(incident.opened_at, now)),
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


def _block(block: Block, *, stale: bool) -> Row:
    cells = (
        block_at_last(block) if stale else block_state(block),
        Span(block.prefix),
        Span(span(block.remaining_s)),
        Span(count(block.packets)),
        Span(count(block.out_packets)),
        Span(count(block.bytes + block.out_bytes)),
        Span(clock(block.last_hit_at)),
        Span(dated(block.added_at)),
        Span(", ".join(block.ifaces) or "—"),
        Span(foreign(block.approver, 60) or "—"),
        Span(f"{foreign(block.reason, 200)} {block.incident_id}".strip()),
    )
    aim = Aim(block.prefix, block.incident_id, block.proposal_id, in_force=not block.watch)
    return Row(_block_key(block), cells, aim)


def _ended(key: str, block: Block) -> Row:
    cells = (
        Span(clock(block.ended_at)),
        Span(block.prefix),
        Span(foreign(block.ended_why, 20)),
        Span(count(block.packets)),
        Span(f"{foreign(block.reason, 200)} {block.incident_id}".strip()),
    )
    return Row(key, cells, Aim(block.prefix, block.incident_id))


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
