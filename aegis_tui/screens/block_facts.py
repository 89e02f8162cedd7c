"""What the dialogs tell before a person decides, and how it fits the terminal.

Every word is the program's own, or captured text made harmless by ``foreign``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from aegis_tui.bridge import ReviewView
from aegis_tui.keyboard.keymap import key_of, screen_of
from aegis_tui.widgets.line import Line, Paragraph, Span, paragraph, plain, wrap
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.words import clock, count, minutes, span
from engine.guard.terms import JITTER, RUNGS_S, words
from engine.types import Block, Enforced, Impact, IncidentView, Listed, Proposal, ProposalState, Snapshot

LABEL = 9
"""Cells of a fact's label: as wide as those of the controls below."""

SAMPLE = 6
"""Targets of a list that are named."""

LOOKING = "looking at the flows recorded here …"
SPOOFABLE = "NO handshake: the source may be spoofed, you may block a bystander"


class Fact(NamedTuple):
    """One statement of a dialog."""

    rank: int
    """The statement with the highest rank is shortened first where room is short."""
    text: Paragraph


class Preview(NamedTuple):
    """What a block would have dropped lately, as far as it is known."""

    impact: Impact | None = None
    why_not: str = LOOKING
    """Why there is no impact to show."""


def block_facts(
    review: ReviewView, incident: IncidentView | None, preview: Preview, now: float, done: bool
) -> list[Fact]:
    """Return what to know about a block of one prefix."""
    proposal, terms = review.proposal, review.proposal.terms
    return [
        _head(proposal, f"Block {terms.prefix}", now, done),
        *_against(review),
        *_them(terms.prefix, incident, preview.impact),
        *_warnings(proposal),
        _fact(8, "Why", _why(proposal, incident)),
        _impact(preview, review),
        *_before(review),
        *_width(terms.prefix),
        *_jitter(proposal),
        *_entry(review),
        *_trial(review),
        *_undo(proposal, f"{key_of('undo')}; aegis-tui blocks remove {terms.prefix}"),
    ]


def batch_facts(
    review: ReviewView, listed: Listed, preview: Preview, now: float, done: bool, previewed: int
) -> list[Fact]:
    """Return what to know about a block of many prefixes, of which the impact of ``previewed`` is known."""
    proposal = review.proposal
    term = "permanently" if proposal.terms.ttl_s == 0 else f"for {span(proposal.terms.ttl_s)}"
    sample = listed.sample[:SAMPLE]
    more = f" and {listed.prefixes - len(sample):,} more" if listed.prefixes > len(sample) else ""
    left_out = "; ".join(foreign(text, 200) for text in listed.left_out_sample)
    return [
        _head(proposal, f"Block {prefixes(listed.prefixes)} {term}", now, done),
        *_against(review),
        _fact(3, "Sum", f"{prefixes(listed.prefixes)}, {addresses(listed.addresses)}"),
        _fact(7, "Targets", ", ".join(map(foreign, sample)) + more),
        *([_fact(5, "Left out", f"{listed.left_out:,} by the rules: {left_out}", "warn")] if listed.left_out else []),
        *_warnings(proposal),
        _fact(8, "Why", foreign(proposal.reason) or "no reason given"),
        _impact(preview, review, "" if previewed >= listed.prefixes else f"of {previewed} of them, "),
        *(_before(review) if review.prior or proposal.prior_blocks else []),
        *_entry(review, "them"),
        *_trial(review),
        *_undo(proposal, f"aegis-tui blocks remove {proposal.id}"),
    ]


def fitted(facts: Sequence[Fact], width: int, room: int) -> list[Line]:
    """Return the rows of all facts; while they are too many, the last row of the least important is taken away.

    A fact that was cut ends in ``…``. Each keeps its first row, so the rows may still be more than ``room``.
    """
    rows = [wrap(fact.text, width) for fact in facts]
    cut: set[int] = set()
    while sum(map(len, rows)) > room:
        longer = [n for n, lines in enumerate(rows) if len(lines) > 1]
        if not longer:
            break
        last = max(longer, key=lambda n: facts[n].rank)
        rows[last].pop()
        cut.add(last)
    for n in cut:
        rows[n][-1] = _cut(rows[n][-1], width)
    return [row for lines in rows for row in lines]


def outcome(block: Block, snapshot: Snapshot, seen: bool) -> Paragraph:
    """Return what became of a block that was approved; ``seen`` tells whether the kernel's list held it before."""
    held = next((b for b in snapshot.blocks if b.prefix == block.prefix and not b.watch), None)
    if held is None and seen:
        return paragraph(
            ("no longer in force: ", "warn"), f"it expired, reverted or was removed; {screen_of('blocks')} says which"
        )
    now = held or block
    read_back = (f"{now.state.value}, read back {clock(block.added_at)}, ", "bold")
    return paragraph(read_back, f"{_dropped(now)}; {span(now.remaining_s)} left")


def batch_outcome(proposal: Proposal, snapshot: Snapshot, made: Block | None = None) -> Paragraph:
    """Return what became of the blocks of a list that was approved."""
    held = [block for block in snapshot.blocks if block.proposal_id == proposal.id and not block.watch]
    states = {block.state for block in held}
    told_states = [f"{sum(b.state is state for b in held)} {state.value}" for state in sorted(states)]
    asked = proposal.listed.prefixes if proposal.listed else len(held)
    dropped = sum(block.packets for block in held)
    hidden = "; the newest 500 are shown" if asked > len(held) else ""
    if isinstance(made, Enforced):
        failed = f", {made.failed:,} not taken" if made.failed else ""
        told = f"{made.count:,} block{'' if made.count == 1 else 's'}{failed}, "
        return paragraph((told, "bold"), f"{dropped} packets dropped{hidden}; {screen_of('blocks')}")
    return paragraph(
        (f"{', '.join(told_states) or 'none'} of {asked:,}, ", "bold"),
        f"{dropped} packets dropped{hidden}; {screen_of('blocks')}",
    )


def watching(watch: Block, left_s: float) -> Paragraph:
    """Return what an entry that only counts has counted."""
    packets = f"{watch.packets + watch.out_packets} packets would have been dropped"
    if left_s <= 0:
        return paragraph(("watched: ", "bold"), f"{packets}; nothing was")
    return paragraph(("watching: ", "bold"), f"{packets}, {int(left_s)} s left")


def on_trial(blocks: Sequence[Block]) -> Paragraph:
    """Return how long blocks on trial can still be kept."""
    left = min(block.keep_within_s for block in blocks)
    what = "reverts" if len(blocks) == 1 else f"{len(blocks)} blocks revert"
    return paragraph(("on trial: ", "warn"), f"{what} in {int(left)} s unless you keep it: K")


def prefixes(number: int) -> str:
    """Return a number of prefixes in words."""
    return f"{number:,} prefix{'' if number == 1 else 'es'}"


def addresses(number: int) -> str:
    """Return a number of addresses in words."""
    return f"{number:,} address{'' if number == 1 else 'es'}"


def _head(proposal: Proposal, what: str, now: float, done: bool) -> Fact:
    waits = proposal.state is ProposalState.PENDING and not done
    left = "approved" if done else proposal.state.value
    if waits:
        left = f"expires in {minutes(proposal.expires_at - now)}" if now < proposal.expires_at else "expired"
    ifaces = ", ".join(proposal.terms.ifaces)
    where = f" on {ifaces}" if ifaces else "" if proposal.state is ProposalState.REPLAY else " on no interface"
    return Fact(1, paragraph((f"{what}{where}{'' if done else '?'}", "bold"), f"  {proposal.id}, {left}", max_rows=2))


def _against(review: ReviewView) -> list[Fact]:
    facts = [_fact(2, "REFUSED", foreign(text), "danger") for text in review.refusals]
    if review.halted:
        facts.append(_fact(2, "HALTED", "by panic-unblock: every packet passes, nothing is dropped", "danger"))
    return facts


def _undo(proposal: Proposal, how: str) -> list[Fact]:
    replayed = proposal.state is ProposalState.REPLAY
    return [] if replayed else [_fact(4, "Undo", f"{how}; aegis-tui panic-unblock")]


def _warnings(proposal: Proposal) -> list[Fact]:
    return [_fact(4, "Careful", foreign(text), "warn") for text in proposal.warnings]


def _why(proposal: Proposal, incident: IncidentView | None) -> str:
    why = foreign(proposal.reason) or "no reason given"
    if incident is None:
        return f"{proposal.terms.incident_id} {why}".strip()
    found = incident.verdict
    verdict = f"verdict {found.conclusion.value} ({foreign(found.analyst)})" if found else "no verdict yet"
    items, alerts = len(incident.evidence), len(incident.alerts)
    counted = f"{items} item{'' if items == 1 else 's'} of evidence, {alerts} alert{'' if alerts == 1 else 's'}"
    return f"{proposal.terms.incident_id} · {verdict} · {counted} · {why}"


def _them(prefix: str, incident: IncidentView | None, impact: Impact | None) -> list[Fact]:
    target_ip = incident.incident.target_ip if incident else ""
    if target_ip and ipaddress.ip_address(target_ip) not in ipaddress.ip_network(prefix):
        return [_fact(3, "Them?", f"NOT {target_ip} of the incident: you may block a bystander", "danger")]
    others = [source for source in impact.sources if source != target_ip] if impact and target_ip else []
    return [_handshake(incident, impact), *_bystanders(others, impact)]


def _handshake(incident: IncidentView | None, impact: Impact | None) -> Fact:
    at = impact.handshake_at if impact else 0.0
    if incident is not None and incident.incident.handshake:
        alone = impact is not None and impact.sources == (incident.incident.target_ip,)
        when = f" {clock(at)}" if at and alone else ""
        return _fact(3, "Them?", f"TCP handshake completed{when}: the source is not spoofed")
    if incident is not None:
        return _fact(3, "Them?", SPOOFABLE, "warn")
    if at:
        return _fact(3, "Them?", f"an address of it completed a TCP handshake {clock(at)}: that one is not spoofed")
    return _fact(3, "Them?", "no handshake of this address is recorded: it may be spoofed", "warn")


def _bystanders(others: Sequence[str], impact: Impact | None) -> list[Fact]:
    if not others or impact is None:
        return []
    number = max(len(others), impact.source_count - 1)
    verb = "was" if number == 1 else "were"
    return [_fact(4, "Others", f"{addresses(number)} beside it {verb} here lately: {', '.join(others)}", "warn")]


def _impact(preview: Preview, review: ReviewView, part: str = "") -> Fact:
    impact = preview.impact
    # Only the guard's own look at the host can say that no management flow is touched.
    management = ". No management flow." if review.entry and not review.trial_s else "."
    if impact is None:
        return _fact(5, "Impact", foreign(preview.why_not) + management)
    since = f"{part}last {span(impact.span_s)}: "
    if not impact.packets and not impact.out_packets:
        return _fact(5, "Impact", f"{since}no packet from or to it was seen here{management}")
    services = ", ".join(foreign(service, 60) for service in impact.services)
    flows = f"{impact.flows:,} flow{'' if impact.flows == 1 else 's'}"
    seen = f"{flows}, {impact.packets:,} packets in ({count(impact.bytes)}B), {impact.out_packets:,} out"
    return _fact(5, "Impact", f"{since}{seen}{f'; {services}' if services else ''}{management}")


def _before(review: ReviewView) -> list[Fact]:
    number = max(review.proposal.prior_blocks, len(review.prior))
    if number:
        times = "once" if number == 1 else f"{number} times"
        return [_fact(9, "Before", f"blocked {times}: {'; '.join(foreign(text, 120) for text in review.prior)}")]
    return [_fact(9, "Before", "never blocked here, as far as the guard remembers")] if review.entry else []


def _width(prefix: str) -> list[Fact]:
    network = ipaddress.ip_network(prefix)
    if network.version == 4:
        return []
    if network.prefixlen == 64:
        return [_fact(6, "IPv6", "/64, as a host picks its address within it; /128 blocks one address")]
    if network.prefixlen == 128:
        return [_fact(6, "IPv6", "/128 is one address; off-link its host may take another of the /64")]
    return []


def _jitter(proposal: Proposal) -> list[Fact]:
    """Return why a term is longer than the choice that stands for it."""
    ttl_s = proposal.terms.ttl_s
    rung = max((rung for rung in RUNGS_S if rung <= ttl_s), default=0.0)
    more = (ttl_s - rung) / rung if rung else 0.0
    if not 0 < more <= 1 / JITTER:
        return []
    told = f"{words(rung)}, +{max(1, round(more * 100))} % of jitter, so that nobody can count on the minute it ends"
    return [_fact(6, "Term", told)]


def _entry(review: ReviewView, whom: str = "it") -> list[Fact]:
    if review.proposal.state is ProposalState.REPLAY:
        return []
    entry = [_fact(6, "Entry", foreign(review.entry, 400))] if review.entry else []
    if review.outbound:
        return [*entry, _fact(6, "Out", f"packets to {whom} are dropped too")]
    return [*entry, _fact(6, "Out", f"packets to {whom} still leave", "warn")]


def _trial(review: ReviewView) -> list[Fact]:
    if not review.trial_s:
        return []
    why = f": {foreign(review.trial_why, 300)}" if review.trial_why else ""
    return [_fact(2, "Trial", f"reverts by itself after {review.trial_s:.0f} s unless you keep it{why}", "warn")]


def _dropped(block: Block) -> str:
    out = f", {block.out_packets} outbound" if block.out_packets else ""
    return f"{block.packets} packets dropped{out}" + ("" if block.packets or block.out_packets else " yet")


def _fact(rank: int, label: str, text: str, style: str = "") -> Fact:
    return Fact(rank, paragraph((f"{label:<{LABEL}}", style or "bold"), (text, style), indent=LABEL, max_rows=8))


def _cut(row: Line, width: int) -> Line:
    kept = row
    while kept and cell_len(plain(kept)) + 2 > width:
        kept = kept[:-1]
    return (*kept, Span(" …", "dim"))
