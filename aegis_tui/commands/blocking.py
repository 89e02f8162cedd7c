"""``proposals``, ``blocks``, ``panic-unblock`` and ``audit``: the guard's doors outside the console."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aegis_tui.commands.terminal import moment, say
from engine import wire
from engine.guard.client import GuardClient, connect, spawn
from engine.guard.messages import Review
from engine.guard.policy import canonical_prefix
from engine.types import Block, Proposal, Terms

_SPANS = {"10m": 600.0, "1h": 3600.0, "24h": 86400.0, "7d": 604800.0, "permanent": 0.0}


def list_proposals(arguments: argparse.Namespace) -> int:
    """List proposals, newest first."""
    with _guard() as guard:
        found = guard.proposals()
    for proposal in found:
        say(wire.event_line(proposal) if arguments.json else _proposal_row(proposal), as_json=arguments.json)
    if not found and not arguments.json:
        say("no proposal has been made")
    return 0


def show_proposal(arguments: argparse.Namespace) -> int:
    """Show what a proposal asks for."""
    with _guard() as guard:
        _say_all(_question(guard.review(arguments.id)))
    return 0


def approve_proposal(arguments: argparse.Namespace) -> int:
    """Ask the person at this terminal, and block if the answer is yes."""
    with _guard() as guard:
        return _ask_and_approve(guard, arguments.id)


def refuse_proposal(arguments: argparse.Namespace) -> int:
    """Record that the block is not wanted."""
    with _guard() as guard:
        say(guard.refuse(arguments.id))
    return 0


def list_blocks(arguments: argparse.Namespace) -> int:
    """List blocks as the kernel has them."""
    with _guard() as guard:
        found = guard.blocks()
        halted = guard.hello().halted
    for block in found:
        say(wire.event_line(block) if arguments.json else _block_row(block), as_json=arguments.json)
    if halted and not arguments.json:
        say("halted by panic-unblock: nothing is dropped; `aegis-tui blocks resume` ends it")
    if not found and not arguments.json:
        say("nothing is blocked")
    return 0


def add_block(arguments: argparse.Namespace) -> int:
    """Propose a block and ask for the decision at once."""
    if arguments.ttl not in _SPANS:
        msg = f"--for takes {', '.join(_SPANS)}, not {arguments.ttl!r}"
        raise ValueError(msg)
    terms = Terms("", canonical_prefix(arguments.prefix), _SPANS[arguments.ttl], tuple(arguments.iface or ()), "")
    with _guard(tuple(arguments.iface or ())) as guard:
        proposal = guard.propose(terms, "asked for on the command line", handshake=False)
        return _ask_and_approve(guard, proposal.id)


def remove_block(arguments: argparse.Namespace) -> int:
    """Take a block out of the kernel."""
    with _guard() as guard:
        say(guard.remove(canonical_prefix(arguments.prefix)))
    return 0


def resume(arguments: argparse.Namespace) -> int:
    """End the halt of panic-unblock."""
    with _guard() as guard:
        say(guard.resume(restore=arguments.restore))
    return 0


def panic(arguments: argparse.Namespace) -> int:
    """Empty the kernel's maps with nothing but the maps."""
    from engine.guard.xdp import panic as halt  # noqa: PLC0415 - the other commands leave the kernel to the guard

    _need_root()
    try:
        removed = halt()
    except FileNotFoundError:
        say("nothing is blocked: no maps of this program are in the kernel")
        return 0
    say(f"{removed} block(s) removed, every packet passes; it stays so until `aegis-tui blocks resume`")
    return 0


def verify_audit(arguments: argparse.Namespace) -> int:
    """Check the audit chain."""
    with _guard() as guard:
        audit = guard.verify_audit()
    for problem in audit.problems:
        say(f"BROKEN {problem}")
    say(f"{audit.entries} entries, {'chain whole' if not audit.problems else f'{len(audit.problems)} problem(s)'}")
    return 1 if audit.problems else 0


@contextmanager
def _guard(ifaces: tuple[str, ...] = ()) -> Iterator[GuardClient]:
    """Talk to the guard that runs on this host, or to one started for this command."""
    _need_root()
    try:
        client = connect()
    except OSError:
        client = spawn(ifaces)
    with client:
        yield client


def _need_root() -> None:
    if os.geteuid() != 0:
        msg = f"this needs root: sudo aegis-tui {' '.join(sys.argv[1:])}"
        raise PermissionError(msg)


def _ask_and_approve(guard: GuardClient, proposal_id: str) -> int:
    if not sys.stdin.isatty():
        msg = "a person at a terminal has to approve: standard input is not one"
        raise PermissionError(msg)
    review = guard.review(proposal_id)
    _say_all(_question(review))
    if review.refusals:
        return 1
    if review.halted:
        say("  HALTED    by panic-unblock; a yes ends the halt, and the blocks of before stay lifted")
    typed = _answer(review)
    if typed is None:
        say("not blocked; the proposal stands until it expires")
        return 1
    if review.halted:
        say(guard.resume())
        review = guard.review(proposal_id)
    say(_block_row(guard.approve(proposal_id, review.token, typed)))
    say(f"to undo: aegis-tui blocks remove {review.proposal.terms.prefix}")
    return 0


def _answer(review: Review) -> str | None:
    """Return what the person typed to confirm, empty for a plain yes, ``None`` for anything else."""
    try:
        if review.proposal.typed_confirmation:
            return input("Type the address to block it, or press enter to leave it: ").strip() or None
        return "" if input("Block it? [y/N] ").strip().lower() in ("y", "yes") else None
    except EOFError:
        return None


def _say_all(lines: list[str]) -> None:
    for line in lines:
        say(line)


def _question(review: Review) -> list[str]:
    proposal, terms = review.proposal, review.proposal.terms
    where = ", ".join(terms.ifaces) or "the attached interfaces"
    lines = [
        f"{proposal.id}: block {terms.prefix} on {where} for {_span(terms.ttl_s)}",
        f"  why       {proposal.reason}",
        f"  incident  {terms.incident_id or 'none'}",
        f"  state     {proposal.state}, expires {moment(proposal.expires_at)}",
        "  note      drops what comes from it; packets sent to it still leave",
    ]
    lines += [f"  warning   {warning}" for warning in proposal.warnings]
    lines += [f"  REFUSED   {refusal}" for refusal in review.refusals]
    return lines


def _proposal_row(proposal: Proposal) -> str:
    terms = proposal.terms
    return (
        f"{proposal.id:8} {proposal.state:9} {terms.prefix:43} {_span(terms.ttl_s):10} "
        f"{terms.incident_id or '-':13} {proposal.reason}"
    )


def _block_row(block: Block) -> str:
    left = "permanent" if math.isinf(block.remaining_s) else f"{_span(block.remaining_s)} left"
    return (
        f"{block.prefix:43} {block.state:8} {left:15} {block.packets} packets {block.bytes} bytes dropped  "
        f"{block.proposal_id or '-'} {block.approver or '-'} {block.reason}"
    )


def _span(seconds: float) -> str:
    if seconds == 0:
        return "permanent"
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.0f} s"
