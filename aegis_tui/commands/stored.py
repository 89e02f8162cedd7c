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
from aegis_tui.commands.layout import Column, Table, hanging, terminal_width
from aegis_tui.commands.rows import count, span
from aegis_tui.commands.terminal import moment, say
from engine import newfile, paths, wire
from engine.filter import Filter
from engine.reason import reason
from engine.store.database import Store
from engine.store.reading import LIMIT_S, read_store
from engine.text import escape
from engine.types import Alert, Disposition, Incident, IncidentView, LibraryEntry, Origin, StepKind, TraceStep, Verdict

Question = Callable[[Store, str], Awaitable[Any]]
"""What is asked of a store about the incident with an id."""

WORDS_AT = 10
"""Column in which ``show`` begins what it tells."""
LISTED = 500
"""Incidents that are listed, the newest."""


def incidents(arguments: argparse.Namespace) -> int:
    """List incidents, as JSON the newest first; a database that cannot be read is told, and hides no other."""
    found: list[LibraryEntry] = []
    unread: list[str] = []
    for path in databases(arguments.database):
        try:
            found += ask_one(
                arguments, path, tuple[LibraryEntry, ...], lambda store, _: _newest(store, arguments.filter)
            )
        except (ValueError, OSError) as error:
            unread.append(reason(error))
    found.sort(key=lambda entry: -entry.incident.opened_at)
    lines = (wire.event_line(entry.incident) for entry in found) if arguments.json else _table(found)
    for line in lines:
        say(line, as_json=arguments.json)
    if not (found or unread or arguments.json):
        none = "no incident is stored; `aegis-tui demo` or `aegis-tui replay FILE` makes some"
        say("no incident matches" if arguments.filter else none)
    for why in unread:
        say(f"aegis-tui: {why}", sys.stderr)
    return 2 if unread else 0


async def _newest(store: Store, wanted: Filter | None) -> tuple[LibraryEntry, ...]:
    """Return the newest incidents that match, however far back they lie."""
    found: list[LibraryEntry] = []
    page = await store.library(None, LISTED)
    while page and len(found) < LISTED:
        found += [entry for entry in page if not wanted or wanted.matches(entry)]
        last = page[-1].incident
        page = await store.library((last.opened_at, last.id), LISTED) if wanted else []
    return tuple(found[:LISTED])


def show(arguments: argparse.Namespace) -> int:
    """Print one incident, with ``--trace`` every step of its investigation in full."""
    view = _view(arguments)
    if arguments.json:
        say(json.dumps(wire.encode(view)), as_json=True)
        return 0
    for head, text in _lines(view):
        for line in hanging(head, text, terminal_width(), WORDS_AT):
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
    if arguments.file and arguments.output:
        msg = f"one file, please: {arguments.file} or --output {arguments.output}"
        raise ValueError(msg)
    content = ask(arguments, arguments.id, bytes, lambda store, incident_id: store.packets(incident_id))
    if not content:
        msg = f"no packets are stored with {arguments.id}"
        raise LookupError(msg)
    file = arguments.output or arguments.file or f"{arguments.id}.pcap"
    try:
        newfile.make(Path(file), content)
    except FileExistsError:
        msg = f"{file} exists already, and nothing is overwritten: name another file"
        raise FileExistsError(msg) from None
    say(f"{len(content)} bytes written to {file}")
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
            reasons.append(reason(error))
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


def _origin(entry: LibraryEntry) -> str:
    if entry.origin is Origin.EVENT:
        return "reported"
    return "live" if entry.origin is Origin.LIVE else f"replay of {entry.source}"


COLUMNS: tuple[Column[LibraryEntry], ...] = (
    Column("id", lambda entry: entry.incident.id, least=12),
    Column("severity", lambda entry: entry.incident.severity.upper(), least=8),
    Column("target", lambda entry: entry.incident.target_ip, least=39),
    Column("opened", lambda entry: moment(entry.incident.opened_at), goes=4, least=25),
    Column("alerts", lambda entry: f"{len(entry.incident.alert_ids):,}", goes=3, right=True),
    Column("verdict", lambda entry: entry.conclusion or "none yet", goes=1, least=12),
    Column("disposition", lambda entry: entry.incident.disposition, goes=2, least=15),
    Column("origin", _origin, goes=5, least=8),
    Column("title", lambda entry: entry.incident.title),
)
"""What ``incidents`` shows: the verdict is the analyst's, the disposition a person's."""


def _table(found: list[LibraryEntry]) -> Iterator[str]:
    """Yield the incidents on which nobody has decided first, the gravest on top, the newest of those first."""
    found.sort(key=lambda entry: (_is_closed(entry.incident), -entry.incident.severity.rank))
    return Table(COLUMNS, terminal_width()).lines(found)


def _is_closed(incident: Incident) -> bool:
    return incident.disposition is not Disposition.UNDETERMINED


def _lines(view: IncidentView) -> Iterator[tuple[str, str]]:
    """Yield what is told about an incident, each with the word it begins with."""
    from engine.agent.report.trace import trace_line  # noqa: PLC0415 - only where an incident is shown
    from engine.agent.tongue import Tongue  # noqa: PLC0415

    incident = view.incident
    opened = f"opened {moment(incident.opened_at)}, {count(len(incident.alert_ids), 'alert')}"
    yield "incident", f"{incident.id}  {incident.severity.upper()}  {incident.target_ip}  {incident.title}"
    yield "", f"{opened}, disposition {incident.disposition}"
    yield from _outcome_lines(view)
    yield "", ""
    for alert in view.alerts:
        yield from _alert_lines(alert)
    yield from (("evidence", f"{item.id}  {item.kind}: {item.summary}") for item in view.evidence)
    yield from (("plan", line) for line in _plan_lines(view.steps))
    yield from ((f"step {step.seq:3}", f"{step.role} {step.kind} {step.name}") for step in view.steps)
    if view.steps:
        yield "trace", trace_line(view.steps, Tongue()).words


def _outcome_lines(view: IncidentView) -> Iterator[tuple[str, str]]:
    """Yield what came of an incident, and what persons did: before all that it rests on."""
    if view.verdict is not None:
        yield from _verdict_lines(view.verdict)
    for item in view.proposals:
        yield "proposal", f"{item.id}  block {item.terms.prefix} for {span(item.terms.ttl_s)}: {item.state.words}"
    yield from (("decision", line) for line in view.decisions)
    yield from (("note", f"{moment(one.at)} {one.by}: {' / '.join(one.text.splitlines())}") for one in view.notes)


def _alert_lines(alert: Alert) -> Iterator[tuple[str, str]]:
    found = alert.detection
    excerpt = f"  |{escape(found.excerpt, limit=120)}|"
    head = f"{moment(alert.first_at)}  x{alert.count}  {found.severity}"
    yield "alert", f"{head}  {found.label}: {found.reason}{excerpt if found.excerpt else ''}"
    if found.event is not None:
        reported = f"{found.event_class or 'no class'}, confidence {found.score:.2f}; only reported, not seen here"
        yield "reported", f"{reported}: {escape(found.event.name, limit=200)}"


def _plan_lines(steps: Sequence[TraceStep]) -> list[str]:
    from engine.agent.report.trace import plan_of  # noqa: PLC0415 - only where an incident is shown

    planned = [step for step in steps if step.kind is StepKind.PLAN]
    return [" ".join(filter(None, one)) for one in (plan_of(planned[-1]) if planned else ())]


def _trace_lines(steps: Sequence[TraceStep]) -> Iterator[str]:
    """Yield each step in full, line by line: what a line holds is made inert where it is printed."""
    for step in steps:
        spent = f", {step.tokens_in} tokens in, {step.tokens_out} out" if step.tokens_in or step.tokens_out else ""
        yield ""
        yield f"== {step.seq} {moment(step.at)} {step.role} {step.kind} {step.name}, {step.elapsed_s:.3f} s{spent}"
        yield from (f"   {line}" for line in step.content.splitlines())


def _verdict_lines(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "verdict", f"{verdict.conclusion} by {verdict.analyst}: {verdict.summary}"
    for claim in verdict.claims:
        ids = ", ".join((*claim.evidence_ids, *claim.knowledge_ids)) or "no evidence named"
        yield "claim", f"{claim.text} [{ids}]{'' if claim.supported else ' UNSUPPORTED'}"
    yield from (("not done", step) for step in verdict.not_done)
    yield from (("to do", step) for step in verdict.actions)
