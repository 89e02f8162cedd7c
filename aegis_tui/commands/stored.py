"""``incidents``, ``show``, ``report`` and ``packets``: what is in the database.

The live database belongs to the engine's user, who may be anyone's by now: root never opens it itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.terminal import moment, say
from engine import paths, wire
from engine.filter import Filter
from engine.store.database import Store
from engine.store.reading import LIMIT_S, read_store
from engine.text import escape
from engine.types import Alert, Incident, IncidentView, LibraryEntry, Origin, StepKind, TraceStep, Verdict

Question = Callable[[Store, str], Awaitable[Any]]
"""What is asked of a store about the incident with an id."""

LISTED = 500
"""Incidents that are listed, the newest."""


def incidents(arguments: argparse.Namespace) -> int:
    """List incidents, newest first; a database that cannot be read is told, and hides no other."""
    found: list[LibraryEntry] = []
    unread: list[str] = []
    for path in databases(arguments.database):
        try:
            found += ask_one(
                arguments, path, tuple[LibraryEntry, ...], lambda store, _: _newest(store, arguments.filter)
            )
        except (ValueError, OSError) as error:
            unread.append(str(error))
    for entry in sorted(found, key=lambda entry: -entry.incident.opened_at):
        say(wire.event_line(entry.incident) if arguments.json else _entry_row(entry), as_json=arguments.json)
    if not (found or unread or arguments.json):
        none = "no incident is stored; `aegis-tui demo` or `aegis-tui replay FILE` makes some"
        say("no incident matches" if arguments.filter else none)
    for reason in unread:
        say(f"aegis-tui: {reason}", sys.stderr)
    return 2 if unread else 0


async def _newest(store: Store, wanted: Filter | None) -> tuple[LibraryEntry, ...]:
    """Return the newest incidents that match, however far back they lie."""
    found: list[LibraryEntry] = []
    page = await store.library(None, LISTED)
    while page and len(found) < LISTED:
        found += [entry for entry in page if not wanted or wanted.matches(entry.incident)]
        last = page[-1].incident
        page = await store.library((last.opened_at, last.id), LISTED) if wanted else []
    return tuple(found[:LISTED])


def show(arguments: argparse.Namespace) -> int:
    """Print one incident, with ``--trace`` every step of its investigation in full."""
    view = _view(arguments)
    if arguments.json:
        say(json.dumps(wire.encode(view)), as_json=True)
        return 0
    for line in _lines(view):
        say(line)
    for line in _trace_lines(view.steps) if arguments.trace else ():
        say(line)
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Print the report of one incident, or save it in the folder of its day."""
    view = _view(arguments)
    if arguments.save:
        confine_to_home(arguments)
    from engine.agent.report import FORMS, save_report  # noqa: PLC0415 - only where it is asked for
    from engine.agent.report import report as render  # noqa: PLC0415

    if arguments.save:
        forms = (arguments.format,) if arguments.format else FORMS
        for file in save_report(paths.user_state() / "reports", view, forms, arguments.lang):
            say(str(file))
        return 0
    form = arguments.format or "md"
    text = render(view, form, arguments.lang)
    print(text if form == "json" else escape(text, keep_newlines=True))
    return 0


def packets(arguments: argparse.Namespace) -> int:
    """Write the packets of one incident."""
    content = ask(arguments, arguments.id, bytes, lambda store, incident_id: store.packets(incident_id))
    if not content:
        msg = f"no packets are stored with {arguments.id}"
        raise LookupError(msg)
    try:
        file = Path(arguments.file).open("xb")  # noqa: SIM115 - closed below, once it is known to be new
    except FileExistsError:
        msg = f"{arguments.file} exists already, and nothing is overwritten: name another file"
        raise FileExistsError(msg) from None
    with file:
        file.write(content)
    say(f"{len(content)} bytes written to {arguments.file}")
    return 0


def ask(arguments: argparse.Namespace, incident_id: str, kind: Any, question: Question) -> Any:
    """Return the answer, a ``kind``, of the database that holds an incident; its id may be the beginning only.

    Raises:
        LookupError: no database holds it, several incidents fit, or a database cannot be read.
    """

    async def about_it(store: Store, _: str) -> Any:
        return await question(store, await store.find(incident_id))

    reasons = []
    for path in databases(getattr(arguments, "database", None)):
        try:
            return ask_one(arguments, path, kind, about_it)
        except (LookupError, ValueError, OSError) as error:
            reasons.append(str(error))
    raise LookupError("; ".join(dict.fromkeys(reasons)) or f"no incident {incident_id!r}: nothing is stored yet")


def databases(named: str | None) -> list[Path]:
    """Return the databases to look in: the one named, or the live one (for root) and the user's own."""
    if named:
        if not Path(named).is_file():
            msg = f"there is no database {named}"
            raise LookupError(msg)
        return [Path(named)]
    own = paths.user_state_place() / "aegis.db"
    both = [paths.LIVE_DATABASE, own] if os.geteuid() == 0 else [own]
    return [path for path in both if path.is_file()]


def ask_one(arguments: argparse.Namespace, path: Path, kind: Any, question: Question) -> Any:
    """Return the answer, a ``kind``, of one database, which root asks as its owner.

    Raises:
        LookupError: the question raised one.
        ValueError: it cannot be read.
        OSError: it is none to open, or took too long.
    """

    async def answer() -> Any:
        async with read_store(path) as store:
            return await question(store, "")

    return as_owner(arguments, path, kind, lambda: asyncio.run(answer()))


def as_owner(arguments: argparse.Namespace, path: Path, kind: Any, work: Callable[[], Any]) -> Any:
    """Return what some work on a database returns, a ``kind``; root does it as the database's owner.

    Raises:
        LookupError: the work raised one.
        ValueError: the work raised one.
        OSError: it is no database to open, or took too long.
    """
    if os.geteuid() != 0:
        return work()
    owner = _owner(path)
    if owner == 0 and not getattr(arguments, "own_process", False):
        return work()
    from engine.privileges import run_as  # noqa: PLC0415 - only root has any

    text = run_as(owner, lambda: wire.dumps(work()).encode(), LIMIT_S + 1)
    return wire.loads(kind, text.decode())


def _owner(path: Path) -> int:
    """Return the user to become before a database is opened.

    Raises:
        PermissionError: it is no plain file, or somebody else made the folder that root's file is in.
    """
    found, folder = path.lstat(), path.absolute().parent.stat()
    if not stat.S_ISREG(found.st_mode):
        msg = f"refusing {path}: it is a link, or no regular file"
        raise PermissionError(msg)
    if folder.st_uid not in (0, found.st_uid):
        msg = f"refusing {path}: it belongs to uid {found.st_uid}, and its folder to uid {folder.st_uid}"
        raise PermissionError(msg)
    return found.st_uid


def _view(arguments: argparse.Namespace) -> IncidentView:
    return incident_view(arguments, arguments.id)


def incident_view(arguments: argparse.Namespace, named: str) -> IncidentView:
    """Return everything stored about an incident, named by its id or the beginning of it.

    Raises:
        LookupError: no database holds it, several incidents fit, or a database cannot be read.
    """
    found = ask(arguments, named, IncidentView, lambda store, incident_id: store.view(incident_id))
    assert isinstance(found, IncidentView)  # noqa: S101 - find() returned an id that is stored
    return found


def _entry_row(entry: LibraryEntry) -> str:
    """Return a line that also says what was concluded, and where the incident comes from."""
    incident = entry.incident
    judged = f"{entry.conclusion or 'no verdict'} / {incident.disposition}"
    return (
        f"{incident.id}  {moment(incident.opened_at)}  {incident.severity.upper():8}  {incident.target_ip:39}  "
        f"{len(incident.alert_ids):3} alerts  {judged:30}  {_origin(entry):8}  {incident.title}"
    )


def _origin(entry: LibraryEntry) -> str:
    if entry.origin is Origin.EVENT:
        return "reported"
    return "live" if entry.origin is Origin.LIVE else f"replay of {entry.source}"


def _row(incident: Incident) -> str:
    return (
        f"{incident.id}  {moment(incident.opened_at)}  {incident.severity.upper():8}  {incident.target_ip:39}  "
        f"{len(incident.alert_ids):3} alerts  {incident.disposition:16}  {incident.title}"
    )


def _lines(view: IncidentView) -> list[str]:
    from engine.agent.report.trace import trace_line  # noqa: PLC0415 - only where an incident is shown
    from engine.agent.tongue import Tongue  # noqa: PLC0415

    lines = [_row(view.incident), *_outcome_lines(view), ""]
    for alert in view.alerts:
        lines += _alert_lines(alert)
    lines += [f"evidence  {item.id}  {item.kind}: {item.summary}" for item in view.evidence]
    lines += _plan_lines(view.steps)
    lines += [f"step {step.seq:3}  {step.role} {step.kind} {step.name}" for step in view.steps]
    lines += [f"trace     {trace_line(view.steps, Tongue()).words}"] if view.steps else []
    return lines


def _outcome_lines(view: IncidentView) -> list[str]:
    """Return what came of an incident, and what persons did: before all that it rests on."""
    lines = _verdict_lines(view.verdict) if view.verdict is not None else []
    lines += [f"proposal  {item.id}  block {item.terms.prefix}: {item.state}" for item in view.proposals]
    lines += [f"decision  {line}" for line in view.decisions]
    lines += [f"note      {moment(note.at)} {note.by}: {' / '.join(note.text.splitlines())}" for note in view.notes]
    return lines


def _alert_lines(alert: Alert) -> list[str]:
    found = alert.detection
    lines = [
        f"alert     {moment(alert.first_at)}  x{alert.count}  {found.severity}  {found.label}: "
        f"{found.reason}  |{escape(found.excerpt, limit=120)}|"
    ]
    if found.event is not None:
        reported = f"{found.event_class or 'no class'}, confidence {found.score:.2f}; only reported, not seen here"
        lines.append(f"reported  {reported}: {escape(found.event.name, limit=200)}")
    return lines


def _plan_lines(steps: Sequence[TraceStep]) -> list[str]:
    from engine.agent.report.trace import plan_of  # noqa: PLC0415 - only where an incident is shown

    planned = [step for step in steps if step.kind is StepKind.PLAN]
    return [f"plan      {' '.join(filter(None, one))}" for one in (plan_of(planned[-1]) if planned else ())]


def _trace_lines(steps: Sequence[TraceStep]) -> Iterator[str]:
    """Yield each step in full, line by line: what a line holds is made inert where it is printed."""
    for step in steps:
        spent = f", {step.tokens_in} tokens in, {step.tokens_out} out" if step.tokens_in or step.tokens_out else ""
        yield ""
        yield f"== {step.seq} {moment(step.at)} {step.role} {step.kind} {step.name}, {step.elapsed_s:.3f} s{spent}"
        yield from (f"   {line}" for line in step.content.splitlines())


def _verdict_lines(verdict: Verdict) -> list[str]:
    lines = [f"verdict   {verdict.conclusion} by {verdict.analyst}: {verdict.summary}"]
    for claim in verdict.claims:
        ids = ", ".join((*claim.evidence_ids, *claim.knowledge_ids)) or "no evidence named"
        lines.append(f"claim     {claim.text} [{ids}]{'' if claim.supported else ' UNSUPPORTED'}")
    lines += [f"not done  {step}" for step in verdict.not_done]
    return lines
