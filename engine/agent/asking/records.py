"""The answers that the records of an incident give, one function for each thing a person wants to know."""

from __future__ import annotations

from engine.agent.asking.sources import Sources, fact
from engine.agent.report.attack import attack_chain
from engine.agent.report.indicators import indicators
from engine.agent.report.moments import moment
from engine.agent.tongue import Tongue
from engine.types import Claim, Finding

PLAYBOOK = "playbook"
_LINES = 8
_PROCESS_KINDS = ("process", "socket_owner", "file", "process_tree", "process_sockets")


def told_what(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return what happened, in a few claims."""
    incident = sources.view.incident
    text = tongue.say(
        "{~title}; alerts: {count}, from {opened} to {changed}; severity {~severity}.",
        title=incident.title,
        count=len(sources.alerts),
        opened=moment(incident.opened_at),
        changed=moment(incident.updated_at),
        severity=incident.severity,
    )
    return [sources.claim(text, sources.of_alerts(sources.alerts[:3])), *told_verdict(sources, tongue)[:_LINES]]


def told_outcome(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return whether it worked, as far as the evidence says, and that evidence."""
    verdict = sources.view.verdict
    if verdict is None:
        return [sources.claim(tongue.say("There is no verdict yet."))]
    if (told := verdict.outcome) is None:
        return [sources.claim(tongue.say("The verdict was made before outcomes were told: investigate again."))]
    claims = [sources.claim(tongue.retold(told.text), told.evidence_ids)]
    if sources.view.is_overtaken:
        phrase = "That is as of {at}: more alerts came since."
        claims.append(sources.claim(tongue.say(phrase, at=moment(verdict.at)), sources.of_alerts(sources.alerts[:3])))
    rests = [one for one in sources.view.evidence if one.id in told.evidence_ids]
    return [*claims, *(sources.claim(one.summary, (one.id,)) for one in rests[:_LINES])]


def told_verdict(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return the conclusion and what it rests on."""
    verdict = sources.view.verdict
    if verdict is None:
        return [sources.claim(tongue.say("There is no verdict yet."))]
    text = tongue.say(
        "Concluded {~conclusion}, severity {~severity}, by {analyst}; disposition set by a person: {~disposition}.",
        conclusion=verdict.conclusion,
        severity=verdict.severity,
        analyst=verdict.analyst,
        disposition=sources.view.incident.disposition,
    )
    ids = dict.fromkeys(one for claim in verdict.claims if claim.supported for one in claim.evidence_ids)
    return [sources.claim(text, ids or sources.of_alerts(sources.alerts[:1])), *_basis(sources, tongue)]


def _basis(sources: Sources, tongue: Tongue) -> list[Claim]:
    verdict = sources.view.verdict
    if verdict is None:
        return []
    own = verdict.analyst == PLAYBOOK
    return [
        sources.claim(tongue.retold(claim.text) if own else claim.text, claim.evidence_ids, claim.knowledge_ids)
        for claim in verdict.claims
        if claim.supported
    ][:_LINES]


def told_who(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return the address behind it, and what is known of that."""
    incident = sources.view.incident
    handshake = "a TCP handshake was completed" if incident.handshake else "no TCP handshake was completed"
    local = next((alert.local_ip for alert in sources.alerts), "")
    phrase = "The other end is {target}, this host's end {local}; {~handshake}."
    text = tongue.say(phrase, target=incident.target_ip, local=local or "-", handshake=handshake)
    return [
        sources.claim(text, sources.of_alerts(sources.alerts[:3])),
        *_summaries(sources, "address", "names", "logins", "past_incidents"),
    ]


def told_when(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return the first and the last moment, and the alerts in their order."""
    incident = sources.view.incident
    alerts = sorted(sources.alerts, key=lambda one: (one.first_at, one.id))
    phrase = "It began at {opened}; the last alert was at {changed}."
    text = tongue.say(phrase, opened=moment(incident.opened_at), changed=moment(incident.updated_at))
    lines = [
        sources.claim(
            tongue.say(
                "{at} {label} ({~severity}): {~reason}",
                at=moment(alert.first_at),
                label=alert.detection.label,
                severity=alert.detection.severity,
                reason=alert.detection.reason,
            ),
            sources.of_alerts([alert]),
        )
        for alert in alerts[:_LINES]
    ]
    return [sources.claim(text, sources.of_alerts([*alerts[:1], *alerts[-1:]])), *lines]


def told_blocked(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return what was proposed and decided."""
    view = sources.view
    if not (view.proposals or view.decisions):
        return [sources.claim(tongue.say("Nothing was blocked: no block was proposed and nothing was decided."))]
    claims = [
        sources.claim(
            tongue.say(
                "Proposal {id} to block {prefix}: {~state}. {~reason}",
                id=one.id,
                prefix=one.terms.prefix,
                state=one.state,
                reason=one.reason,
            ),
            (one.id,),
        )
        for one in view.proposals[:_LINES]
    ]
    return [*claims, *(sources.claim(tongue.say("Decision: {line}", line=one)) for one in view.decisions[-_LINES:])]


def told_process(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return what was found of the process behind it."""
    found = [one for one in sources.of_kind(*_PROCESS_KINDS) if _is_found(sources, one.id)]
    claims = []
    for one in found[:_LINES]:
        facts = sources.facts[one.id]
        if one.kind == "process":
            phrase = "Process {pid} runs {program} as {user}."
            program = fact(facts, "exe") or fact(facts, "comm") or "-"
            text = tongue.say(phrase, pid=fact(facts, "pid"), program=program, user=fact(facts, "user") or "-")
        else:
            text = one.summary
        claims.append(sources.claim(text, (one.id,)))
    if claims:
        return claims
    missing = sources.of_kind(*_PROCESS_KINDS)
    text = tongue.say("Nothing is known of a process: it was not asked for, gone, or not permitted to see.")
    return [sources.claim(text, (one.id for one in missing))]


def _is_found(sources: Sources, evidence_id: str) -> bool:
    return bool(sources.facts[evidence_id].get("finding", Finding.FOUND) == Finding.FOUND)


def told_actions(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return the recommended next steps, and what waits for a decision."""
    verdict = sources.view.verdict
    pending = [one for one in sources.view.proposals if one.state == "pending"]
    waits = [
        sources.claim(
            tongue.say("Proposal {id} to block {prefix} waits for a decision.", id=one.id, prefix=one.terms.prefix),
            (one.id,),
        )
        for one in pending
    ]
    if verdict is None or not verdict.actions:
        return waits or [sources.claim(tongue.say("Nothing is recommended yet."))]
    ids = sources.of_alerts(sources.alerts[:3])
    own = verdict.analyst == PLAYBOOK
    return [*waits, *(sources.claim(tongue.retold(one) if own else one, ids) for one in verdict.actions[:_LINES])]


def told_techniques(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return the ATT&CK techniques in the order they were seen."""
    claims = []
    for link in attack_chain(sources.view)[:_LINES]:
        carriers = [one for one in sources.alerts if link.technique in one.detection.attack_ids]
        seen = tongue.say("first seen {at}", at=moment(link.first_at)) if link.first_at else ""
        words = [link.technique, link.name, tongue.retold(link.tactic), seen or tongue.say("named in the verdict")]
        known = (link.technique,) if link.name else ()
        claims.append(sources.claim(", ".join(filter(None, words)), sources.of_alerts(carriers[:3]), known))
    return claims or [sources.claim(tongue.say("no technique was recognised"))]


def told_missing(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return the steps that were not performed, and why."""
    verdict = sources.view.verdict
    missing = verdict.not_done if verdict else ()
    if not missing:
        return [sources.claim(tongue.say("No step is noted as left out."))]
    return [sources.claim(tongue.retold(one)) for one in missing[:_LINES]]


def told_payload(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return what was sent."""
    claims = []
    for one in sources.of_kind("payload")[:2]:
        text = fact(sources.facts[one.id], "text")
        phrase = "{summary}: {text}"
        claims.append(sources.claim(tongue.say(phrase, summary=one.summary, text=text or "-"), (one.id,)))
    return claims + _summaries(sources, "alert")[: _LINES - len(claims)]


def told_indicators(sources: Sources, tongue: Tongue) -> list[Claim]:
    """Return what to look for elsewhere."""
    return [
        sources.claim(f"{tongue.retold(kind)}: {value}", sources.holding(value))
        for kind, value in indicators(sources.view)[:_LINES]
    ]


def _summaries(sources: Sources, *kinds: str) -> list[Claim]:
    return [sources.claim(one.summary, (one.id,)) for one in sources.of_kind(*kinds)[:_LINES]]
