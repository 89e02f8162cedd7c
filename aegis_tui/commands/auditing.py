"""``audit``: the record of every decision, checked and printed."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from aegis_tui.commands.guarded import guarded
from aegis_tui.commands.terminal import moment, say
from engine.guard.messages import AuditEntry


def verify(arguments: argparse.Namespace) -> int:
    """Check the audit chain."""
    with guarded(looks=True) as guard:
        audit = guard.verify_audit()
    for problem in audit.problems:
        say(f"BROKEN {problem}")
    say(f"{audit.entries} entries, {'chain whole' if not audit.problems else f'{len(audit.problems)} problem(s)'}")
    return 1 if audit.problems else 0


def export(arguments: argparse.Namespace) -> int:
    """Print every entry, oldest first."""
    with guarded(looks=True) as guard:
        for entry in guard.audit():
            say(_json(entry) if arguments.json else _row(entry), as_json=arguments.json)
    return 0


def _json(entry: AuditEntry) -> str:
    """Return an entry as stored: its ``mac`` was taken over the text of ``body``."""
    return json.dumps({"type": "audit", **asdict(entry)})


def _row(entry: AuditEntry) -> str:
    return f"{entry.seq:6}  {moment(entry.at)}  {entry.kind:16} {entry.body}"
