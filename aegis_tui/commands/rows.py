"""Proposals, blocks and spans in words, and the columns they are listed in; the printer makes them inert."""

from __future__ import annotations

import math
import re
import time

from aegis_tui.commands.layout import Column
from aegis_tui.commands.terminal import moment
from engine.guard import terms
from engine.guard.messages import Review
from engine.types import Block, Listed, Proposal

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
PERMANENT = "permanent"


def parse_span(text: str) -> float:
    """Return the seconds of ``90s``, ``10m``, ``1h`` or ``7d``, and 0 for ``permanent``.

    Raises:
        ValueError: the text is none of these.
    """
    if text == PERMANENT:
        return 0.0
    found = _SPAN.fullmatch(text)
    if found is None or not int(found[1]):
        msg = f"--for takes a time such as 10m, 1h, 24h or 7d, or {PERMANENT}, not {text!r}"
        raise ValueError(msg)
    return int(found[1]) * _UNITS[found[2]]


def span(seconds: float) -> str:
    """Return a term in the words of the guard's questions; 0 is permanent."""
    return terms.words(seconds) if seconds else PERMANENT


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, such as ``1 prefix`` or ``4,312 prefixes``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def prefixes(number: int) -> str:
    """Return how many prefixes there are, in words."""
    return count(number, "prefix", "prefixes")


def question(review: Review) -> list[str]:
    """Return what a proposal asks for, with everything a person should know before they answer."""
    proposal, asked = review.proposal, review.proposal.terms
    where = ", ".join(asked.ifaces) or "the attached interfaces"
    lines = [
        f"{proposal.id}: block {target(proposal)} on {where} for {span(asked.ttl_s)}",
        f"  why       {proposal.reason}",
        f"  incident  {asked.incident_id or 'none'}",
        f"  state     {proposal.state.words}, expires {moment(proposal.expires_at)}",
    ]
    lines += _sum(proposal.listed) if proposal.listed else []
    lines += [f"  entry     {review.entry}"] if review.entry else []
    out = "dropped as well" if review.outbound else "not dropped: they still leave"
    lines += [f"  outbound  packets sent to it are {out}"]
    if review.trial_s:
        lines += [f"  trial     reverts by itself after {span(review.trial_s)} unless you keep it: {review.trial_why}"]
    if proposal.prior_blocks > len(review.prior):
        lines += [f"  before    blocked {count(proposal.prior_blocks, 'time')} before"]
    lines += [f"  before    {line}" for line in review.prior]
    lines += [f"  warning   {warning}" for warning in proposal.warnings]
    return lines + [f"  REFUSED   {refusal}" for refusal in review.refusals]


def _sum(listed: Listed) -> list[str]:
    """Return what a list amounts to, and what the rules left out of it."""
    lines = [f"  prefixes  {_sample(listed.sample, listed.prefixes)}"]
    if listed.left_out:
        lines += [f"  left out  {prefixes(listed.left_out)}, which the rules refuse"]
        lines += [f"  left out  {reason}" for reason in listed.left_out_sample]
        more = listed.left_out - len(listed.left_out_sample)
        lines += [f"  left out  and {more:,} more"] if more > 0 else []
    return lines


def _sample(sample: tuple[str, ...], total: int) -> str:
    more = total - len(sample)
    return ", ".join(sample) + (f" and {more:,} more" if more > 0 else "")


def target(proposal: Proposal) -> str:
    """Return what a proposal would block: a prefix, or the sum of a list."""
    listed = proposal.listed
    if listed is None:
        return proposal.terms.prefix
    return f"{prefixes(listed.prefixes)} ({count(listed.addresses, 'address', 'addresses')})"


PROPOSALS: tuple[Column[Proposal], ...] = (
    Column("id", lambda one: one.id, least=7),
    Column("state", lambda one: one.state, least=8),
    Column("target", target, least=43),
    Column("term", lambda one: span(one.terms.ttl_s), goes=1, least=11),
    Column("incident", lambda one: one.terms.incident_id or "-", goes=2, least=13),
    Column("reason", lambda one: one.reason),
)
"""What ``proposals list`` shows."""

_DECIDED: tuple[Column[Block], ...] = (
    Column("proposal", lambda one: one.proposal_id or "-", goes=4, least=8),
    Column("approved by", lambda one: one.approver or "-", goes=6, least=16),
    Column("reason", lambda one: f"{one.reason or '-'}{_mark(one)}"),
)


def in_force(now: float | None = None) -> tuple[Column[Block], ...]:
    """Return what ``blocks list`` shows; ``now`` is the wall clock that its last packet is counted from."""
    return (
        Column("prefix", lambda one: one.prefix, least=43),
        Column("state", _state, least=8),
        Column("term", left, goes=1, least=16),
        Column("dropped in", lambda one: _counted(one.packets, one.bytes), goes=2, least=24),
        Column("dropped out", lambda one: _counted(one.out_packets, one.out_bytes), goes=5, least=24),
        Column("last packet", lambda one: _last(one, now), goes=3, least=12),
        *_DECIDED,
    )


ENDED: tuple[Column[Block], ...] = (
    Column("prefix", lambda one: one.prefix, least=43),
    Column("ended", lambda one: one.ended_why or "ended", least=8),
    Column("at", lambda one: moment(one.ended_at) if one.added_at else "-", goes=1, least=25),
    Column("after", lambda one: span(one.ended_at - one.added_at) if one.added_at else "-", goes=3, least=11),
    Column("dropped in", lambda one: _counted(one.packets, one.bytes), goes=2, least=24),
    Column("dropped out", lambda one: _counted(one.out_packets, one.out_bytes), goes=5, least=24),
    *_DECIDED,
)
"""What ``blocks list --ended`` shows."""


def block_line(block: Block) -> str:
    """Return what became of one block that was asked for, in one line."""
    told = f"{block.prefix} is {_state(block)}: {left(block)}, approved by {block.approver or '-'}"
    return f"{told}: {block.reason or '-'}{_mark(block)}"


def left(block: Block) -> str:
    """Return how long a block still lasts, in words."""
    return PERMANENT if math.isinf(block.remaining_s) else terms.left(block.remaining_s)


def _state(block: Block) -> str:
    return "watch" if block.watch else block.state


def _counted(packets: int, weight: int) -> str:
    return f"{count(packets, 'packet')} {size(weight)}" if packets else "none"


def _last(block: Block, now: float | None) -> str:
    if not block.last_hit_at:
        return "never"
    return f"{terms.about((time.time() if now is None else now) - block.last_hit_at)} ago"


def _mark(block: Block) -> str:
    if block.keep_within_s:
        return f"  [on trial: reverts in {block.keep_within_s:.0f} s unless kept]"
    return "  [watch: counted, every packet passes]" if block.watch else ""


def size(number: int) -> str:
    """Return a number of bytes in the largest unit it fills."""
    for power, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= power:
            return f"{number / power:.3g} {unit}"
    return f"{number} B"
