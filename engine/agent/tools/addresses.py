"""The tools about an address: who logged in from it, its names, its network, and its past."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.agent.tools.answer import Answer
from engine.agent.tools.catalogue import AddressArguments
from engine.agent.tools.inquiry import Inquiry
from engine.types import AddressFacts, Finding, Flow, PastIncidents

NAMES = 20
PAST = 10
LOGINS = 32


@dataclass(frozen=True, slots=True)
class NamesSeen:
    """Names around an address, all of them hostile text."""

    finding: Finding
    ip: str
    answered: tuple[str, ...] = ()
    """DNS answers gave them for the address."""
    told: tuple[str, ...] = ()
    """Clients of the address asked it for them: Host headers and TLS server names."""
    asked: tuple[str, ...] = ()
    """The address asked a DNS server for them."""
    detail: str = ""


def logins(inquiry: Inquiry, arguments: AddressArguments) -> Answer:
    """Return what the log says about logins from an address; the subject is a ``Logins``."""
    found = inquiry.host.logins(arguments.ip)
    ok = sum(login.count for login in found.entries if login.ok)
    bad = sum(login.count for login in found.entries if not login.ok)
    words = f"{ok} successful, {bad} failed" if found.finding is Finding.FOUND else f"{found.finding}"
    value = {
        "ip": arguments.ip,
        "successful": ok,
        "failed": bad,
        "users": len({login.user for login in found.entries}),
        "entries": found.entries[:LOGINS],
        "detail": found.detail,
    }
    return inquiry.tell("logins", "logins", f"logins from {arguments.ip}: {words}", value, found, found.finding)


def dns_names(inquiry: Inquiry, arguments: AddressArguments) -> Answer:
    """Return the names around an address; the subject is a ``NamesSeen``."""
    ip, facts = arguments.ip, inquiry.host.address(arguments.ip)
    flows = tuple(inquiry.flows.values())
    told = _names(flow for flow in flows if flow.five_tuple.dst_ip == ip and flow.app in ("http", "tls"))
    asked = _names(flow for flow in flows if flow.five_tuple.src_ip == ip and flow.app == "dns")
    answered = facts.names[:NAMES]
    finding = Finding.FOUND if answered or told or asked else _no_name(facts)
    found = NamesSeen(finding, ip, answered, told, asked, facts.detail)
    words = f"{len(answered) + len(told) + len(asked)} names" if finding is Finding.FOUND else f"{finding}"
    return inquiry.tell("dns_names", "names", f"names around {ip}: {words}", found, found, finding)


def address_facts(inquiry: Inquiry, arguments: AddressArguments) -> Answer:
    """Return what is known of an address; the subject is an ``AddressFacts``."""
    facts = inquiry.host.address(arguments.ip)
    own = "of this host, " if facts.own else ""
    network = f", AS{facts.asn} {facts.as_name}" if facts.asn else ""
    words = f"{own}{facts.scope}{network}" if facts.finding is Finding.FOUND else f"{facts.finding}"
    return inquiry.tell("address_facts", "address", f"{arguments.ip}: {words}", facts, facts, facts.finding)


def past_incidents(inquiry: Inquiry, arguments: AddressArguments) -> Answer:
    """Return the incidents before this one with an address; the subject is a ``PastIncidents``."""
    told, incident = inquiry.host.past_incidents(arguments.ip), inquiry.case.incident
    earlier = [entry for entry in told.entries if entry.id != incident.id and entry.opened_at < incident.opened_at]
    found: PastIncidents = replace(told, entries=tuple(earlier[:PAST]))
    words = f"{len(earlier)} earlier incidents" if found.finding is Finding.FOUND else f"{found.finding}"
    value = {"ip": arguments.ip, "incidents": len(earlier), "newest": found.entries, "detail": found.detail}
    summary = f"{words} with {arguments.ip}" if found.finding is Finding.FOUND else f"past of {arguments.ip}: {words}"
    return inquiry.tell("past_incidents", "past_incidents", summary, value, found, found.finding)


def _names(flows: Iterable[Flow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flow.name for flow in flows if flow.name))[:NAMES]


def _no_name(facts: AddressFacts) -> Finding:
    """No name was seen, or the host could not even be asked: either says nothing."""
    return Finding.NOT_RECORDED if facts.finding is Finding.FOUND else facts.finding
