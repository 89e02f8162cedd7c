"""``replay`` and ``demo``: captures and stored incidents through the same engine, with blocking off."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import stat
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.live import FLOWS_SHOWN, headless, tell_failures
from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.settings import effective
from aegis_tui.commands.stored import ask
from engine import paths
from engine.config import Settings
from engine.intake import Intake, Reader
from engine.plan import Context, Plan, Recording
from engine.store.database import Store
from engine.types import FlowUpdate, IncidentView

DEMO = Path(__file__).parent.parent / "demo" / "attack.pcap"

HOST_SUFFIX = ".host.json"
"""Beside a capture: the watched host's addresses, and what it answered about sockets and processes."""


def run(arguments: argparse.Namespace) -> int:
    """Replay what was named: a file, a folder of files, or a stored incident."""
    what = Path(arguments.what)
    if arguments.diff and not arguments.reinvestigate:
        msg = "--diff compares with the stored verdict: give --reinvestigate too"
        raise ValueError(msg)
    if arguments.reinvestigate:
        from aegis_tui.commands.reinvestigate import run as reinvestigate  # noqa: PLC0415 - only where it is asked for

        return reinvestigate(arguments)
    if what.exists() or "/" in arguments.what or "." in arguments.what:
        return _replay_path(arguments, what)
    settings = effective(arguments).settings
    incident = load_incident(arguments)
    confine_to_home(arguments)
    return start(arguments, plan_of_incident(arguments, settings, incident))


def demo(arguments: argparse.Namespace) -> int:
    """Replay the recorded attack that comes with the program."""
    return _replay_path(arguments, DEMO)


def _replay_path(arguments: argparse.Namespace, path: Path) -> int:
    settings = effective(arguments).settings
    confine_to_home(arguments)
    files = _captures(path)
    return start(arguments, plan_of_files(arguments, files, path.name or str(path), settings))


def _captures(path: Path) -> list[Path]:
    try:
        kind = path.stat().st_mode
    except FileNotFoundError as error:
        msg = f"there is no file {path}"
        raise LookupError(msg) from error
    except PermissionError as error:
        raise PermissionError(_closed(path)) from error
    _need_readable(path)
    if not stat.S_ISDIR(kind):
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in _SUFFIXES)
    if not files:
        msg = f"there is no capture ({', '.join(sorted(_SUFFIXES))}) in {path}"
        raise LookupError(msg)
    return files


def _need_readable(path: Path) -> None:
    if not os.access(path, os.R_OK):
        raise PermissionError(_closed(path))


def _closed(path: Path) -> str:
    words = f"cannot read {path}: permission denied"
    if os.geteuid() != 0 and not os.environ.get("SUDO_UID"):
        return words
    return f"{words}; root gives up its privileges to replay: run this as the file's owner, or give the file to root"


_SUFFIXES = {".pcap", ".pcapng", ".cap", ".dmp", ".trace"}


def plan_of_files(
    arguments: argparse.Namespace, files: list[Path], title: str, settings: Settings | None = None
) -> Plan:
    """Return the plan of replaying captures; what lies beside a single one belongs to it."""
    from engine.agent.recorded import RecordedHost  # noqa: PLC0415 - light, but not needed to refuse a name

    settings = settings or effective(arguments).settings
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


def start(arguments: argparse.Namespace, plan: Plan) -> int:
    """Run a replay, in the console or headless."""
    from aegis_tui.commands.output import Printer  # noqa: PLC0415 - after the input is known to be right
    from engine.core import Engine  # noqa: PLC0415

    log_to(paths.user_state())
    if not arguments.headless:
        from aegis_tui.commands.console import run_console  # noqa: PLC0415 - textual only where there is a console

        return run_console(Engine(plan))
    printer = Printer(arguments.json, arguments.extra)
    engine = Engine(plan, on_event=printer)
    asyncio.run(headless(engine, printer))
    failed = tell_failures(engine)
    return 2 if failed and failed == len(plan.open_readers) else 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What an incident is judged again from."""

    view: IncidentView
    inputs: tuple[FlowUpdate, ...]
    packets: bytes
    recordings: tuple[Recording, ...]
    context: Context

    @property
    def id(self) -> str:
        """The incident's whole id."""
        return self.view.incident.id

    @property
    def title(self) -> str:
        """The incident's title."""
        return self.view.incident.title


def load_incident(arguments: argparse.Namespace) -> Stored:
    """Return a stored incident with all that it can be judged again from.

    Raises:
        LookupError: there is no such incident.
    """

    async def load(store: Store, incident_id: str) -> Stored:
        view = await store.view(incident_id)
        assert view is not None  # noqa: S101 - find() returned an id that is stored
        inputs = tuple(await store.inputs(incident_id))
        recordings = await store.recordings(incident_id)
        packets = await store.packets(incident_id)
        return Stored(view, inputs, packets, recordings, await store.context_of(incident_id))

    found = ask(arguments, arguments.what, Stored, load)
    assert isinstance(found, Stored)  # noqa: S101 - what load() returns
    return found


def plan_of_incident(arguments: argparse.Namespace, settings: Settings, stored: Stored) -> Plan:
    """Return the plan of replaying a stored incident, in a store that ends with it."""
    from engine.stored import StoredInputs  # noqa: PLC0415 - only for incidents

    return Plan(
        source=stored.id,
        title=f"{stored.id} {stored.title}",
        open_readers=[partial(StoredInputs, stored.id, list(stored.inputs), stored.packets)],
        settings=replace(settings, dedup_window=stored.context.dedup_window_s),
        database=None,
        knowledge=paths.user_state() / "knowledge.db",
        lockstep=arguments.headless,
        paced=not arguments.headless,
        speed=arguments.speed,
        local_ips=stored.context.local_ips,
        only=stored.id,
        recordings={stored.id: stored.recordings},
    )
