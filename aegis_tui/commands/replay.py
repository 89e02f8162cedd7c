"""``replay`` and ``demo``: captures and stored incidents through the same engine, with blocking off."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.recorded import HOST_SUFFIX, captures, plan_of_files, plan_of_incident
from aegis_tui.commands.settings import effective
from aegis_tui.commands.starting import loading
from aegis_tui.commands.terminal import say
from engine import paths
from engine.plan import Plan

if TYPE_CHECKING:
    from engine.store.database import Store
    from engine.stored import Stored

__all__ = ["DEMO", "HOST_SUFFIX"]

DEMO = Path(__file__).parent.parent / "demo" / "attack.pcap"


def run(arguments: argparse.Namespace) -> int:
    """Replay what was named: a file, a folder of files, or a stored incident; without a name, open the library."""
    if arguments.reinvestigate:
        from aegis_tui.commands.reinvestigate import run as reinvestigate  # noqa: PLC0415 - only where it is asked for

        return reinvestigate(arguments)
    path = Path(arguments.what or ".")
    in_console = not (arguments.headless or arguments.diff)
    if in_console and (not arguments.what or path.is_dir()):
        return library(arguments, path if arguments.what else None)
    if not arguments.what:
        msg = "name what to replay: a capture, a folder of captures, or a stored incident"
        raise ValueError(msg)
    if path.exists() or "/" in arguments.what or "." in arguments.what:
        return _replay_path(arguments, path)
    settings = effective(arguments).settings
    incident = load_incident(arguments)
    confine_to_home(arguments)
    return start(arguments, plan_of_incident(settings, incident, **_pace(arguments)))


def demo(arguments: argparse.Namespace) -> int:
    """Replay the recorded attack that comes with the program."""
    return _replay_path(arguments, DEMO)


def _replay_path(arguments: argparse.Namespace, path: Path) -> int:
    settings = effective(arguments).settings
    confine_to_home(arguments)
    files = captures(path)
    return start(arguments, plan_of_files(settings, files, path.name or str(path), **_pace(arguments)))


def _pace(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"paced": not (arguments.headless or getattr(arguments, "diff", False)), "speed": arguments.speed}


def library(arguments: argparse.Namespace, folder: Path | None = None) -> int:
    """Open the console on what is stored, and on the captures of a folder."""
    with loading():
        from aegis_tui.commands.console import preferences_of, run_console  # noqa: PLC0415 - textual: console only
        from aegis_tui.commands.studio import Workshop  # noqa: PLC0415
        from engine.core import Engine  # noqa: PLC0415

    found = effective(arguments)
    confine_to_home(arguments)
    log_to(paths.user_state(), found.settings.log_level)
    state = paths.user_state()
    plan = Plan("library", "library", [], found.settings, state / "aegis.db", knowledge=state / "knowledge.db")
    workshop = Workshop(found.settings, folder, arguments.speed)
    return run_console(Engine(plan), "library", preferences_of(found), workshop)


def start(arguments: argparse.Namespace, plan: Plan) -> int:
    """Run a replay, in the console or headless; or tell what other judges would make of it."""
    if getattr(arguments, "diff", False) and not arguments.reinvestigate:
        from aegis_tui.commands.comparing import run as compare  # noqa: PLC0415 - only where it is asked for

        return compare(arguments, plan)
    log_to(paths.user_state(), plan.settings.log_level)
    if not arguments.headless:
        with loading():
            from aegis_tui.commands.console import preferences_of, run_console  # noqa: PLC0415 - textual: console only
            from aegis_tui.commands.studio import Workshop, replayed  # noqa: PLC0415

            replay = replayed(plan)
        found = effective(arguments)
        return run_console(replay, "replay", preferences_of(found), Workshop(found.settings))
    return _run_headless(arguments, plan)


def _run_headless(arguments: argparse.Namespace, plan: Plan) -> int:
    from aegis_tui.commands.live import headless, tell_failures  # noqa: PLC0415 - the console needs none of these
    from aegis_tui.commands.output import Printer  # noqa: PLC0415
    from engine.core import Engine  # noqa: PLC0415
    from engine.keeping import left_as_stored  # noqa: PLC0415

    printer = Printer(arguments.json, arguments.extra, wanted=arguments.filter)
    engine = Engine(plan, on_event=printer)
    asyncio.run(headless(engine, printer))
    if told := left_as_stored(engine.left_as_stored):
        say(f"aegis-tui: {told}", sys.stderr)
    failed = tell_failures(engine)
    return 2 if failed and failed == len(plan.open_readers) else 0


def load_incident(arguments: argparse.Namespace) -> Stored:
    """Return a stored incident with all that it can be judged again from.

    Raises:
        LookupError: there is no such incident.
    """
    from aegis_tui.commands.stored import ask  # noqa: PLC0415 - only where an incident was named
    from engine.stored import Stored, stored_of  # noqa: PLC0415

    async def load(store: Store, incident_id: str) -> Stored:
        view = await store.view(incident_id)
        assert view is not None  # noqa: S101 - find() returned an id that is stored
        return await stored_of(store, view)

    found = ask(arguments, arguments.what, Stored, load)
    assert isinstance(found, Stored)  # noqa: S101 - what load() returns
    return found
