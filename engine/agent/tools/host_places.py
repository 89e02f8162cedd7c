"""The tools about this host as a whole: what it offers, and what starts on it by itself."""

from __future__ import annotations

from engine.agent.tools.answer import Answer
from engine.agent.tools.catalogue import NoArguments
from engine.agent.tools.inquiry import Inquiry
from engine.types import Finding

SERVICES = 48
POINTS = 20


def services(inquiry: Inquiry, _: NoArguments) -> Answer:
    """Return what this host offers to the network; the subject is a ``Services``.

    The processes behind the ports of this incident belong to it from then on.
    """
    found = inquiry.host.services()
    ports = _ports(inquiry)
    for service in found.entries:
        if (service.proto, service.port) in ports:
            inquiry.learn(service.pid)
    concerned = [entry for entry in found.entries if (entry.proto, entry.port) in ports]
    others = [entry for entry in found.entries if (entry.proto, entry.port) not in ports]
    value = {
        "services": len(found.entries),
        "of_this_incident": concerned[:SERVICES],
        "others": others[:SERVICES],
        "detail": found.detail,
    }
    words = f"{len(found.entries)} services" if found.finding is Finding.FOUND else f"services: {found.finding}"
    return inquiry.tell("listening_services", "services", words, value, found, found.finding)


def persistence(inquiry: Inquiry, _: NoArguments) -> Answer:
    """Return the places that start something and changed last; the subject is a ``Persistence``."""
    found = inquiry.host.persistence()
    since = inquiry.case.incident.opened_at
    value = {
        "changed_since_the_incident_began": sum(point.modified_at >= since for point in found.points),
        "points": found.points[:POINTS],
        "detail": found.detail,
    }
    words = f"{len(found.points)} places" if found.finding is Finding.FOUND else f"{found.finding}"
    summary = f"what starts by itself: {words}"
    return inquiry.tell("persistence_points", "persistence", summary, value, found, found.finding)


def _ports(inquiry: Inquiry) -> set[tuple[str, int]]:
    """Those at this host's end of the incident's flows, which is the end that is not the target."""
    target = inquiry.case.incident.target_ip
    ends = [flow.five_tuple for flow in inquiry.flows.values()]
    return {(end.proto, end.dst_port if end.dst_ip != target else end.src_port) for end in ends}
