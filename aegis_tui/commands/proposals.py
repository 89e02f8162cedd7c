"""``proposals``: what waits for a decision, and the question put to the person at this terminal."""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from aegis_tui.commands.guarded import guarded, looking
from aegis_tui.commands.layout import Table, hanging, terminal_width
from aegis_tui.commands.person import ask, ask_within, terminal
from aegis_tui.commands.rows import PROPOSALS, block_line, count, prefixes, question
from aegis_tui.commands.terminal import say
from engine import wire
from engine.guard.client import GuardClient, GuardError
from engine.guard.messages import Approved, Review
from engine.types import Block, BlockState, Proposal

YES = ("y", "yes")
_WORDS_AT = 12
"""Column in which the words of a question begin."""


def list_proposals(arguments: argparse.Namespace) -> int:
    """List proposals, newest first."""
    with looking(told=not arguments.json) as guard:
        found = [one for one in guard.proposals() if not arguments.filter or arguments.filter.matches(one)]
    lines = map(wire.event_line, found) if arguments.json else Table(PROPOSALS, terminal_width()).lines(found)
    for line in lines:
        say(line, as_json=arguments.json)
    if not found and not arguments.json:
        say("no proposal matches" if arguments.filter else "no proposal has been made")
    return 0


def show_proposal(arguments: argparse.Namespace) -> int:
    """Show what a proposal asks for."""
    with guarded() as guard:
        _say_all(question(guard.review(arguments.id)))
    return 0


def approve_proposal(arguments: argparse.Namespace) -> int:
    """Ask the person at this terminal, and block if the answer is yes."""
    with guarded() as guard:
        if not sys.stdin.isatty():
            msg = "a person at a terminal has to approve: standard input is not one"
            raise PermissionError(msg)
        return _decide(guard, arguments.id, sys.stdin)


def refuse_proposal(arguments: argparse.Namespace) -> int:
    """Record that the block is not wanted."""
    with guarded() as guard:
        say(guard.refuse(arguments.id))
    return 0


def ask_at_once(guard: GuardClient, proposal: Proposal) -> int:
    """Ask about a proposal that was just made; with nobody at a terminal it waits, and how to approve it is told."""
    with terminal() as answers:
        if answers is not None:
            return _decide(guard, proposal.id, answers)
        _say_all(question(guard.review(proposal.id)))
    say(f"not blocked: nobody is at a terminal; to approve it: sudo aegis-tui proposals approve {proposal.id}")
    return 1


def _decide(guard: GuardClient, proposal_id: str, answers: TextIO) -> int:
    review = guard.review(proposal_id)
    _say_all(question(review))
    if review.refusals:
        return 1
    if review.halted:
        say("  HALTED    by panic-unblock: nothing is blocked until a person ends the halt")
        say("            a yes ends it and blocks this; the blocks of before stay lifted")
    typed = _answer(review, answers)
    if typed is None:
        say(f"not blocked; {'the halt stays, and ' if review.halted else ''}the proposal stands until it expires")
        return 1
    approved = _approved_after_halt(guard, review, typed) if review.halted else _approved(guard, review, typed)
    return _tell_list(review, approved) if review.proposal.listed else _tell_one(guard, approved.block, answers)


def _approved(guard: GuardClient, review: Review, typed: str) -> Approved:
    return guard.approve_all(review.proposal.id, review.token, typed)


def _approved_after_halt(guard: GuardClient, review: Review, typed: str) -> Approved:
    """End the halt and approve what was asked together with that; the guard gives no token before."""
    say(guard.resume())
    try:
        return _approved(guard, guard.review(review.proposal.id), typed)
    except GuardError:
        say("the halt has ended and nothing is blocked; to halt again: sudo aegis-tui panic-unblock")
        raise


def _answer(review: Review, answers: TextIO) -> str | None:
    """Return what the person typed to confirm, empty for a plain yes, ``None`` for anything else."""
    words = "End the halt and block it? [y/N] " if review.halted else "Block it? [y/N] "
    if review.proposal.listed:
        words = "Type the number of prefixes to block them, or press enter to leave it: "
    elif review.proposal.typed_confirmation:
        words = "Type the address to block it, or press enter to leave it: "
    typed = ask(words, answers)
    if review.proposal.listed or review.proposal.typed_confirmation:
        return typed or None
    return "" if typed.lower() in YES else None


def _tell_list(review: Review, approved: Approved) -> int:
    say(f"{prefixes(approved.count - approved.failed)} blocked, each read back from the kernel")
    if approved.failed:
        say(f"{prefixes(approved.failed)} not taken by the kernel yet; it is tried again: aegis-tui blocks list")
    say(f"to undo: aegis-tui blocks remove {review.proposal.id}")
    return 1 if approved.failed else 0


def _tell_one(guard: GuardClient, block: Block, answers: TextIO) -> int:
    _say_all([block_line(block)])
    if block.keep_within_s and not _kept(guard, block, answers):
        return 1
    say(f"to undo: aegis-tui blocks remove {block.prefix}")
    return 0 if block.state is BlockState.LIVE else 1


def _kept(guard: GuardClient, block: Block, answers: TextIO) -> bool:
    """Ask whether a block on trial stays; silence lets it revert."""
    say("on trial: if you still see this, the block has not cut you off")
    answer = ask_within("Keep it? It reverts in {left} [y/N] ", answers, block.keep_within_s)
    if answer is None:
        say("nobody answered: the block reverts by itself")
    elif answer.lower() in YES:
        say(guard.keep(block.prefix))
        return True
    else:
        say(f"not kept: it reverts by itself within {count(round(block.keep_within_s), 'second')}")
    return False


def _say_all(lines: list[str]) -> None:
    """Print what a person reads before they answer; what is longer than a line hangs below its first word."""
    for line in lines:
        indent = _WORDS_AT if line.startswith("  ") else 0
        for part in hanging(line[:indent], line[indent:], terminal_width(), indent):
            say(part)
