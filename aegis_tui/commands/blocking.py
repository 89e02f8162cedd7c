"""``blocks`` and ``panic-unblock``: what the kernel drops, and how it ends."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from aegis_tui.commands.guarded import NoGuardError, guarded, looking, need_root
from aegis_tui.commands.holder import holder
from aegis_tui.commands.layout import Table, terminal_width
from aegis_tui.commands.proposals import ask_at_once
from aegis_tui.commands.rows import ENDED, count, in_force, parse_span, size, span
from aegis_tui.commands.terminal import moment, say
from engine import paths, wire
from engine.guard.client import GuardClient, connect
from engine.guard.halt import is_marked
from engine.guard.policy import canonical_prefix
from engine.reason import reason
from engine.types import Block, Terms

if TYPE_CHECKING:
    from engine.store.database import Store

LATELY_S = 3600.0
"""A flow with a handshake tells of an address this long; an incident's handshake is a part of the attack itself."""
FLOWS_ASKED = 100
_PROPOSAL = re.compile(r"P-\d{1,18}", re.ASCII)
_HALTED = "halted by panic-unblock: nothing is dropped; `aegis-tui blocks resume` ends it"
_STAYS = "it stays so until a person runs: sudo aegis-tui blocks resume"
_WATCH_S = 590
_WATCH_MARGIN_S = 5.0
"""Longer than what is asked, so that the counters are read before the entry is gone."""


def list_blocks(arguments: argparse.Namespace) -> int:
    """List blocks as the kernel has them, or those that ended."""
    lines, halted, found = _lister(arguments), False, False
    try:
        with looking(told=not arguments.json) as guard:
            for page in guard.block_pages(ended=arguments.ended):
                shown = _matching(page.blocks, arguments)
                halted, found = page.halted, found or bool(shown)
                for line in lines(shown):
                    say(line, as_json=arguments.json)
    except NoGuardError as error:
        return _list_without_guard(error, arguments)
    if halted and not arguments.json:
        say(_HALTED)
    if not found and not arguments.json:
        nothing = "no block has ended" if arguments.ended else "nothing is blocked"
        say("no block matches" if arguments.filter else nothing)
    return 0


def _list_without_guard(error: NoGuardError, arguments: argparse.Namespace) -> int:
    """Say why no guard answers, and list what the kernel holds all the same; who approved it is in the ledger only."""
    from aegis_tui.commands import kernel  # noqa: PLC0415 - the guard answers as a rule

    say(f"aegis-tui: no guard runs, and none can be started: {error}", sys.stderr)
    if not arguments.ended:
        say("aegis-tui: what follows is what the kernel holds", sys.stderr)
        for line in _lister(arguments)(_matching(kernel.blocks(), arguments)):
            say(line, as_json=arguments.json)
        if kernel.halted():
            say(_HALTED, sys.stderr)
    return 1


def _matching(blocks: Iterable[Block], arguments: argparse.Namespace) -> list[Block]:
    return [block for block in blocks if not arguments.filter or arguments.filter.matches(block)]


def _lister(arguments: argparse.Namespace) -> Callable[[Sequence[Block]], Iterable[str]]:
    """Return what makes lines of one page after the other."""
    if arguments.json:
        return lambda page: map(wire.event_line, page)
    return Table(ENDED if arguments.ended else in_force(time.time()), terminal_width()).lines


def add_block(arguments: argparse.Namespace) -> int:
    """Propose a block and ask for the decision at once."""
    ifaces = tuple(arguments.iface or ())
    terms = Terms("", canonical_prefix(arguments.prefix), parse_span(arguments.ttl), ifaces, "")
    need_root()
    met_at = handshake_at(terms.prefix)
    with guarded(ifaces) as guard:
        reason = arguments.reason or "asked for on the command line"
        if met_at:
            say(f"{arguments.prefix} completed a TCP handshake here {moment(met_at)}: it is no forged address")
        return ask_at_once(guard, guard.propose(terms, reason, handshake=met_at > 0, by_person=True))


def handshake_at(prefix: str) -> float:
    """Return when one address completed a handshake here, by what the engine that runs now has stored; 0 for not known.

    A wider prefix proves nothing, and what nobody writes any more tells of other days.
    """
    network = ip_network(prefix)
    if network.num_addresses > 1 or not paths.LIVE_DATABASE.is_file() or holder() is None:
        return 0.0
    address = str(network.network_address)

    from aegis_tui.commands.stored import ask_one  # noqa: PLC0415 - panic-unblock needs no database

    async def met_at(store: Store, _: str) -> float:
        flows = await store.flows_with(address, FLOWS_ASKED)
        lately = [flow.last_seen for flow in flows if flow.handshake and flow.last_seen > time.time() - LATELY_S]
        return max(*lately, 0.0, await store.handshake_of(address))

    try:
        found: float = ask_one(argparse.Namespace(), paths.LIVE_DATABASE, float, met_at)
    except (ValueError, OSError, LookupError) as error:
        say(f"aegis-tui: whether {address} completed a handshake cannot be looked up: {reason(error)}", sys.stderr)
        return 0.0
    return found


def extend_block(arguments: argparse.Namespace) -> int:
    """Propose another term of a block in force, counted from the approval, and ask at once."""
    prefix, ttl_s = canonical_prefix(arguments.prefix), parse_span(arguments.ttl)
    with guarded() as guard:
        return ask_at_once(guard, guard.extend(prefix, ttl_s))


def remove_block(arguments: argparse.Namespace) -> int:
    """Take a block out of the kernel, or every block of one proposal."""
    with guarded() as guard:
        whole = _PROPOSAL.fullmatch(arguments.prefix)
        say(guard.remove_all(arguments.prefix) if whole else guard.remove(canonical_prefix(arguments.prefix)))
    return 0


def keep(arguments: argparse.Namespace) -> int:
    """Keep what would revert by itself: one block, one interface, or every interface on trial."""
    with guarded() as guard:
        say(guard.keep(_kept(arguments.target or "")))
    return 0


def _kept(target: str) -> str:
    """Return a prefix in its canonical form, and an interface's name as it is."""
    try:
        ip_address(target.partition("/")[0])
    except ValueError:
        return target
    return canonical_prefix(target)


def watch(arguments: argparse.Namespace) -> int:
    """Count for a while what a proposal would drop, dropping nothing, and tell it at the end."""
    if not 1 <= arguments.seconds <= _WATCH_S:
        msg = f"--seconds is from 1 to {_WATCH_S}, not {arguments.seconds}"
        raise ValueError(msg)
    with guarded() as guard:
        entry = guard.watch(arguments.id, arguments.seconds + _WATCH_MARGIN_S)
        say(f"{entry.prefix}: counting for {span(arguments.seconds)}, every packet passes; ctrl-C stops it")
        began, stopped = time.monotonic(), False
        try:
            time.sleep(arguments.seconds)
        except KeyboardInterrupt:
            stopped = True
        found = next((block for block in _every(guard) if block.prefix == entry.prefix and block.watch), None)
        if found is not None and stopped:
            guard.remove(entry.prefix)
    say(_watched(entry.prefix, found, time.monotonic() - began))
    return 0


def _watched(prefix: str, found: Block | None, seconds: float) -> str:
    if found is None:
        return f"{prefix} is not counted any more"
    return (
        f"{prefix} in {span(max(seconds, 1))}: would have dropped {count(found.packets, 'packet')} {size(found.bytes)} "
        f"from it and {count(found.out_packets, 'packet')} {size(found.out_bytes)} to it"
    )


def _every(guard: GuardClient) -> Iterator[Block]:
    for page in guard.block_pages():
        yield from page.blocks


def resume(arguments: argparse.Namespace) -> int:
    """End the halt of panic-unblock."""
    with guarded() as guard:
        say(guard.resume(restore=arguments.restore))
    return 0


def panic(_: argparse.Namespace) -> int:
    """Let every packet pass, with nothing but what is in the kernel."""
    from engine.guard.panic import panic as halt  # noqa: PLC0415 - the other commands leave the kernel to the guard

    need_root()
    try:
        removed = halt(state=paths.LIVE_STATE)
    except FileNotFoundError:
        said = "nothing is blocked: neither maps of XDP nor a table of nftables are in the kernel"
        halted = is_marked(paths.LIVE_STATE)
    except OSError as error:
        say(f"aegis-tui: not everything could be emptied: {reason(error)}", sys.stderr)
        return 1
    else:
        said, halted = f"{count(removed, 'block')} removed from XDP and nftables, every packet passes", True
    try:
        say(said)
    finally:  # also where nobody hears it
        if halted:
            _note_halt()
    if halted:
        say(_STAYS)
    return 0


def _note_halt() -> None:
    """Have a guard that runs record who did it; packets pass by then, whether one answers or not."""
    try:
        with connect() as guard:
            guard.note_halt()
    except (FileNotFoundError, ConnectionRefusedError):
        say("no engine runs here, so the record does not say who did this; packets pass all the same", sys.stderr)
    except (OSError, ValueError) as error:
        say(f"the record does not say who did this: {reason(error)}; packets pass all the same", sys.stderr)
