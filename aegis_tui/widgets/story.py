"""Incidents in words: trace, verdict, evidence, proposals and blocks as paragraphs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable

from aegis_tui.keyboard.keymap import key_of
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import (
    SEVERITY_STYLES,
    SEVERITY_WORDS,
    STATE_MEANS,
    asked_for,
    block_state,
    clock,
    count,
    span,
)
from engine.types import (
    Alert,
    Block,
    Claim,
    Conclusion,
    Evidence,
    IncidentView,
    Proposal,
    ProposalState,
    SourcedAnswer,
    StepKind,
    TraceStep,
)

FENCE = "┆ "
"""Stands before every row of captured or model-written text; such text cannot contain it."""

FENCE_MARKER = re.compile(r"<<<(untrusted|end) [0-9a-f]{12}")
"""The marker lines that a model needs around captured text; a person sees the escaped text itself."""

STEP_STYLES = {StepKind.FAULT: "warn", StepKind.VERDICT: "bold"}
STEP_WORDS = {
    StepKind.TOOL_CALL: "calls",
    StepKind.TOOL_RESULT: "gets",
    StepKind.PROMPT: "asks",
    StepKind.PLAN: "means to",
}


def trace(steps: Iterable[TraceStep], rows: int = 12) -> list[Paragraph]:
    """Return the analyst's steps, oldest first, each in at most ``rows`` rows."""
    return [_step(step, rows) for step in steps]


def verdict(view: IncidentView) -> list[Paragraph]:
    """Return what the analyst concludes, what it rests on, and what was not done."""
    found = view.verdict
    if found is None:
        return [paragraph("No verdict yet. It appears here when the analyst is done; nothing waits for you.")]
    style = "danger" if found.conclusion is Conclusion.MALICIOUS else "bold"
    severity = SEVERITY_WORDS[found.severity]
    return [
        paragraph((found.conclusion.upper(), style), f" · {severity} · by {foreign(found.analyst)} {clock(found.at)}"),
        paragraph(" ".join(found.attack_ids)),
        *fenced(found.summary),
        *(_claim(claim) for claim in found.claims),
        *(paragraph(("todo ", "bold"), foreign(action), indent=5) for action in found.actions),
        *(paragraph(("not done ", "warn"), foreign(step), indent=9) for step in found.not_done),
    ]


def answer(found: SourcedAnswer) -> list[Paragraph]:
    """Return an answer to a question: its statements with their sources, then a model's own words apart."""
    rows = [paragraph(("question ", "dim"), foreign(found.question), indent=9)]
    rows += [_claim(claim) for claim in found.claims] or [paragraph("Nothing that is recorded answers this.")]
    if found.free_text:
        rows += [paragraph(("the model's own words, not checked:", "warn")), *fenced(found.free_text)]
    sources = [
        paragraph(
            (f"{foreign(one.id, 40)} ", "bold"), foreign(one.title), (f"  {foreign(one.source)}", "dim"), indent=4
        )
        for one in found.passages
    ]
    return [*rows, *([paragraph(""), paragraph(("looked up", "dim")), *sources] if sources else [])]


def asked(view: IncidentView) -> list[Paragraph]:
    """Return the proposals and decisions of an incident."""
    rows = [_proposal(proposal) for proposal in view.proposals]
    return rows + [paragraph("decision ", foreign(text), indent=9) for text in view.decisions]


def evidence(items: Iterable[Evidence]) -> list[Paragraph]:
    """Return recorded facts, each with its content fenced."""
    rows: list[Paragraph] = []
    for item in items:
        rows.append(paragraph((f"{item.kind} ", "bold"), foreign(item.summary), (f"  {item.id}", "dim"), indent=2))
        rows += facts(item.content)
    return rows


def facts(content: str) -> list[Paragraph]:
    """Return JSON objects as a row per field that is set, any other text as it is, all fenced."""
    try:
        record = json.loads(content)
    except ValueError:
        return fenced(content)
    if not isinstance(record, dict):
        return fenced(content)
    kept = {key: value for key, value in record.items() if value not in ("", [], {}, None, False, -1)}
    return [
        paragraph((f"  {FENCE}{foreign(str(key)):<11}", "dim"), foreign(_flat(value), 600), indent=15, max_rows=6)
        for key, value in kept.items()
    ]


def fenced(text: str, rows: int = 12) -> list[Paragraph]:
    """Return captured or model-written text, each row behind a fence it cannot draw itself."""
    kept = text.splitlines()[:rows]
    return [paragraph((f"  {FENCE}", "dim"), foreign(row, 600), indent=4, max_rows=6) for row in kept]


def alert_facts(alert: Alert) -> list[Paragraph]:
    """Return what one alert says."""
    found = alert.detection
    severity = (SEVERITY_WORDS[found.severity], SEVERITY_STYLES.get(found.severity, ""))
    return [
        paragraph(severity, f" {found.label} ×{alert.count} score {found.score:.3f}"),
        paragraph(f"{found.detector} {found.version}: {found.reason}"),
    ]


def block_facts(block: Block, now: float) -> list[Paragraph]:
    """Return one block in full, in force or ended."""
    state = block_state(block)
    approver = foreign(block.approver) or "not recorded"
    term = "permanent" if block.ttl_s == 0 else span(block.ttl_s)
    ended = block.ended_at > 0
    means = f"ended {clock(block.ended_at)}: {foreign(block.ended_why, 40)}" if ended else _means(block)
    inbound = f"{block.packets} packets in, {count(block.bytes)}B"
    outbound = f"{block.out_packets} out, {count(block.out_bytes)}B"
    dropped = "counted" if block.watch else "dropped"
    return [
        paragraph(("ENDED", "dim") if ended else (state.text.upper(), state.style), f" {block.prefix}: {means}"),
        _fact("entry", _entry(block, now)),
        _fact("term", f"{term}, approved {clock(block.added_at)}"),
        _fact(dropped, f"{inbound}; {outbound}; last {clock(block.last_hit_at)}"),
        _fact("approved", f"{approver} ({block.proposal_id or 'no proposal'})"),
        _fact("why", f"{foreign(block.reason)} {block.incident_id}".strip() or "not recorded"),
        _fact("keys", _block_keys(block)),
    ]


def _means(block: Block) -> str:
    if block.watch:
        return "it only counts, every packet passes"
    if block.keep_within_s > 0:
        return f"reverts by itself in {int(block.keep_within_s)} s unless you keep it"
    return STATE_MEANS[block.state]


def _entry(block: Block, now: float) -> str:
    ifaces = ", ".join(block.ifaces) or "no interface"
    if block.ended_at > 0:
        return f"none any more; it was on {ifaces}"
    until = "for good" if math.isinf(block.remaining_s) else f"until {clock(now + block.remaining_s)}"
    verb = "counts" if block.watch else "drops"
    left = "" if math.isinf(block.remaining_s) else f", {span(block.remaining_s)} left"
    return f"{verb} packets of {block.prefix} on {ifaces} {until}{left}"


def _block_keys(block: Block) -> str:
    if block.ended_at > 0:
        return f"{key_of('block')} asks to block it again, {key_of('allow')} never blocks it"
    if block.watch:
        return f"{key_of('block')} reviews its proposal"
    keep = f"{key_of('keep')} keeps it, " if block.keep_within_s > 0 else ""
    undo, extend, allow = key_of("undo"), key_of("extend"), key_of("allow")
    return f"{keep}{undo} lets it pass again, {extend} asks for another term, {allow} never blocks it"


def _fact(label: str, text: str) -> Paragraph:
    return paragraph((f"{label:<10} ", "dim"), text, indent=11)


def _step(step: TraceStep, rows: int) -> Paragraph:
    style = STEP_STYLES.get(step.kind, "")
    word = STEP_WORDS.get(step.kind, step.kind.value)
    role = step.role if step.role != word else ""
    took = f" ({step.elapsed_s:.1f} s)" if step.elapsed_s >= 0.05 else ""
    told_below = step.kind is StepKind.VERDICT
    text = "" if told_below else foreign(" ".join(FENCE_MARKER.sub("", step.content).split()))
    head, who = (f"{clock(step.at)} ", "dim"), (f"{role} {word} ".lstrip(), style)
    return paragraph(head, who, (foreign(step.name), "bold"), f" {text}{took}", indent=9, max_rows=rows)


def _claim(claim: Claim) -> Paragraph:
    mark = ("  + ", "") if claim.supported else ("  ? ", "warn")
    ids = " ".join((*claim.evidence_ids, *claim.knowledge_ids))
    unsupported = ("", "") if claim.supported else (" unsupported", "warn")
    return paragraph(mark, foreign(claim.text), unsupported, (f" {foreign(ids)}", "dim"), indent=4)


def _proposal(proposal: Proposal) -> Paragraph:
    terms = proposal.terms
    term = "permanently" if terms.ttl_s == 0 else f"for {span(terms.ttl_s)}"
    pending = proposal.state is ProposalState.PENDING
    hint = (f"  [{key_of('block')}] review", "bold") if pending else ("", "")
    state = (proposal.state.value, "warn" if pending else "")
    return paragraph(
        f"{proposal.id} block {asked_for(proposal)} {term}: ", state, hint, f" {foreign(proposal.reason)}", indent=2
    )


def _flat(value: object) -> str:
    if isinstance(value, list):
        return " | ".join(map(str, value))
    return str(value)
