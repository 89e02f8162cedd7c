"""Incidents in words: trace, verdict, evidence, proposals and blocks as paragraphs."""

from __future__ import annotations

import math
from collections.abc import Iterable

from aegis_tui.keyboard.keymap import key_of
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.record import fields, sentence
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import (
    ASK_KERNEL,
    SEVERITY_STYLES,
    SEVERITY_WORDS,
    STATE_MEANS,
    asked_for,
    block_at_last,
    block_state,
    clock,
    count,
    span,
)
from engine.types import (
    OUTCOME,
    Alert,
    Block,
    BlockState,
    Claim,
    Conclusion,
    Evidence,
    Incident,
    IncidentView,
    Proposal,
    ProposalState,
    SourcedAnswer,
    StepKind,
    TraceStep,
)

NOT_BEGUN = paragraph("The analyst has not begun.")
FENCE = "┆ "
"""Stands before every row of captured or model-written text; such text cannot contain it."""

HOST_KINDS = ("socket_owner", "process")
KINDS = (*HOST_KINDS, "payload", "alert", "flow")
"""Evidence in the order it is read: who it was on this host, what was sent and answered, then the rest."""

PASSING = {
    BlockState.PENDING: "none yet",
    BlockState.FAILED: "none, its packets pass",
    BlockState.EXPIRED: "none any more, its packets pass",
    BlockState.HALTED: "none, its packets pass",
}
"""What is to be said of the entry in the kernel where there is none."""

NAME_CELLS = 18
"""Of a field's name, beside its value."""

STEP_STYLES = {StepKind.FAULT: "warn", StepKind.VERDICT: "bold"}
STEP_WORDS = {
    StepKind.TOOL_CALL: "calls",
    StepKind.TOOL_RESULT: "gets",
    StepKind.PROMPT: "asks",
    StepKind.PLAN: "plans",
}


def heading(incident: Incident) -> str:
    """Return which incident a pane tells of."""
    return f"{incident.id} {incident.target_ip} · {incident.title}"


def trace(steps: Iterable[TraceStep], rows: int = 12) -> list[Paragraph]:
    """Return the analyst's steps, oldest first, each in at most ``rows`` rows."""
    return [_step(step, rows) for step in steps]


def conclusion(view: IncidentView) -> list[Paragraph]:
    """Return what the analyst concludes, and whether the attack worked."""
    found = view.verdict
    if found is None:
        return [paragraph("No verdict yet. It appears here when the analyst is done; nothing waits for you.")]
    style = "danger" if found.conclusion is Conclusion.MALICIOUS else "bold"
    severity = SEVERITY_WORDS[found.severity]
    return [
        paragraph((found.conclusion.upper(), style), f" · {severity} · by {foreign(found.analyst)} {clock(found.at)}"),
        *([_outcome(found.outcome, found.at, view.is_overtaken)] if found.outcome else []),
    ]


def grounds(view: IncidentView) -> list[Paragraph]:
    """Return what a verdict rests on, what to do, and what was not done."""
    found = view.verdict
    if found is None:
        return []
    return [
        paragraph(" ".join(found.attack_ids)),
        *fenced(found.summary),
        *(_claim(claim) for claim in found.claims if claim is not found.outcome),
        *(paragraph(("todo ", "bold"), foreign(action), indent=5) for action in found.actions),
        *(paragraph(("not done ", "warn"), foreign(step), indent=9) for step in found.not_done),
    ]


def _outcome(claim: Claim, at: float, is_overtaken: bool) -> Paragraph:
    """Return whether it worked, and that more came since where it did."""
    since = (f" As of {clock(at)}: more came since.", "warn") if is_overtaken else ("", "")
    ids = (f" {foreign(' '.join(claim.evidence_ids))}", "dim")
    return paragraph((OUTCOME, "bold"), foreign(claim.text.removeprefix(OUTCOME)), since, ids, indent=len(OUTCOME))


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


def recorded(view: IncidentView) -> list[Paragraph]:
    """Return all evidence of an incident: what is known of the host's own process first, each alert once."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    items = sorted(_latest(view.evidence), key=lambda one: (order.get(one.kind, len(order)), one.at))
    if any(item.kind in HOST_KINDS for item in items):
        return evidence(items)
    return [paragraph("No process facts: not asked yet, not permitted, or not recorded."), *evidence(items)]


def _latest(items: Iterable[Evidence]) -> list[Evidence]:
    """Return the items without alerts as they stood before: each repeat is recorded anew under the same alert."""
    kept: dict[str, Evidence] = {}
    for item in sorted(items, key=_repeats):
        told = dict(fields(item.content) or ()) if item.kind == "alert" else {}
        kept[told.get("alert", item.id)] = item
    return list(kept.values())


def _repeats(item: Evidence) -> int:
    times = dict(fields(item.content) or ()).get("count", "") if item.kind == "alert" else ""
    return int(times) if times.isdecimal() else 0


def evidence(items: Iterable[Evidence]) -> list[Paragraph]:
    """Return recorded facts, each with its content fenced."""
    rows: list[Paragraph] = []
    for item in items:
        kind = (f"{item.kind.replace('_', ' ')} ", "bold")
        rows.append(paragraph(kind, foreign(item.summary), (f"  {item.id}", "dim"), indent=2))
        rows += facts(item.content)
    return rows


def facts(content: str) -> list[Paragraph]:
    """Return a JSON object as a row per field that is set, any other text as it is, all fenced."""
    told = fields(content)
    if told is None:
        return fenced(content)
    names = [foreign(name)[:NAME_CELLS] for name, _ in told]
    wide = min(NAME_CELLS, max(map(len, names), default=0)) + 2
    return [
        paragraph((f"  {FENCE}{name:<{wide}}", "dim"), foreign(value, 600), indent=wide + 4, max_rows=6)
        for name, (_, value) in zip(names, told, strict=True)
    ]


def fenced(text: str, rows: int = 12) -> list[Paragraph]:
    """Return captured or model-written text, each row behind a fence it cannot draw itself, and how much was cut."""
    lines = text.splitlines()
    kept = [paragraph((f"  {FENCE}", "dim"), foreign(row, 600), indent=4, max_rows=6) for row in lines[:rows]]
    return kept if len(lines) <= rows else [*kept, paragraph((f"  … +{len(lines) - rows:,} lines", "dim"))]


def alert_facts(alert: Alert) -> list[Paragraph]:
    """Return what one alert says."""
    found = alert.detection
    severity = (SEVERITY_WORDS[found.severity], SEVERITY_STYLES.get(found.severity, ""))
    return [
        paragraph(severity, f" {found.label} ×{alert.count} score {found.score:.3f}"),
        paragraph(f"{found.detector} {found.version}: {found.reason}"),
    ]


def block_facts(block: Block, now: float, stale_since: float = 0.0) -> list[Paragraph]:
    """Return one block in full, in force or ended; or as it was known last, at ``stale_since``."""
    if stale_since and not block.ended_at:
        told = f"{block_at_last(block).text} at {clock(stale_since)}; unknown now: {ASK_KERNEL}"
        return [paragraph((block.prefix, "warn"), f" {told}"), *block_facts(block, now)[2:-1]]
    state = block_state(block)
    approver = foreign(block.approver) or "not recorded"
    term = "permanent" if block.ttl_s == 0 else span(block.ttl_s)
    ended = block.ended_at > 0
    means = f"ended {clock(block.ended_at)}: {foreign(block.ended_why, 40)}" if ended else _means(block)
    inbound = f"{block.packets:,} packets in, {count(block.bytes)}B"
    outbound = f"{block.out_packets:,} out, {count(block.out_bytes)}B"
    dropped = "counted" if block.watch else "dropped"
    return [
        paragraph(("ENDED", "dim") if ended else (_loud(state.text), state.style), f" {block.prefix}: {means}"),
        _fact("entry", _entry(block, now)),
        _fact("term", f"{term}, approved {clock(block.added_at)}"),
        _fact(dropped, f"{inbound}; {outbound}; last {clock(block.last_hit_at)}"),
        _fact("approved", f"{approver} ({block.proposal_id or 'no proposal'})"),
        _fact("why", f"{foreign(block.reason)} {block.incident_id}".strip() or "not recorded"),
        _fact("keys", _block_keys(block)),
    ]


def _loud(state: str) -> str:
    word, space, rest = state.partition(" ")
    return f"{word.upper()}{space}{rest}"


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
    if block.state in PASSING:
        return f"{PASSING[block.state]}; ordered on {ifaces}{_until(block, now)}"
    verb = "counts" if block.watch else "drops"
    return f"{verb} packets of {block.prefix} on {ifaces}{_until(block, now)}"


def _until(block: Block, now: float) -> str:
    if math.isinf(block.remaining_s):
        return " for good"
    return f" until {clock(now + block.remaining_s)}, {span(block.remaining_s)} left" if block.remaining_s > 0 else ""


def _block_keys(block: Block) -> str:
    if block.state is BlockState.HALTED:
        return f"`sudo aegis-tui blocks resume` in a shell enforces it again; {key_of('undo')} takes it back"
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
    role = step.role if step.role not in (word, step.kind.value) else ""
    took = f" ({step.elapsed_s:.1f}s)" if step.elapsed_s >= 0.05 else ""
    text = _concluded(step) if step.kind is StepKind.VERDICT else foreign(sentence(step.content))
    head, who = (f"{clock(step.at)} ", "dim"), (f"{role} {word} ".lstrip(), style)
    said = f" {text}" if text else ""
    return paragraph(head, who, (foreign(step.name), "bold"), f"{said}{took}", indent=9, max_rows=rows)


def _concluded(step: TraceStep) -> str:
    """Return the one word of a verdict: the rest of it stands in a pane of its own."""
    found = dict(fields(step.content) or (("conclusion", step.content),)).get("conclusion", "")
    return found if found in tuple(Conclusion) else ""


def _claim(claim: Claim) -> Paragraph:
    mark = ("  + ", "") if claim.supported else ("  ? ", "warn")
    ids = " ".join((*claim.evidence_ids, *claim.knowledge_ids))
    unsupported = ("", "") if claim.supported else (" unsupported", "warn")
    return paragraph(mark, foreign(claim.text), unsupported, (f" {foreign(ids)}", "dim"), indent=4)


def _proposal(proposal: Proposal) -> Paragraph:
    terms = proposal.terms
    term = "permanently" if terms.ttl_s == 0 else f"for {span(terms.ttl_s)}"
    pending = proposal.state is ProposalState.PENDING
    hint = (f", [{key_of('block')}] reviews it", "bold") if pending else ("", "")
    state = (proposal.state.value, "warn" if pending else "")
    asks = f"{proposal.id} block {asked_for(proposal)} {term}: "
    return paragraph(asks, state, hint, f"; why: {foreign(proposal.reason)}", indent=2)
