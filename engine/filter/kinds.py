"""What each noun of the engine answers to each field of a filter.

A reader returns every value that the noun has for the field; ``text`` is what a word without a field is looked
for in, one line for each part. A field that a noun does not have is not there, so that nothing matches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.types import (
    PROCESS_KINDS,
    Alert,
    Block,
    Detection,
    Disposition,
    Fault,
    Flow,
    Incident,
    IncidentView,
    LibraryEntry,
    Processes,
    Proposal,
    Recovery,
    Severity,
    Suppression,
    TraceStep,
    Verdict,
)

Kind = Mapping[str, Callable[[Any], Any]]
"""Field to reader: an iterable of values, or for ``text`` one text; ``words`` is the text without its addresses."""


def flows(scores: Mapping[str, float], alerts: Mapping[str, Alert]) -> Kind:
    """Return what flows answer, with the model's scores and the newest alert on each, by flow id."""

    def score(flow: Flow) -> Iterable[float]:
        value = scores.get(flow.id)
        return () if value is None else (value,)

    def of_alert(read: Callable[[Alert], Iterable[Any]]) -> Callable[[Flow], Iterable[Any]]:
        def reader(flow: Flow) -> Iterable[Any]:
            alert = alerts.get(flow.id)
            return () if alert is None else read(alert)

        return reader

    asked = ("sev", "det", "attack", "class", "dir")
    words = {"words": _flow_words}
    return {**_FLOW, **words, "score": score, **{name: of_alert(_ALERT[name]) for name in asked}}


def _flow_text(flow: Flow) -> str:
    src_ip, src_port, dst_ip, dst_port, _ = flow.five_tuple
    return f"{src_ip}:{src_port}\n{dst_ip}:{dst_port}\n{_flow_words(flow)}"


def _flow_words(flow: Flow) -> str:
    return "\n".join((flow.five_tuple.proto, flow.app, flow.name, flow.state, flow.id))


_FLOW: dict[str, Callable[[Flow], Any]] = {
    "src": lambda flow: (flow.five_tuple.src_ip,),
    "dst": lambda flow: (flow.five_tuple.dst_ip,),
    "ip": lambda flow: (flow.five_tuple.src_ip, flow.five_tuple.dst_ip),
    "port": lambda flow: (flow.five_tuple.src_port, flow.five_tuple.dst_port),
    "app": lambda flow: (flow.app or flow.five_tuple.proto,),
    "name": lambda flow: (flow.name,),
    "state": lambda flow: (flow.state.value,),
    "id": lambda flow: (flow.id,),
    "text": _flow_text,
}


def _opinion(read: Callable[[Any], Detection]) -> dict[str, Callable[[Any], Any]]:
    """Return what a thing answers for the detection that it holds."""
    return {
        "score": lambda item: (read(item).score,),
        "sev": lambda item: (read(item).severity,),
        "det": lambda item: (read(item).detector, read(item).label),
        "attack": lambda item: read(item).attack_ids,
        "class": lambda item: (read(item).event_class,),
        "id": lambda item: (read(item).flow_id,),
        "text": lambda item: _lines(read(item).detector, read(item).label, read(item).reason, read(item).severity),
    }


def _direction(alert: Alert) -> tuple[str, ...]:
    return ("in",) if alert.flow.five_tuple.src_ip == alert.target_ip else ("out",)


def _alert_text(alert: Alert) -> str:
    found = alert.detection
    return _lines(_flow_text(alert.flow), found.severity, found.label, found.reason, alert.incident_id, alert.id)


_OPINION = _opinion(lambda alert: alert.detection)
_ALERT: dict[str, Callable[[Alert], Any]] = {
    **{name: (lambda alert, read=read: read(alert.flow)) for name, read in _FLOW.items()},  # type: ignore[misc]  # bound early
    **_OPINION,
    "dir": _direction,
    "id": lambda alert: (alert.id, alert.incident_id, alert.flow.id),
    "text": _alert_text,
}


def incident_states(incident: Incident) -> tuple[str, ...]:
    """Return the words for what a person made of an incident, as lists, programs and sentences write them.

    Until somebody judged it that is ``open`` too.
    """
    word = incident.disposition.value
    if incident.disposition is Disposition.UNDETERMINED:
        return "open", word
    return word, word.replace("_", " "), word.replace("_", "-")


def _incident_text(incident: Incident) -> str:
    told = (incident.id, incident.target_ip, incident.title, incident.severity, *incident_states(incident))
    return _lines(*told, *incident.attack_ids)


_INCIDENT: dict[str, Callable[[Incident], Any]] = {
    "ip": lambda incident: (incident.target_ip,),
    "sev": lambda incident: (incident.severity,),
    "attack": lambda incident: incident.attack_ids,
    "state": incident_states,
    "name": lambda incident: (incident.title,),
    "id": lambda incident: (incident.id,),
    "text": _incident_text,
}


def _of_host(read: Callable[[Any], Processes]) -> dict[str, Callable[[Any], Any]]:
    """Return what the processes answer that the host named behind a thing."""
    return {
        "proc": lambda item: read(item).names,
        "pid": lambda item: read(item).pids,
        "user": lambda item: read(item).users,
    }


NO_PROCESSES = Processes()


def incidents(states: Callable[[Incident], str], processes: Mapping[str, Processes]) -> Kind:
    """Return what incidents answer where more is known of each than the incident itself tells."""
    return {
        **_INCIDENT,
        **_of_host(lambda incident: processes.get(incident.id, NO_PROCESSES)),
        "state": lambda incident: (*incident_states(incident), states(incident)),
        "text": lambda incident: _lines(_incident_text(incident), states(incident)),
    }


def _block_states(block: Block) -> tuple[str, ...]:
    more = ("watch",) if block.watch else ("trial",) if block.keep_within_s > 0 else ()
    return (*((block.ended_why,) if block.ended_at else (block.state.value,)), *more)


_BLOCK: dict[str, Callable[[Block], Any]] = {
    "ip": lambda block: (block.prefix,),
    "state": _block_states,
    "user": lambda block: (block.approver,),
    "name": lambda block: (block.reason,),
    "id": lambda block: (block.proposal_id, block.incident_id),
    "text": lambda block: _lines(
        block.prefix, *_block_states(block), block.approver, block.reason, block.proposal_id, block.incident_id
    ),
}


def _asked(proposal: Proposal) -> tuple[str, ...]:
    return (proposal.terms.prefix,) if proposal.listed is None else proposal.listed.sample


_PROPOSAL: dict[str, Callable[[Proposal], Any]] = {
    "ip": _asked,
    "state": lambda proposal: (proposal.state.value,),
    "name": lambda proposal: (proposal.reason,),
    "id": lambda proposal: (proposal.id, proposal.terms.incident_id),
    "text": lambda proposal: _lines(
        proposal.id, *_asked(proposal), proposal.state, proposal.reason, proposal.terms.incident_id
    ),
}


def suppressions(now: float) -> Kind:
    """Return what suppressions answer; whether one is in force depends on the time."""

    def state(rule: Suppression) -> str:
        return "in force" if not rule.ends_at or rule.ends_at > now else "ended"

    return {
        "ip": lambda rule: (rule.target,) if rule.target else (),
        "det": lambda rule: (rule.detector, rule.label),
        "state": lambda rule: (state(rule),),
        "user": lambda rule: (rule.by,),
        "name": lambda rule: (rule.reason,),
        "id": lambda rule: (rule.id,),
        "text": lambda rule: _lines(rule.id, rule.scope, state(rule), rule.by, rule.reason),
    }


_STEP: dict[str, Callable[[TraceStep], Any]] = {
    "name": lambda step: (step.name,),
    "class": lambda step: (step.kind.value,),
    "id": lambda step: (step.incident_id,),
    "text": lambda step: _lines(step.incident_id, step.role, step.kind, step.name, step.content),
}

_VERDICT: dict[str, Callable[[Verdict], Any]] = {
    "sev": lambda verdict: (verdict.severity,),
    "attack": lambda verdict: verdict.attack_ids,
    "state": lambda verdict: (verdict.conclusion.value,),
    "id": lambda verdict: (verdict.incident_id,),
    "text": lambda verdict: _lines(verdict.incident_id, verdict.conclusion, verdict.severity, verdict.summary),
}

_FAULT: dict[str, Callable[[Fault], Any]] = {
    "name": lambda fault: (fault.ability,),
    "state": lambda fault: ("cleared" if fault.cleared else "standing",),
    "text": lambda fault: _lines(fault.ability, fault.message, fault.remedy),
}

_RECOVERY: dict[str, Callable[[Recovery], Any]] = {
    "name": lambda _: ("recovery",),
    "text": lambda _: "recovery",
}


def _of_alerts(name: str) -> Callable[[IncidentView], Iterable[Any]]:
    read = _ALERT[name]
    return lambda view: [value for alert in view.alerts for value in read(alert)]


def _named_in(view: IncidentView) -> Processes:
    return Processes.named_in(item.content for item in view.evidence if item.kind in PROCESS_KINDS)


_VIEW: dict[str, Callable[[IncidentView], Any]] = {
    **{name: _of_alerts(name) for name in ("src", "dst", "port", "app", "score", "det", "class", "dir")},
    **{name: (lambda view, read=read: read(view.incident)) for name, read in _INCIDENT.items()},  # type: ignore[misc]  # bound early
    "name": lambda view: (view.incident.title, *_of_alerts("name")(view)),
    "state": lambda view: (*incident_states(view.incident), *([view.verdict.conclusion.value] if view.verdict else ())),
    **_of_host(_named_in),
    "text": lambda view: _lines(_incident_text(view.incident), *map(_alert_text, view.alerts)),
}

_ENTRY: dict[str, Callable[[LibraryEntry], Any]] = {
    **{name: (lambda entry, read=read: read(entry.incident)) for name, read in _INCIDENT.items()},  # type: ignore[misc]  # bound early
    **_of_host(lambda entry: entry.processes),
    "class": lambda entry: (entry.event_class,),
    "state": lambda entry: (*incident_states(entry.incident), entry.conclusion, entry.origin.value),
    "name": lambda entry: (entry.incident.title, entry.source),
    "text": lambda entry: _lines(
        _incident_text(entry.incident), entry.event_class, entry.conclusion, entry.origin.value, entry.source
    ),
}

KINDS: Mapping[type, Kind] = {
    Flow: flows({}, {}),
    Detection: _opinion(lambda detection: detection),
    Alert: _ALERT,
    Incident: _INCIDENT,
    IncidentView: _VIEW,
    LibraryEntry: _ENTRY,
    Block: _BLOCK,
    Proposal: _PROPOSAL,
    TraceStep: _STEP,
    Verdict: _VERDICT,
    Fault: _FAULT,
    Recovery: _RECOVERY,
}
"""What a noun answers by itself."""


def _lines(*parts: str) -> str:
    return "\n".join(part.value if isinstance(part, Severity) else part for part in parts)
