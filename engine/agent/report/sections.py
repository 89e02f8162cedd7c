"""What stands in a report for a person, section by section."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.agent.report.attack import attack_chain
from engine.agent.report.event import event_section
from engine.agent.report.facts import readable
from engine.agent.report.indicators import indicators
from engine.agent.report.lines import LINE_CHARACTERS, PLAYBOOK, Line, Mark, Section, bounded, cut, listed
from engine.agent.report.moments import moment, span
from engine.agent.report.now import now
from engine.agent.report.trace import plan_section, trace_line
from engine.agent.tongue import Tongue
from engine.text import escape
from engine.types import OUTCOME, Alert, Claim, Evidence, IncidentView, Note, Proposal, Verdict

_BY_PROGRAM = ("Set by the program: ", OUTCOME)
"""How claims begin that are the program's whoever the analyst is."""


def title(view: IncidentView, tongue: Tongue) -> str:
    """Return the heading of the whole report."""
    return tongue.say("Incident {id}", id=view.incident.id)


def sections(view: IncidentView, tongue: Tongue) -> list[Section]:
    """Return the sections in the order a reader wants them."""
    verdict, say = view.verdict, tongue.say
    claims = verdict.claims if verdict else ()
    missing = verdict.not_done if verdict else ()
    actions = verdict.actions if verdict else ()
    found = indicators(view)
    return [
        Section("now", say("What to do now"), now(view, tongue)),
        Section("summary", say("Summary"), _summary(view, tongue)),
        *event_section(view, tongue),
        Section("verdict", say("Verdict"), _verdict(verdict, tongue)),
        Section("claims", say("Claims"), listed(claims, lambda one: _claim(one, verdict, tongue), tongue)),
        Section("timeline", say("Timeline"), _timeline(view, tongue)),
        Section("chain", say("Attack chain"), _chain(view, tongue)),
        Section(
            "indicators",
            say("Indicators of compromise"),
            listed(found, lambda one: Line(tongue.retold(one[0]), one[1]), tongue),
        ),
        Section("evidence", say("Evidence"), listed(view.evidence, lambda one: _evidence(one, tongue), tongue)),
        Section("decision", say("Decision"), _decision(view, tongue)),
        *_notes(view, tongue),
        *plan_section(view.steps, tongue),
        Section("not-done", say("Steps not performed"), _told(missing, tongue)),
        Section("actions", say("Recommended actions"), _told(actions, tongue)),
        Section("trace", say("Trace"), (trace_line(view.steps, tongue),)),
        *_model_text(verdict, tongue),
    ]


def _summary(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    incident, say = view.incident, tongue.say
    handshake = "a TCP handshake was completed" if incident.handshake else "no TCP handshake was completed"
    return (
        Line(say("title"), tongue.retold(incident.title)),
        Line(
            say(
                "target {target}, severity {~severity}, {~handshake}",
                target=incident.target_ip,
                severity=incident.severity,
                handshake=handshake,
            )
        ),
        Line(
            say(
                "opened {opened}, last change {changed}, alerts: {count}",
                opened=moment(incident.opened_at),
                changed=moment(incident.updated_at),
                count=len(view.alerts),
            )
        ),
        Line(say("disposition {~disposition} (set by a person only)", disposition=incident.disposition)),
        *_own_words(view.verdict, tongue),
    )


def _own_words(verdict: Verdict | None, tongue: Tongue) -> tuple[Line, ...]:
    if verdict is None or verdict.analyst != PLAYBOOK:
        return ()
    return (Line(tongue.say("analyst's summary"), cut(tongue.retold(verdict.summary))),)


def _verdict(verdict: Verdict | None, tongue: Tongue) -> tuple[Line, ...]:
    say = tongue.say
    if verdict is None:
        return (Line(say("not yet")),)
    by = say("by the playbook analyst, without a language model")
    return (
        Line(
            say(
                "{~conclusion}, severity {~severity}, at {at}",
                conclusion=verdict.conclusion,
                severity=verdict.severity,
                at=moment(verdict.at),
            )
        ),
        Line(by) if verdict.analyst == PLAYBOOK else Line(say("by the language model"), verdict.analyst),
        Line(say("suggested disposition {~disposition}", disposition=verdict.disposition)),
    )


def _claim(claim: Claim, verdict: Verdict | None, tongue: Tongue) -> Line:
    own = verdict is not None and verdict.analyst == PLAYBOOK
    ids = (*claim.evidence_ids, *claim.knowledge_ids) or (tongue.say("no ids"),)
    text = tongue.retold(claim.text) if own or claim.text.startswith(_BY_PROGRAM) else claim.text
    if claim.supported:
        return Line(tongue.say("supported"), cut(text), ids, Mark.SUPPORTED)
    return Line(tongue.say("UNSUPPORTED"), cut(text), ids, Mark.UNSUPPORTED)


def _timeline(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    lines = [(alert.first_at, _alert_line(alert, tongue)) for alert in view.alerts]
    lines += [
        (
            alert.last_at,
            Line(
                tongue.say(
                    "{at} last of {count} repeats of {id}", at=moment(alert.last_at), count=alert.count, id=alert.id
                )
            ),
        )
        for alert in view.alerts
        if alert.count > 1
    ]
    if view.verdict:
        at, concluded = view.verdict.at, view.verdict.conclusion
        lines.append((at, Line(tongue.say("{at} verdict: {~conclusion}", at=moment(at), conclusion=concluded))))
    ordered = [line for _, line in sorted(lines, key=lambda entry: (entry[0], entry[1].words))]
    return bounded(ordered, tongue)


def _alert_line(alert: Alert, tongue: Tongue) -> Line:
    found = alert.detection
    words = tongue.say(
        "{at} {id} {detector} {label} ({~severity})",
        at=moment(alert.first_at),
        id=alert.id,
        detector=found.detector,
        label=found.label,
        severity=found.severity,
    )
    return Line(words, tongue.retold(found.reason))


def _chain(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    lines = []
    for link in attack_chain(view):
        seen = tongue.say("first seen {at}", at=moment(link.first_at)) if link.first_at else ""
        known = [link.technique, link.name, tongue.retold(link.tactic), seen or tongue.say("named in the verdict")]
        lines.append(Line(", ".join(filter(None, known))))
    return tuple(lines) or (Line(tongue.say("no technique was recognised")),)


def _evidence(evidence: Evidence, tongue: Tongue) -> Line:
    words = tongue.say(
        "{id} {kind}, {at}, SHA-256 {sha256}",
        id=evidence.id,
        kind=evidence.kind,
        at=moment(evidence.at),
        sha256=evidence.sha256,
    )
    return Line(words, evidence.summary, anchor=evidence.id, fields=readable(evidence.content))


def _decision(view: IncidentView, tongue: Tongue) -> tuple[Line, ...]:
    lines = [_proposal(one, tongue) for one in view.proposals]
    lines += [Line("", _decided(one, tongue)) for one in view.decisions]
    if not lines:
        return (Line(tongue.say("no block was proposed and nothing was decided")),)
    return bounded(lines, tongue)


def _proposal(proposal: Proposal, tongue: Tongue) -> Line:
    terms = proposal.terms
    words = tongue.say(
        "proposal {id}: {~action} {prefix} for {term}, {~state}",
        id=proposal.id,
        action=terms.action,
        prefix=terms.prefix,
        term=span(terms.ttl_s, tongue),
        state=proposal.state.words,
    )
    return Line(words, cut(tongue.retold(proposal.reason)))


def _decided(line: str, tongue: Tongue) -> str:
    """Return a line of the record: a stamp, then what was decided, in the program's words."""
    stamp = re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [^ ]{1,8} ", line)
    start = stamp.end() if stamp else 0
    return line[:start] + tongue.retold(cut(line[start:]))


def _notes(view: IncidentView, tongue: Tongue) -> tuple[Section, ...]:
    """Return what persons wrote beside the incident, where they did; it is never translated."""
    if not view.notes:
        return ()
    lines = [_note(note, tongue) for note in sorted(view.notes, key=lambda one: one.at)]
    return (Section("notes", tongue.say("Notes"), bounded(lines, tongue)),)


def _note(note: Note, tongue: Tongue) -> Line:
    head = tongue.say("{at} by {who}", at=moment(note.at), who=escape(note.by, limit=80))
    return Line(head, escape(note.text, limit=LINE_CHARACTERS))


def _model_text(verdict: Verdict | None, tongue: Tongue) -> tuple[Section, ...]:
    if verdict is None or verdict.analyst == PLAYBOOK:
        return ()
    note = Line(tongue.say("Written by a language model that read the attacker's bytes; not checked."))
    text = Line(tongue.say("model"), cut(verdict.summary))
    return (Section("model-text", tongue.say("Free text of the model"), (note, text)),)


def _told(texts: Sequence[str], tongue: Tongue) -> tuple[Line, ...]:
    return listed(texts, lambda text: Line("", cut(tongue.retold(text))), tongue)
