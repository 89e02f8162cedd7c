"""Numbers, times and states as short words of fixed width."""

from __future__ import annotations

import math

from aegis_tui.clock import NEVER, clock, moment
from aegis_tui.widgets.line import Span
from engine.types import Block, BlockState, Disposition, Proposal, Severity, Snapshot

__all__ = ["clock"]
"""Beside the words: the same clock as the commands'."""

SEVERITY_WORDS = {
    Severity.INFO: "INFO",
    Severity.LOW: "LOW",
    Severity.MEDIUM: "MED",
    Severity.HIGH: "HIGH",
    Severity.CRITICAL: "CRIT",
}
SEVERITY_STYLES = {Severity.HIGH: "danger", Severity.CRITICAL: "critical", Severity.MEDIUM: "warn"}

BLOCK_STYLES = {
    BlockState.LIVE: "good",
    BlockState.FAILED: "danger",
    BlockState.DRIFTED: "danger",
    BlockState.HALTED: "danger",
    BlockState.PENDING: "warn",
}

STATE_MEANS = {
    BlockState.LIVE: "the kernel drops its packets",
    BlockState.PENDING: "ordered, and not read back from the kernel yet",
    BlockState.FAILED: "the kernel did not take it; it is tried again",
    BlockState.EXPIRED: "its term is over: packets pass",
    BlockState.DRIFTED: "in the kernel, but nobody approved it here",
    BlockState.HALTED: "held back by panic-unblock: packets pass",
}

DISPOSITION_WORDS = {
    Disposition.UNDETERMINED: "",
    Disposition.TRUE_POSITIVE: "true pos",
    Disposition.BENIGN_POSITIVE: "benign pos",
    Disposition.FALSE_POSITIVE: "false pos",
}


ASK_KERNEL = "`sudo aegis-tui blocks list` asks the kernel"
"""Where the engine cannot be asked what is in force."""

DAY_S = 86_400.0


def dated(at: float) -> str:
    """Return a moment as date and time to the minute."""
    return moment(at)[:16] if at > 0 else NEVER


def since(at: float, now: float) -> str:
    """Return a moment in five characters: hour and minute, or month and day where it is a day ago or more."""
    if clock(at) == NEVER or now - at < DAY_S:
        return clock(at)[:5]
    return moment(at)[5:10]


DISPOSITION_SIGNS = {
    Disposition.UNDETERMINED: "",
    Disposition.TRUE_POSITIVE: "TP",
    Disposition.BENIGN_POSITIVE: "BP",
    Disposition.FALSE_POSITIVE: "FP",
}
"""Beside another word, where there is no room for two."""


def count(number: float) -> str:
    """Return a number in at most five characters: ``812``, ``1.2k``, ``48M``."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            scaled = number / size
            return f"{scaled:.1f}{unit}" if scaled < 10 else f"{scaled:.0f}{unit}"
    return f"{number:.0f}"


def span(seconds: float) -> str:
    """Return a duration in its two largest units, or ``permanent``; hours up to two days, as questions say it."""
    if math.isinf(seconds):
        return "permanent"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 2 * 86400:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours}h {rest:02d}m" if rest else f"{hours}h"
    days, rest = divmod(whole // 3600, 24)
    return f"{days}d {rest:02d}h" if rest else f"{days}d"


def minutes(seconds: float) -> str:
    """Return a countdown as ``14:31``."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def block_state(block: Block) -> Span:
    """Return the one word on a block: its state, or that it only counts, or how long it can be kept."""
    if block.watch:
        return Span("watch")
    if block.keep_within_s > 0:
        return Span(f"trial {int(block.keep_within_s)}s", "warn")
    return Span(block.state.value, BLOCK_STYLES.get(block.state, ""))


def block_at_last(block: Block) -> Span:
    """Return the one word on a block while nobody can say whether it is in force still."""
    return Span("watch" if block.watch else f"was {block.state.value}")


def dropped_packets(snapshot: Snapshot) -> int:
    """Return how many packets all blocks dropped, with those that are not among the blocks shown."""
    shown = sum(block.packets + block.out_packets for block in snapshot.blocks if not block.watch)
    return max(shown, snapshot.dropped_packets)


def asked_for(proposal: Proposal) -> str:
    """Return what a proposal would block: a prefix, or how many."""
    if proposal.listed is None:
        return proposal.terms.prefix
    return f"{proposal.listed.prefixes:,} prefix{'' if proposal.listed.prefixes == 1 else 'es'}"


def ends(address: str, port: int) -> str:
    """Return one end of a flow, brackets around IPv6; no port for protocols without."""
    host = f"[{address}]" if ":" in address and port else address
    return f"{host}:{port}" if port else host
