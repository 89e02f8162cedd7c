"""Proposals, blocks and spans in a line's words; the caller makes them inert before they are printed."""

from __future__ import annotations

import math
import re
import time

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
        f"  state     {proposal.state}, expires {moment(proposal.expires_at)}",
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


def proposal_row(proposal: Proposal) -> str:
    """Return a proposal as one line."""
    asked = proposal.terms
    return (
        f"{proposal.id:8} {proposal.state:9} {target(proposal):43} {span(asked.ttl_s):11} "
        f"{asked.incident_id or '-':13} {proposal.reason}"
    )


def block_row(block: Block, now: float | None = None) -> str:
    """Return a block as one line; ``now`` is the wall clock that its last packet is counted from."""
    return (
        f"{block.prefix:43} {_state(block):8} {left(block):16} {_counted(block, now)}  {_origin(block)}{_mark(block)}"
    )


def left(block: Block) -> str:
    """Return how long a block still lasts, in words."""
    return PERMANENT if math.isinf(block.remaining_s) else terms.left(block.remaining_s)


def ended_row(block: Block) -> str:
    """Return a block that ended as one line."""
    when = f"{moment(block.ended_at)} after {span(block.ended_at - block.added_at)}" if block.added_at else "-"
    return f"{block.prefix:43} {block.ended_why or 'ended':8} {when}  {_counted(block, None)}  {_origin(block)}"


def _state(block: Block) -> str:
    return "watch" if block.watch else block.state


def _counted(block: Block, now: float | None) -> str:
    passed = " (counted, not dropped)" if block.watch else ""
    words = (
        f"in {count(block.packets, 'packet')} {size(block.bytes)}, "
        f"out {count(block.out_packets, 'packet')} {size(block.out_bytes)}{passed}"
    )
    if not block.last_hit_at:
        return f"{words}, never hit"
    ago = (time.time() if now is None else now) - block.last_hit_at
    return f"{words}, last {terms.about(ago)} ago"


def _origin(block: Block) -> str:
    return f"{block.proposal_id or '-'} {block.approver or '-'}: {block.reason or '-'}"


def _mark(block: Block) -> str:
    if block.keep_within_s:
        return f"  [on trial: reverts in {block.keep_within_s:.0f} s unless kept]"
    return "  [watch: lets every packet pass]" if block.watch else ""


def size(number: int) -> str:
    """Return a number of bytes in the largest unit it fills."""
    for power, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= power:
            return f"{number / power:.3g} {unit}"
    return f"{number} B"
