"""``blocks import`` and ``blocks export``: plain lists of addresses, in and out."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from aegis_tui.commands.guarded import guarded, looking, need_root
from aegis_tui.commands.listfile import AddressList, parse
from aegis_tui.commands.proposals import ask_at_once
from aegis_tui.commands.rows import count, left, parse_span, prefixes
from aegis_tui.commands.terminal import moment, say
from engine import wire
from engine.types import Block, BlockState

_SAMPLE = 10
"""Contained prefixes that are named; the others are counted."""


def import_list(arguments: argparse.Namespace) -> int:
    """Make one proposal of a list, and ask for the decision at once."""
    need_root()
    ttl_s, ifaces = parse_span(arguments.ttl), tuple(arguments.iface or ())
    standard = arguments.file == "-"
    with nullcontext(sys.stdin.buffer) if standard else Path(arguments.file).open("rb") as stream:
        found = parse(stream)
    _tell(found)
    if not found.prefixes:
        msg = f"{arguments.file} holds no address"
        raise ValueError(msg)
    reason = arguments.reason or f"list {'from standard input' if standard else Path(arguments.file).name}"
    with guarded(ifaces) as guard:
        return ask_at_once(guard, guard.propose_list(found.prefixes, ttl_s, reason, ifaces=ifaces))


def _tell(found: AddressList) -> None:
    """Say what was skipped and what stands twice; the list itself goes to the guard."""
    for words in found.bad:
        say(words, sys.stderr)
    if found.bad_lines > len(found.bad):
        say(f"and {count(found.bad_lines - len(found.bad), 'bad line')} more", sys.stderr)
    for inner, outer in found.contained[:_SAMPLE]:
        say(f"{inner} lies within {outer}", sys.stderr)
    if len(found.contained) > _SAMPLE:
        say(f"and {prefixes(len(found.contained) - _SAMPLE)} more lie within others", sys.stderr)
    say(
        f"{prefixes(len(found.prefixes))}, {count(found.duplicates, 'duplicate')}, "
        f"{len(found.contained):,} within others, {count(found.bad_lines, 'bad line')} skipped"
    )


def export_list(arguments: argparse.Namespace) -> int:
    """Print the blocks that drop packets now, as a list that ``blocks import`` takes."""
    with looking(told=not arguments.json) as guard:
        if not arguments.json:
            say(f"# blocks of aegis-tui in force at {moment(time.time())}; aegis-tui blocks import FILE --for 1h")
        for page in guard.block_pages():
            for block in page.blocks:
                if block.state is BlockState.LIVE and not block.watch:
                    say(wire.event_line(block) if arguments.json else _row(block), as_json=arguments.json)
    return 0


def _row(block: Block) -> str:
    return f"{block.prefix:43} # {left(block)}, {block.proposal_id or 'no proposal'}: {block.reason}"
