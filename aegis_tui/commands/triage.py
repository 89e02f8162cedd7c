"""``triage``: one event of another product, judged and investigated at once."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.settings import effective
from aegis_tui.commands.terminal import moment, say
from engine import paths, wire
from engine.plan import Plan
from engine.sources.event import MAX_BYTES, EventError, parse
from engine.text import escape
from engine.types import Classification, IncidentView, ReportedEvent

if TYPE_CHECKING:
    from engine.config import Settings
    from engine.core import Engine

MAX_LINES = 10_000
"""Events that standard input may hold."""

SHOWN = 400
"""Characters of a report that are printed for a person."""


def run(arguments: argparse.Namespace) -> int:
    """Judge the event that was given, or those on standard input; a line that is none is told, and the rest goes on."""
    settings = effective(arguments).settings
    confine_to_home(arguments)
    events, refused = _events(arguments.line)
    for reason in refused:
        say(f"aegis-tui: {reason}", sys.stderr)
    judged = True
    if events:
        log_to(paths.user_state(), settings.log_level)
        judged = asyncio.run(_triage(arguments, settings, events))
    return 2 if refused else 0 if judged else 1


def _events(line: str) -> tuple[list[ReportedEvent], list[str]]:
    """Return the events that can be read, and why others cannot."""
    if line != "-":
        return [parse(line)], []
    events, refused = [], []
    for number, text in enumerate(_lines_of_input(), 1):
        try:
            events.append(parse(text))
        except EventError as error:
            refused.append(f"line {number}: {error}")
    if not (events or refused):
        refused.append("standard input holds no event")
    return events, refused


def _lines_of_input() -> Iterator[str]:
    """Yield the lines of standard input; of one that is too long, as much as shows that."""
    for _ in range(MAX_LINES):
        line = sys.stdin.buffer.readline(MAX_BYTES + 2)
        if not line:
            return
        while not line.endswith(b"\n") and (rest := sys.stdin.buffer.readline(MAX_BYTES)):
            line = line[: MAX_BYTES + 1] + rest[-1:]
        if line.strip():
            yield line.decode("utf-8", "backslashreplace")


async def _triage(arguments: argparse.Namespace, settings: Settings, events: Sequence[ReportedEvent]) -> bool:
    """Judge the events beside a running engine, one after another; say whether each came to a verdict.

    Raises:
        LookupError: no such model is configured.
    """
    from engine.core import Engine  # noqa: PLC0415 - after the input is known to be right

    engine = Engine(_plan(settings))
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(engine.run(stay=True), name="engine")
            try:
                judged = [await _tell(arguments, engine, event) for event in events]
                await engine.filed()
                for fault in engine.snapshot().faults:
                    say(f"aegis-tui: {fault.ability}: {fault.message}; {fault.remedy}", sys.stderr)
                return all(judged)
            finally:
                running.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def _plan(settings: Settings) -> Plan:
    from engine.host.addresses import connected_prefixes, own_ips  # noqa: PLC0415 - only where it runs

    return Plan(
        source="report",
        title="reported events",
        open_readers=(),
        settings=settings,
        database=paths.user_state() / "aegis.db",
        knowledge=paths.user_state() / "knowledge.db",
        local_ips=own_ips(),
        connected=connected_prefixes(),
        filing=True,
    )


async def _tell(arguments: argparse.Namespace, engine: Engine, event: ReportedEvent) -> bool:
    from engine.classifier import shipped_classifier  # noqa: PLC0415 - heavy, and loaded beside the engine

    view = await engine.triage(event, model=arguments.analyst)
    if arguments.report:
        text = await engine.report(view.incident.id, arguments.report)
        print(text if arguments.report == "json" else escape(text, keep_newlines=True))
        return view.verdict is not None
    found = await asyncio.to_thread(shipped_classifier().classify, event)
    if arguments.json:
        say(json.dumps(document(event, found, view)), as_json=True)
    else:
        for line in (*_lines(event, found, view), ""):
            say(line)
    return view.verdict is not None


def document(event: ReportedEvent, found: Classification, view: IncidentView) -> dict[str, Any]:
    """Return what a triage came to, for programs."""
    incident = view.incident
    return {
        "type": "triage",
        "event": wire.encode(event),
        "classification": {
            "class": found.event_class,
            "confidence": found.confidence,
            "by": found.by,
            "ranking": [{"class": name, "share": share} for name, share in found.ranking],
            "reasons": list(found.reasons),
        },
        "incident_id": incident.id,
        "target_ip": incident.target_ip,
        "severity": incident.severity.value,
        "title": incident.title,
        "plan": wire.plans(view.steps),
        "verdict": wire.encode(view.verdict),
        "evidence": [{"id": one.id, "kind": one.kind, "summary": one.summary} for one in view.evidence],
        "proposals": wire.encode(view.proposals),
    }


def _lines(event: ReportedEvent, found: Classification, view: IncidentView) -> Iterator[str]:
    incident = view.incident
    src, dst = _end(event.src_ip, event.src_port), _end(event.dst_ip, event.dst_port)
    yield f"event     {moment(event.at)}  {src} -> {dst}"
    yield f"reported  {escape(f'{event.name}  {event.content}', limit=SHOWN)}"
    others = "".join(f"; {name} {share:.2f}" for name, share in found.ranking[1:3] if share >= 0.01)
    yield f"class     {found.event_class}, confidence {found.confidence:.2f} by {found.by}{others}"
    yield f"because   {'; '.join(found.reasons)}"
    yield from _verdict_lines(view)
    told = f"target {incident.target_ip}, only reported: nothing was seen here"
    yield f"incident  {incident.id}  {incident.severity}  {told}"
    yield f"next      aegis-tui show {incident.id}; aegis-tui report {incident.id} --format html > report.html"


def _verdict_lines(view: IncidentView) -> Iterator[str]:
    verdict = view.verdict
    if verdict is None:
        yield "verdict   none: the investigation failed; see the log"
        return
    yield f"verdict   {verdict.conclusion} ({verdict.severity}) by {verdict.analyst}: {verdict.summary}"
    for claim in verdict.claims:
        ids = ", ".join((*claim.evidence_ids, *claim.knowledge_ids)) or "no evidence named"
        yield f"claim     {claim.text} [{ids}]{'' if claim.supported else ' UNSUPPORTED'}"
    yield from (f"not done  {step}" for step in verdict.not_done)
    yield from (f"action    {action}" for action in verdict.actions)
    yield from (f"proposal  {one.id}  block {one.terms.prefix}: {one.state.words}" for one in view.proposals)


def _end(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
