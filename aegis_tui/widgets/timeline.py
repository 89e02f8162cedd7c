"""What happened to an incident, and what was done about it, in the order of time."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterable

from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.story import fenced
from aegis_tui.widgets.words import SEVERITY_STYLES, SEVERITY_WORDS, asked_for, clock, span
from engine.types import Alert, IncidentView, Note, Proposal

STAMP = re.compile(r"\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d) \S{1,8} ")
"""Before a decision: the local time of the guard's host."""
INDENT = 9
NOTE_ROWS = 40

Moment = tuple[float, list[Paragraph]]


def timeline(view: IncidentView) -> list[Paragraph]:
    """Return alerts, investigation, proposals, decisions and notes as rows, the oldest first."""
    moments = [*_alerts(view.alerts), *_investigation(view), *map(_proposal, view.proposals), *map(note, view.notes)]
    moments += [_decision(text) for text in view.decisions]
    return [row for _, rows in sorted(moments, key=lambda moment: moment[0]) for row in rows]


def note(written: Note) -> Moment:
    """Return a note: by whom, then the text behind its fence."""
    head = paragraph(
        (f"{clock(written.at)} ", "dim"), ("note ", "bold"), f"by {foreign(written.by, 80)}", indent=INDENT
    )
    return written.at, [head, *fenced(written.text, rows=NOTE_ROWS)]


def _alerts(alerts: Iterable[Alert]) -> list[Moment]:
    found: list[Moment] = []
    for alert in alerts:
        severity = SEVERITY_WORDS[alert.detection.severity]
        style = SEVERITY_STYLES.get(alert.detection.severity, "")
        words = f" {foreign(alert.detection.detector, 40)} {foreign(alert.detection.label, 80)}"
        found.append((alert.first_at, [_at(alert.first_at, "alert", (severity, style), words)]))
        if alert.count > 1 and alert.last_at > alert.first_at:
            last = f"last of {alert.count:,} repeats over {span(alert.last_at - alert.first_at)}"
            found.append(
                (alert.last_at, [_at(alert.last_at, "alert", f"{foreign(alert.detection.label, 80)}: {last}")])
            )
    return found


def _investigation(view: IncidentView) -> list[Moment]:
    found: list[Moment] = []
    if view.steps:
        at = view.steps[0].at
        found.append((at, [_at(at, "analyst", f"began; {len(view.steps)} steps, see Trace")]))
    if view.verdict:
        judged = view.verdict
        rests_on = f"{len(view.evidence)} item{'' if len(view.evidence) == 1 else 's'} of evidence"
        words = f"{judged.conclusion.upper()} by {foreign(judged.analyst, 60)}, {rests_on}"
        found.append((judged.at, [_at(judged.at, "verdict", words)]))
    return found


def _proposal(proposal: Proposal) -> Moment:
    term = "permanently" if proposal.terms.ttl_s == 0 else f"for {span(proposal.terms.ttl_s)}"
    words = f"{foreign(proposal.id, 40)} block {foreign(asked_for(proposal), 60)} {term}: {proposal.state.value}"
    return proposal.created_at, [_at(proposal.created_at, "asked", words)]


def _decision(text: str) -> Moment:
    stamp = STAMP.match(text)
    if stamp is None:
        return float("inf"), [paragraph("         decision ", foreign(text), indent=INDENT)]
    at = _seconds(stamp.group())
    return at, [_at(at, "decided", foreign(text[stamp.end() :])) if at < float("inf") else paragraph(foreign(text))]


def _seconds(stamp: str) -> float:
    seconds = calendar.timegm if stamp[20:].strip() in ("UTC", "GMT") else time.mktime
    try:
        return float(seconds(time.strptime(stamp[:19], "%Y-%m-%d %H:%M:%S")))
    except (ValueError, OverflowError):
        return float("inf")


def _at(at: float, word: str, *parts: str | tuple[str, str]) -> Paragraph:
    return paragraph((f"{clock(at)} ", "dim"), (f"{word} ", "bold"), *parts, indent=INDENT, max_rows=4)
