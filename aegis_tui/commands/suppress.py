"""``suppress`` and ``note``: what persons set aside, and what they write beside an incident."""

from __future__ import annotations

import argparse
import json
import os
import time
from functools import partial
from pathlib import Path

from aegis_tui.commands.person import name_of_person
from aegis_tui.commands.rows import PERMANENT, count, parse_span, span
from aegis_tui.commands.stored import as_owner, ask_one, databases
from aegis_tui.commands.terminal import moment, say
from engine import paths, wire
from engine.store.beside import change
from engine.store.database import Store
from engine.store.rows import Row, end_suppression, put_note, put_suppression
from engine.suppressing import LOOKED_AT, NOTE_CHARS
from engine.suppression import MOST, make, preview
from engine.types import Note, Suppression, SuppressionPreview

_EVER = 0.0


def list_rules(arguments: argparse.Namespace) -> int:
    """Print the rules in force, with ``--ended`` those that ended instead."""
    now = time.time()
    rules = [rule for rule in _rules(arguments, _EVER) if _lasts(rule, now) != arguments.ended]
    for rule in rules:
        say(json.dumps(wire.encode(rule)) if arguments.json else _row(rule), as_json=arguments.json)
    if not (rules or arguments.json):
        say("nothing is suppressed" if not arguments.ended else "no suppression has ended")
    return 0


def add_rule(arguments: argparse.Namespace) -> int:
    """Show what a rule would have hidden, and make it."""
    now = time.time()
    ttl_s = parse_span(arguments.ttl)
    scope = (arguments.target or "", arguments.detector or "", arguments.label or "")
    rule = make(*scope, arguments.reason, name_of_person(), now, ttl_s)
    for line in _told(_preview(arguments, rule)):
        say(line)
    if arguments.preview:
        return 0
    if sum(_lasts(one, now) for one in _rules(arguments, now)) >= MOST:
        msg = f"{MOST} suppressions are in force: remove some first"
        raise ValueError(msg)
    _change(arguments, put_suppression(rule))
    say(f"{rule.id}: {rule.scope} is suppressed for {span(ttl_s)}; `aegis-tui suppress remove {rule.id}` ends it")
    return 0


def remove_rule(arguments: argparse.Namespace) -> int:
    """End a rule."""
    if not _change(arguments, end_suppression(arguments.id, time.time())):
        msg = f"no suppression {arguments.id} is in force"
        raise LookupError(msg)
    say(f"{arguments.id} has ended: what it hid raises alerts again")
    return 0


def note(arguments: argparse.Namespace) -> int:
    """Write a note beside a stored incident."""
    text = arguments.text.strip()
    if not 0 < len(text) <= NOTE_CHARS:
        msg = f"a note has 1 to {NOTE_CHARS} characters, not {len(text)}"
        raise ValueError(msg)
    reasons = []
    for path in databases(arguments.database):
        try:
            incident_id = ask_one(arguments, path, str, lambda store, _: store.find(arguments.id))
        except LookupError as error:
            reasons.append(str(error))
            continue
        row = put_note(Note(incident_id, time.time(), name_of_person(), text))
        as_owner(arguments, path, int, partial(change, path, [row]))
        say(f"noted beside {incident_id}")
        return 0
    raise LookupError("; ".join(dict.fromkeys(reasons)) or f"no incident {arguments.id!r}: nothing is stored yet")


def _rules(arguments: argparse.Namespace, since: float) -> tuple[Suppression, ...]:
    path = _database(arguments)

    async def stored(store: Store, _: str) -> tuple[Suppression, ...]:
        return tuple(await store.suppressions(since))

    found: tuple[Suppression, ...] = ask_one(arguments, path, tuple[Suppression, ...], stored)
    return found


def _preview(arguments: argparse.Namespace, rule: Suppression) -> SuppressionPreview:
    async def looked(store: Store, _: str) -> SuppressionPreview:
        return preview(rule, await store.latest_seen(LOOKED_AT))

    found: SuppressionPreview = ask_one(arguments, _database(arguments), SuppressionPreview, looked)
    return found


def _change(arguments: argparse.Namespace, row: Row) -> int:
    path = _database(arguments)
    return int(as_owner(arguments, path, int, partial(change, path, [row])))


def _database(arguments: argparse.Namespace) -> Path:
    """Return the live database, where alone suppressions hold.

    Raises:
        PermissionError: this is not root, and no database is named.
        LookupError: nothing has been watched yet.
    """
    if arguments.database is None and os.geteuid() != 0:
        msg = "suppressions hold where live traffic is watched: sudo aegis-tui suppress ... (or name a --database)"
        raise PermissionError(msg)
    path = Path(arguments.database) if arguments.database else paths.LIVE_DATABASE
    if not path.is_file():
        msg = f"there is no database {path}: nothing has been watched yet"
        raise LookupError(msg)
    return path


def _lasts(rule: Suppression, now: float) -> bool:
    return not rule.ends_at or rule.ends_at > now


def _row(rule: Suppression) -> str:
    until = f"until {moment(rule.ends_at)}" if rule.ends_at else PERMANENT
    hit = f"hid {count(rule.hits, 'detection')}"
    last = f", last {moment(rule.last_hit_at)}" if rule.last_hit_at else ""
    return f"{rule.id}  {rule.scope}  {until}  {hit}{last}  {rule.by}: {rule.reason}"


def _told(seen: SuppressionPreview) -> list[str]:
    if not seen.since:
        return ["no alert is stored: what it would have hidden is not known"]
    ranks = ", ".join(f"{number} {severity}" for severity, number in seen.severities)
    lines = [
        f"since {moment(seen.since)} it would have hidden {count(seen.alerts, 'alert')}"
        f" ({count(seen.detections, 'detection')}){f': {ranks}' if ranks else ''}",
    ]
    lines += [f"  {line}" for line in seen.sample]
    if seen.incidents:
        lines.append(f"incidents that would not be there: {', '.join(seen.incidents[:10])}")
    return lines
