"""The tools about traffic: what a flow carried, and what else an address did."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, pstdev
from typing import Any

from engine.agent.evidence import ends, flow_facts, ranked
from engine.agent.tools.answer import Answer
from engine.agent.tools.catalogue import AddressArguments, PayloadArguments
from engine.agent.tools.decoding import Decoded, decodings
from engine.agent.tools.inquiry import Inquiry
from engine.types import Direction, Flow

RELATED_LIMIT = 20
PORTS_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Payload:
    """The first bytes of one direction of a flow."""

    flow: Flow
    direction: Direction
    raw: bytes
    decoded: tuple[Decoded, ...]


def payload(inquiry: Inquiry, arguments: PayloadArguments) -> Answer:
    """Return the first payload bytes of a flow, raw and decoded; the subject is a ``Payload``."""
    flow, direction = inquiry.flows[arguments.flow_id], Direction(arguments.direction)
    head = flow.head[list(Direction).index(direction)]
    is_request = flow.app == "http" and direction is Direction.TO_SERVER
    found = Payload(flow, direction, head, decodings(head, form=is_request))
    value = {
        "flow_id": flow.id,
        "direction": direction,
        "bytes": len(head),
        "sha256": hashlib.sha256(head).hexdigest(),
        "decoded": [{"how": one.how, "text": one.text} for one in found.decoded],
        "text": head,
    }
    summary = f"first {len(head)} payload bytes {direction} of {ends(flow)}"
    return inquiry.tell("flow_payload", "payload", summary, value, found)


def related_flows(inquiry: Inquiry, arguments: AddressArguments) -> Answer:
    """Return the flows with an address; the subject is a list of ``Flow``, newest first."""
    ip = arguments.ip
    related = [flow for flow in inquiry.flows.values() if ip in (flow.five_tuple.src_ip, flow.five_tuple.dst_ip)]
    related.sort(key=lambda flow: (-flow.last_seen, flow.id))
    value = {"ip": ip} | _sums(related, ip) | {"newest": [flow_facts(flow) for flow in related[:RELATED_LIMIT]]}
    return inquiry.tell("related_flows", "related_flows", f"{len(related)} flows with {ip}", value, related)


def related_alerts(inquiry: Inquiry, arguments: AddressArguments) -> Answer:
    """Return the alerts that name an address; the subject is a list of ``Alert``, the gravest first."""
    ip = arguments.ip
    related = [alert for alert in ranked(inquiry.case.alerts) if ip in (alert.target_ip, alert.local_ip)]
    lines = [
        {
            "alert": alert.id,
            "label": alert.detection.label,
            "severity": alert.detection.severity,
            "count": alert.count,
            "first_at": alert.first_at,
            "flow_id": alert.flow.id,
        }
        for alert in related[:RELATED_LIMIT]
    ]
    value = {"ip": ip, "alerts": len(related), "most_severe": lines}
    return inquiry.tell("related_alerts", "related_alerts", f"{len(related)} alerts name {ip}", value, related)


def _sums(flows: list[Flow], ip: str) -> dict[str, Any]:
    """Return what the flows with an address come to; ``begun`` are those it began itself."""
    begun = [flow for flow in flows if flow.five_tuple.src_ip == ip]
    ports = Counter(f"{flow.five_tuple.proto}/{flow.five_tuple.dst_port}" for flow in flows)
    return {
        "flows": len(flows),
        "begun": len(begun),
        "handshakes": sum(flow.handshake for flow in flows),
        "bytes": sum(sum(flow.bytes) for flow in flows),
        "bytes_sent": _bytes_sent(flows, ip),
        "ports": dict(ports.most_common(PORTS_SHOWN)),
        "ports_total": len(ports),
    } | _rhythm(flows)


def _bytes_sent(flows: list[Flow], ip: str) -> int:
    return sum(flow.bytes[0] if flow.five_tuple.src_ip == ip else flow.bytes[1] for flow in flows)


def _rhythm(flows: list[Flow]) -> dict[str, Any]:
    """Return how far apart the flows begin: a beacon keeps nearly the same distance."""
    begins = sorted(flow.first_seen for flow in flows)
    gaps = [later - earlier for earlier, later in pairwise(begins)]
    if len(gaps) < 3:
        return {}
    return {"interval_s": round(fmean(gaps), 3), "interval_deviation_s": round(pstdev(gaps), 3)}
