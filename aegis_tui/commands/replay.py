"""``replay`` and ``demo``: captures and stored incidents through the same engine, with blocking off."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from aegis_tui.commands.live import FLOWS_SHOWN, headless
from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.settings import effective
from aegis_tui.commands.stored import store_of
from engine import paths
from engine.config import Settings
from engine.intake import Intake, Reader
from engine.plan import Plan

DEMO = Path(__file__).parent.parent / "demo" / "attack.pcap"

HOST_SUFFIX = ".host.json"
"""Beside a capture: the watched host's addresses, and what it answered about sockets and processes."""


def run(arguments: argparse.Namespace) -> int:
    """Replay what was named: a file, a folder of files, or a stored incident."""
    what = Path(arguments.what)
    if what.is_dir():
        return _replay_folder(arguments, what)
    if what.exists() or "/" in arguments.what or "." in arguments.what:
        return _replay_file(arguments, what)
    return _run(arguments, asyncio.run(_load_incident(arguments.what, arguments)))


def demo(arguments: argparse.Namespace) -> int:
    """Replay the recorded attack that comes with the program."""
    return _replay_file(arguments, DEMO)


def _replay_file(arguments: argparse.Namespace, file: Path) -> int:
    if not file.is_file():
        msg = f"there is no file {file}"
        raise LookupError(msg)
    plan = plan_of_files(arguments, [file], file.name)
    return _run(arguments, plan)


def _replay_folder(arguments: argparse.Namespace, folder: Path) -> int:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in _SUFFIXES)
    if not files:
        msg = f"there is no capture ({', '.join(sorted(_SUFFIXES))}) in {folder}"
        raise LookupError(msg)
    return _run(arguments, plan_of_files(arguments, files, folder.name or str(folder)))


_SUFFIXES = {".pcap", ".pcapng", ".cap", ".dmp", ".trace"}


def plan_of_files(arguments: argparse.Namespace, files: list[Path], title: str) -> Plan:
    """Return the plan of replaying captures; what lies beside a single one belongs to it."""
    from engine.agent.recorded import RecordedHost  # noqa: PLC0415 - light, but not needed to refuse a name

    settings = effective(arguments).settings
    beside = _host_beside(files[0]) if len(files) == 1 else {}
    return Plan(
        source=title,
        title=title,
        open_readers=[partial(_open, file, settings, paced=not arguments.headless) for file in files],
        settings=settings,
        database=paths.user_state() / "aegis.db",
        knowledge=paths.user_state() / "knowledge.db",
        lockstep=arguments.headless,
        paced=not arguments.headless,
        speed=arguments.speed,
        local_ips=tuple(beside.get("local", ())),
        host=RecordedHost(beside.get("answers", {})),
    )


def _host_beside(file: Path) -> dict[str, dict[str, str]]:
    beside = file.with_name(file.stem + HOST_SUFFIX)
    if not beside.is_file():
        return {}
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{beside}: not JSON: {error}"
        raise ValueError(msg) from error
    return dict(content)


def _open(file: Path, settings: Settings, *, paced: bool) -> Reader:
    from engine.sources.pcapfile import PcapFile  # noqa: PLC0415 - loads libpcap

    shown = FLOWS_SHOWN if paced else 0
    return Intake(PcapFile(file), max_flows=settings.max_flows, paced=paced, view_flows=shown)


def _run(arguments: argparse.Namespace, plan: Plan) -> int:
    from aegis_tui.commands.output import Printer  # noqa: PLC0415 - after the input is known to be right
    from engine.core import Engine  # noqa: PLC0415

    log_to(paths.user_state())
    if not arguments.headless:
        from aegis_tui.commands.console import run_console  # noqa: PLC0415 - textual only where there is a console

        return run_console(Engine(plan))
    printer = Printer(arguments.json, arguments.extra)
    engine = Engine(plan, on_event=printer)
    asyncio.run(headless(engine, printer))
    for reason in engine.failed:
        print(f"aegis-tui: {reason}", file=sys.stderr)
    return 2 if engine.failed and len(engine.failed) == len(plan.open_readers) else 0


async def _load_incident(what: str, arguments: argparse.Namespace) -> Plan:
    from engine.stored import StoredInputs  # noqa: PLC0415 - only for incidents

    async with store_of(arguments, what) as (store, incident_id):
        view = await store.view(incident_id)
        inputs = await store.inputs(incident_id)
        packets = await store.packets(incident_id)
        recordings = await store.recordings(incident_id)
        context = await store.context_of(incident_id)
    assert view is not None  # noqa: S101 - store_of() found it
    settings = replace(effective(arguments).settings, dedup_window=context.dedup_window_s)
    return Plan(
        source=incident_id,
        title=f"{incident_id} {view.incident.title}",
        open_readers=[partial(StoredInputs, incident_id, inputs, packets)],
        settings=settings,
        database=None,
        knowledge=paths.user_state() / "knowledge.db",
        lockstep=arguments.headless,
        paced=not arguments.headless,
        speed=arguments.speed,
        local_ips=context.local_ips,
        only=incident_id,
        recordings={incident_id: recordings},
    )
