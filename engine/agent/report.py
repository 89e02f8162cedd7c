"""The closing report of an incident, as Markdown, JSON or one self-contained HTML page.

It is rendered from claims, evidence and decisions. Captured text and a model's words are escaped
for the format they stand in, so that they are letters there and nothing else.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from engine.agent.evidence import plain, ranked
from engine.text import escape
from engine.types import Alert, Claim, Evidence, IncidentView, Severity, Verdict

Format = Literal["md", "json", "html"]

PLAYBOOK = "playbook"
_CONTENT_LIMIT = 2_000
_OBSERVABLES = {
    "process": (("exe", "program"), ("exe_sha256", "SHA-256 of program")),
    "payload": (("sha256", "SHA-256 of payload"),),
}
"""Kind of evidence to the fields of it that others can look for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a section: words of the program, then text that others wrote."""

    words: str
    quoted: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines."""

    title: str
    lines: tuple[Line, ...]


def report(view: IncidentView, form: Format) -> str:
    """Return the report in the format asked for."""
    if form == "json":
        return _as_json(view)
    sections = _sections(view)
    title = f"Incident {view.incident.id}"
    return _as_markdown(title, sections) if form == "md" else _as_html(title, sections)


def _sections(view: IncidentView) -> list[Section]:
    verdict = view.verdict
    return [
        Section("Summary", _summary(view)),
        Section("Verdict", _verdict(verdict)),
        Section("Claims", tuple(map(_claim, verdict.claims if verdict else ())) or _nothing("no claims")),
        Section("Timeline", _timeline(view)),
        Section("Attack chain", _chain(view)),
        Section("Indicators of compromise", tuple(Line(kind, value) for kind, value in indicators(view))),
        Section("Evidence", tuple(map(_evidence, view.evidence)) or _nothing("none")),
        Section("Decision", _decision(view)),
        Section("Steps not performed", _quoted(verdict.not_done if verdict else ()) or _nothing("none")),
        Section("Recommended actions", _quoted(verdict.actions if verdict else ()) or _nothing("none")),
        *_model_text(verdict),
    ]


def _summary(view: IncidentView) -> tuple[Line, ...]:
    incident = view.incident
    handshake = "a TCP handshake was completed" if incident.handshake else "no TCP handshake was completed"
    return (
        Line("title", incident.title),
        Line(f"target {incident.target_ip}, severity {incident.severity}, {handshake}"),
        Line(
            f"opened {_time(incident.opened_at)}, last change {_time(incident.updated_at)}, {len(view.alerts)} alerts"
        ),
        Line(f"disposition {incident.disposition} (set by a person only)"),
        *_own_words(view.verdict),
    )


def _own_words(verdict: Verdict | None) -> tuple[Line, ...]:
    return (Line("analyst's summary", verdict.summary),) if verdict and verdict.analyst == PLAYBOOK else ()


def _verdict(verdict: Verdict | None) -> tuple[Line, ...]:
    if verdict is None:
        return _nothing("not yet")
    by = "the playbook analyst, without a language model" if verdict.analyst == PLAYBOOK else "the language model"
    return (
        Line(f"{verdict.conclusion}, severity {verdict.severity}, at {_time(verdict.at)}"),
        Line(f"by {by}", "" if verdict.analyst == PLAYBOOK else verdict.analyst),
        Line(f"suggested disposition {verdict.disposition}"),
    )


def _claim(claim: Claim) -> Line:
    ids = ", ".join((*claim.evidence_ids, *claim.knowledge_ids)) or "no ids"
    return Line("supported" if claim.supported else "UNSUPPORTED", f"{claim.text} [{ids}]")


def _timeline(view: IncidentView) -> tuple[Line, ...]:
    lines = [(alert.first_at, _alert_line(alert)) for alert in view.alerts]
    lines += [
        (alert.last_at, Line(f"{_time(alert.last_at)} last of {alert.count} repeats of {alert.id}"))
        for alert in view.alerts
        if alert.count > 1
    ]
    if view.verdict:
        lines.append((view.verdict.at, Line(f"{_time(view.verdict.at)} verdict: {view.verdict.conclusion}")))
    return tuple(line for _, line in sorted(lines, key=lambda entry: (entry[0], entry[1].words))) or _nothing("none")


def _alert_line(alert: Alert) -> Line:
    found = alert.detection
    return Line(f"{_time(alert.first_at)} {alert.id} {found.detector} {found.label} ({found.severity})", found.reason)


def attack_chain(view: IncidentView) -> list[tuple[str, float]]:
    """Return each ATT&CK technique with the time of its first alert, in that order; without an alert it comes last."""
    first: dict[str, float] = {}
    for alert in sorted(view.alerts, key=lambda one: (one.first_at, one.id)):
        for technique in alert.detection.attack_ids:
            first.setdefault(technique, alert.first_at)
    named = view.verdict.attack_ids if view.verdict else view.incident.attack_ids
    return [*first.items(), *((technique, 0.0) for technique in named if technique not in first)]


def _chain(view: IncidentView) -> tuple[Line, ...]:
    lines = [
        Line(f"{technique}, first seen {_time(at)}" if at else f"{technique}, named in the verdict")
        for technique, at in attack_chain(view)
    ]
    return tuple(lines) or _nothing("no technique was recognised")


def indicators(view: IncidentView) -> list[tuple[str, str]]:
    """Return the observables as ``(kind, value)``: addresses, names, and hashes of programs that were found."""
    found = [("address", view.incident.target_ip)]
    for alert in ranked(view.alerts):
        if alert.detection.severity.rank >= Severity.MEDIUM.rank and alert.flow.name:
            found.append(("name in the traffic", alert.flow.name))
    for evidence in view.evidence:
        facts = _facts(evidence)
        found += [(kind, str(facts[name])) for name, kind in _OBSERVABLES.get(evidence.kind, ()) if facts.get(name)]
    return list(dict.fromkeys(found))


def _facts(evidence: Evidence) -> dict[str, Any]:
    try:
        facts = json.loads(evidence.content)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _evidence(evidence: Evidence) -> Line:
    words = f"{evidence.id} {evidence.kind}, {_time(evidence.at)}, SHA-256 {evidence.sha256}"
    return Line(words, f"{evidence.summary} | {escape(evidence.content, limit=_CONTENT_LIMIT)}")


def _decision(view: IncidentView) -> tuple[Line, ...]:
    lines = [
        Line(
            f"proposal {one.id}: {one.terms.action} {one.terms.prefix} for "
            f"{f'{one.terms.ttl_s:g} s' if one.terms.ttl_s else 'ever'}, {one.state}",
            one.reason,
        )
        for one in view.proposals
    ]
    return (*lines, *_quoted(view.decisions)) or _nothing("no block was proposed and nothing was decided")


def _model_text(verdict: Verdict | None) -> tuple[Section, ...]:
    if verdict is None or verdict.analyst == PLAYBOOK:
        return ()
    note = Line("Written by a language model that read the attacker's bytes; not checked.")
    return (Section("Free text of the model", (note, Line("model", verdict.summary))),)


def _quoted(texts: Sequence[str]) -> tuple[Line, ...]:
    return tuple(Line("", text) for text in texts)


def _nothing(words: str) -> tuple[Line, ...]:
    return (Line(words),)


def _time(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
    except (ValueError, OverflowError, OSError):
        return f"{at:g}"


def _as_markdown(title: str, sections: Sequence[Section]) -> str:
    lines = [f"# {_markdown(title)}", ""]
    for section in sections:
        lines += [f"## {section.title}", "", *map(_markdown_line, section.lines), ""]
    return "\n".join(lines)


def _markdown_line(line: Line) -> str:
    return "- " + ": ".join(filter(None, (_markdown(line.words), code_span(line.quoted) if line.quoted else "")))


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&@$^=])", r"\\\1", escape(text))


def code_span(text: str) -> str:
    """Return hostile text as a Markdown code span that it cannot end: nothing is parsed in it."""
    body = escape(text)
    longest = max(map(len, re.findall("`+", body)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {body} {ticks}"


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2128}"
    "h2{border-bottom:1px solid #ccd;font-size:1.1rem}code{font:13px monospace;background:#f0f2f5;"
    "padding:1px 4px;overflow-wrap:anywhere}li{margin:.2rem 0}"
)


def _as_html(title: str, sections: Sequence[Section]) -> str:
    body = "".join(
        f"<h2>{_html(section.title)}</h2>\n<ul>\n{''.join(map(_html_line, section.lines))}</ul>\n"
        for section in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_html(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n<h1>{_html(title)}</h1>\n{body}</body></html>\n"
    )


def _html_line(line: Line) -> str:
    quoted = f"<code>{_html(line.quoted)}</code>" if line.quoted else ""
    return f"<li>{': '.join(filter(None, (_html(line.words), quoted)))}</li>\n"


def _html(text: str) -> str:
    return html.escape(escape(text), quote=True)


def _as_json(view: IncidentView) -> str:
    verdict = view.verdict
    by_model = verdict is not None and verdict.analyst != PLAYBOOK
    body: dict[str, Any] = {
        "incident": view.incident,
        "verdict": verdict and {**plain(verdict, None, None), "summary": "" if by_model else verdict.summary},
        "timeline": [
            {"at": a.first_at, "last_at": a.last_at, "count": a.count, "alert": a.id, "detection": a.detection}
            for a in sorted(view.alerts, key=lambda one: (one.first_at, one.id))
        ],
        "attack_chain": [{"technique": technique, "first_at": at or None} for technique, at in attack_chain(view)],
        "indicators": [{"kind": kind, "value": value} for kind, value in indicators(view)],
        "evidence": view.evidence,
        "proposals": view.proposals,
        "decisions": view.decisions,
        "model_text": verdict.summary if verdict and by_model else None,
    }
    text = json.dumps(plain(body, None, None), ensure_ascii=True, indent=2, sort_keys=True)
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&"}) + "\n"
