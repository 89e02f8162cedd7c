"""``allow``: prefixes that can never be blocked, whoever asks."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from aegis_tui.commands.guarded import guarded, looking
from aegis_tui.commands.rows import parse_span
from aegis_tui.commands.terminal import moment, say
from engine.guard.messages import AllowedPrefix
from engine.guard.policy import canonical_prefix


def add(arguments: argparse.Namespace) -> int:
    """Put a prefix on the allow-list, with the reason and, if named, an end."""
    prefix, ttl_s = canonical_prefix(arguments.prefix), parse_span(arguments.ttl)
    with guarded() as guard:
        say(guard.allow(prefix, arguments.reason, ttl_s))
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Take a prefix off the allow-list."""
    prefix = canonical_prefix(arguments.prefix)
    with guarded() as guard:
        say(guard.disallow(prefix))
    return 0


def list_allowed(arguments: argparse.Namespace) -> int:
    """List what is allowed, why and until when."""
    with looking(told=not arguments.json) as guard:
        found = guard.allowed()
    for item in found:
        say(json.dumps({"type": "allow", **asdict(item)}) if arguments.json else _row(item), as_json=arguments.json)
    if not found and not arguments.json:
        say("the allow-list is empty; `aegis-tui allow add PREFIX --reason TEXT` puts a prefix on it")
    return 0


def _row(item: AllowedPrefix) -> str:
    until = f"until {moment(item.expires_at)}" if item.expires_at else "until it is taken off"
    return f"{item.prefix:43} {until:31} {item.reason}"
