"""``audit``: the record of every decision, checked and printed, and the traces that are noted in it."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from aegis_tui.commands.guarded import looking
from aegis_tui.commands.stored import ask_one, databases
from aegis_tui.commands.terminal import moment, say
from engine import paths
from engine.chain import Anchor, Checked, Condition, held_against
from engine.guard.messages import AuditEntry
from engine.reason import reason
from engine.store.database import Store

INCIDENTS_AT_ONCE = 200
"""Incidents in one look at the database, which has a limit of time."""
NAMED = 64
"""Most incidents that are named; the others are counted."""


def verify(arguments: argparse.Namespace) -> int:
    """Check the audit chain, and hold the stored traces against what is noted of them there."""
    database = _database(arguments)
    with looking() as guard:
        audit, noted = guard.verify_audit(), list(guard.noted_traces())
    for problem in audit.problems:
        say(f"BROKEN {problem}")
    say(f"{audit.entries} entries, {'chain whole' if not audit.problems else f'{len(audit.problems)} problem(s)'}")
    sound = not noted or _verify_traces(arguments, database, noted)
    return 0 if sound and not audit.problems else 1


def export(arguments: argparse.Namespace) -> int:
    """Print every entry, oldest first."""
    with looking(told=not arguments.json) as guard:
        for entry in guard.audit():
            say(_json(entry) if arguments.json else _row(entry), as_json=arguments.json)
    return 0


def _database(arguments: argparse.Namespace) -> Path | None:
    """Return the engine's database, none where it is missing.

    Raises:
        LookupError: the one that was named is missing.
    """
    if arguments.database:
        return databases(arguments.database)[0]
    return paths.LIVE_DATABASE if paths.LIVE_DATABASE.is_file() else None


def _verify_traces(arguments: argparse.Namespace, database: Path | None, noted: Sequence[AuditEntry]) -> bool:
    """Say what became of the traces that were noted, and return whether nothing is wrong with them."""
    anchors, unreadable = _by_incident(noted)
    if database is None:
        say(f"{len(anchors)} traces noted, none checked: the engine's database {paths.LIVE_DATABASE} is missing")
        return not unreadable
    try:
        checked = _check(arguments, database, list(anchors.values()))
    except (ValueError, OSError) as error:
        say(f"{len(anchors)} traces noted, none checked: {reason(error)}")
        return False
    wrong = [one for one in checked if one.condition not in (Condition.WHOLE, Condition.RETIRED)]
    for one in wrong[:NAMED]:
        say(f"{one.condition.upper():6} {one.incident_id}: {one.detail}")
    if len(wrong) > NAMED:
        say(f"       and {len(wrong) - NAMED} more")
    counts = Counter(one.condition for one in checked)
    say(f"{len(checked)} traces checked: {', '.join(f'{counts[one]} {one}' for one in Condition if counts[one])}")
    return not (wrong or unreadable)


def _by_incident(noted: Iterable[AuditEntry]) -> tuple[dict[str, list[Anchor]], int]:
    """Return what was noted of each incident, the oldest first, and how many entries hold nothing of the kind."""
    anchors: dict[str, list[Anchor]] = {}
    left_out = unreadable = 0
    for entry in noted:
        try:
            told = json.loads(entry.body)
            told_of = (str(told["incident"]), int(told["steps"]), str(told["digest"]), str(told["verdict"]))
            anchor = Anchor(*told_of, noted_at=entry.at)
            left_out += int(told["left_out"])
        except (ValueError, KeyError, TypeError):
            unreadable += 1
            say(f"BROKEN entry {entry.seq} tells of no trace")
            continue
        anchors.setdefault(anchor.incident_id, []).append(anchor)
    if left_out:
        say(f"{left_out} traces were not noted: too many came in a minute")
    return anchors, unreadable


def _check(arguments: argparse.Namespace, database: Path, noted: Sequence[Sequence[Anchor]]) -> list[Checked]:
    """Return what the owner of a database finds of each incident in it."""
    checked: list[Checked] = []
    for start in range(0, len(noted), INCIDENTS_AT_ONCE):
        look = partial(_look, noted[start : start + INCIDENTS_AT_ONCE])
        checked += ask_one(arguments, database, tuple[Checked, ...], look)
    return checked


async def _look(noted: Sequence[Sequence[Anchor]], store: Store, _: str) -> tuple[Checked, ...]:
    return tuple([await _checked(store, anchors) for anchors in noted])


async def _checked(store: Store, anchors: Sequence[Anchor]) -> Checked:
    incident_id = anchors[0].incident_id
    trace = await store.trace(incident_id)
    if trace is None:
        retired = await store.retired(incident_id)
        if retired is not None and not anchors[-1].noted_at <= retired[0] <= time.time():
            words = f"said to have been removed {moment(retired[0])}, but it was noted {moment(anchors[-1].noted_at)}"
            return Checked(incident_id, Condition.GONE, words)
        if retired is not None:
            return Checked(incident_id, Condition.RETIRED, f"{retired[1]}; removed {moment(retired[0])}")
        words = "the incident is not stored: it was deleted, or the database was set aside and begun anew"
        return Checked(incident_id, Condition.GONE, words)
    return held_against(anchors, *trace)


def _json(entry: AuditEntry) -> str:
    """Return an entry as stored: its ``mac`` was taken over the text of ``body``."""
    return json.dumps({"type": "audit", **asdict(entry)})


def _row(entry: AuditEntry) -> str:
    return f"{entry.seq:6}  {moment(entry.at)}  {entry.kind:16} {entry.body}"
