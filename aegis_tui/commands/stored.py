"""``incidents``, ``show``, ``report`` and ``packets``: what is in the database."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine import paths, wire
from engine.store.database import Store, open_store
from engine.text import escape
from engine.types import Incident, IncidentView


def incidents(arguments: argparse.Namespace) -> int:
    """List incidents, newest first."""
    found = asyncio.run(_incidents(arguments))
    for incident in found:
        print(wire.event_line(incident) if arguments.json else _row(incident))
    if not found and not arguments.json:
        print("no incident is stored; `aegis-tui demo` or `aegis-tui replay FILE` makes some")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print one incident."""
    view = asyncio.run(_view(arguments))
    print(json.dumps(wire.encode(view)) if arguments.json else "\n".join(_lines(view)))
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Print the report of one incident."""
    from engine.agent.report import report as render  # noqa: PLC0415 - only where it is asked for

    print(render(asyncio.run(_view(arguments)), arguments.format))
    return 0


def packets(arguments: argparse.Namespace) -> int:
    """Write the packets of one incident."""
    content = asyncio.run(_packets(arguments))
    if not content:
        msg = f"no packets are stored with {arguments.id}"
        raise LookupError(msg)
    with Path(arguments.file).open("xb") as file:
        file.write(content)
    print(f"{len(content)} bytes written to {arguments.file}")
    return 0


@asynccontextmanager
async def store_of(arguments: argparse.Namespace, incident_id: str = "") -> AsyncIterator[tuple[Store, str]]:
    """Open the database that holds an incident, and give its full id.

    Raises:
        LookupError: no database holds it, or several incidents fit.
    """
    reasons = []
    for path in databases(getattr(arguments, "database", None)):
        async with open_store(path) as store:
            try:
                found = await store.find(incident_id)
            except LookupError as error:
                reasons.append(str(error))
                continue
            yield store, found
            return
    raise LookupError(reasons[-1] if reasons else f"no incident {incident_id!r}: nothing is stored yet")


def databases(named: str | None) -> list[Path]:
    """Return the databases to look in: the one named, or the live one (for root) and the user's own."""
    if named:
        if not Path(named).is_file():
            msg = f"there is no database {named}"
            raise LookupError(msg)
        return [Path(named)]
    own = paths.user_state() / "aegis.db"
    both = [paths.LIVE_DATABASE, own] if os.geteuid() == 0 else [own]
    return [path for path in both if path.is_file()]


async def _incidents(arguments: argparse.Namespace) -> list[Incident]:
    found: list[Incident] = []
    for path in databases(arguments.database):
        async with open_store(path) as store:
            found += await store.incidents()
    return sorted(found, key=lambda incident: -incident.opened_at)


async def _view(arguments: argparse.Namespace) -> IncidentView:
    async with store_of(arguments, arguments.id) as (store, incident_id):
        view = await store.view(incident_id)
    assert view is not None  # noqa: S101 - find() returned an id that is stored
    return view


async def _packets(arguments: argparse.Namespace) -> bytes:
    async with store_of(arguments, arguments.id) as (store, incident_id):
        return await store.packets(incident_id)


def _row(incident: Incident) -> str:
    return (
        f"{incident.id}  {_time(incident.opened_at)}  {incident.severity.upper():8}  {incident.target_ip:39}  "
        f"{len(incident.alert_ids):3} alerts  {incident.disposition:16}  {incident.title}"
    )


def _lines(view: IncidentView) -> list[str]:
    lines = [_row(view.incident), ""]
    lines += [
        f"alert     {_time(alert.first_at)}  x{alert.count}  {alert.detection.severity}  {alert.detection.label}: "
        f"{alert.detection.reason}  |{escape(alert.detection.excerpt, limit=120)}|"
        for alert in view.alerts
    ]
    lines += [f"evidence  {item.id}  {item.kind}: {item.summary}" for item in view.evidence]
    lines += [f"step {step.seq:3}  {step.role} {step.kind} {step.name}" for step in view.steps]
    if view.verdict is not None:
        lines += _verdict_lines(view)
    lines += [f"proposal  {item.id}  block {item.terms.prefix}: {item.state}" for item in view.proposals]
    lines += [f"decision  {escape(line)}" for line in view.decisions]
    return lines


def _verdict_lines(view: IncidentView) -> list[str]:
    verdict = view.verdict
    assert verdict is not None  # noqa: S101 - checked by the caller
    lines = [f"verdict   {verdict.conclusion} by {verdict.analyst}: {escape(verdict.summary)}"]
    for claim in verdict.claims:
        ids = ", ".join((*claim.evidence_ids, *claim.knowledge_ids)) or "no evidence named"
        lines.append(f"claim     {escape(claim.text)} [{ids}]{'' if claim.supported else ' UNSUPPORTED'}")
    lines += [f"not done  {escape(step)}" for step in verdict.not_done]
    return lines


def _time(at: float) -> str:
    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
