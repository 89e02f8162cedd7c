"""``replay WHAT --diff``: the same record before other judges, and what that changes."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.rows import count
from aegis_tui.commands.settings import effective
from aegis_tui.commands.terminal import moment, say
from engine import config, paths, wire
from engine.config import Settings
from engine.plan import Plan
from engine.types import Alert, Comparison, Event, Incident

if TYPE_CHECKING:
    from engine.comparison import Findings, Make
    from engine.core import Engine

JUDGES = ("model", "threshold", "rules")
"""What may differ between the two runs."""

_MARKS = {"new": "+", "gone": "-", "changed": "~"}


def run(arguments: argparse.Namespace, plan: Plan) -> int:
    """Print what the judges named on the command line change against those configured."""
    after = effective(arguments).settings
    for name in JUDGES:
        setattr(arguments, name, None)
    before = effective(arguments).settings
    if before == after:
        msg = (
            "--diff compares with what is configured: name another --threshold, --rules or --model; "
            "or --reinvestigate, for another analyst"
        )
        raise ValueError(msg)
    log_to(paths.user_state(), plan.settings.log_level)
    progress = Progress(sys.stderr)
    try:
        found = asyncio.run(compared(plan, before, after, progress.make))
    finally:
        progress.end()
    if arguments.json:
        say(json.dumps({"type": "comparison", **_told(found)}), as_json=True)
        return 0
    for line in _lines(found):
        say(line)
    return 0


def changed(settings: Settings, changes: Mapping[str, str]) -> Settings:
    """Return settings with other judges.

    Raises:
        ValueError: a judge is unknown, or its value does not fit.
        OSError: a file or folder cannot be used.
    """
    unknown = set(changes) - set(JUDGES)
    if unknown or not changes:
        msg = f"name what is to differ: {', '.join(f'{name}=…' for name in JUDGES)}"
        raise ValueError(msg)
    flags = {name: float(value) if name == "threshold" else value for name, value in changes.items()}
    fitted = config.load(flags, {}, None).settings
    given = {name: getattr(fitted if name in changes else settings, name) for name in JUDGES}
    return replace(settings, **given)


class Progress:
    """One line that changes while both runs go on, where somebody sees it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out if out.isatty() else None
        self._runs = 0

    def make(self, plan: Plan, findings: Findings) -> Engine:
        """Return the next run, which tells what it finds."""
        self._runs += 1
        self._tell(findings)

        def listen(event: Event) -> None:
            findings(event)
            if isinstance(event, Alert | Incident):
                self._tell(findings)

        return _make(plan, listen)

    def _tell(self, findings: Findings) -> None:
        if self._out is not None:
            found = f"{count(len(findings.alerts), 'alert')}, {count(len(findings.incidents), 'incident')}"
            print(f"\r\x1b[Krun {self._runs} of 2: {found}", end="", file=self._out, flush=True)

    def end(self) -> None:
        """Leave the line empty."""
        if self._out is not None:
            print("\r\x1b[K", end="", file=self._out, flush=True)


async def compared(plan: Plan, before: Settings, after: Settings, make: Make | None = None) -> Comparison:
    """Run a plan by both settings; ``make`` makes the runs, quietly where none is given."""
    from engine.comparison import compare, differing, for_comparison  # noqa: PLC0415 - after the input is right

    names = differing(before, after)
    plans = (for_comparison(plan, before), for_comparison(plan, after))
    return await compare(plan.title, (names[0], plans[0]), (names[1], plans[1]), make or _make)


def _make(plan: Plan, listener: Callable[[Event], None]) -> Engine:
    from engine.core import Engine  # noqa: PLC0415 - after the input is known to be right

    return Engine(plan, on_event=listener)


def _told(found: Comparison) -> dict[str, object]:
    told = wire.encode(found)
    assert isinstance(told, dict)  # noqa: S101 - a dataclass
    return dict(told)


def _lines(found: Comparison) -> list[str]:
    lines = [found.title, f"before: {found.before}; after: {found.after}; both investigated by the playbook analyst"]
    for change in found.changes:
        old, new = change.before or "-", change.after or "-"
        lines.append(f"{_MARKS[change.kind]} {moment(change.at)}  {change.what:8} {change.key}:  {old}  ->  {new}")
    lines += [f"! {fault}" for fault in found.faults]
    same = f"{found.unchanged} of the alerts and incidents are the same in both"
    return [*lines, same if found.changes else f"nothing changed: {same}"]
