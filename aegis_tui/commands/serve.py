"""``aegis-tui serve``: the engine without a console, and its doors."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aegis_tui.commands import doors, live
from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.ending import UNATTENDED_GRACE_S, run_to_end
from aegis_tui.commands.holder import holder
from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.settings import effective
from aegis_tui.commands.terminal import say
from engine import paths
from engine.config import Settings
from engine.plan import Plan

if TYPE_CHECKING:
    from engine.core import Engine
    from engine.edge.view import Door
    from engine.types import Event


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes, or the client that started this goes away."""
    settings = _settings(arguments)
    closing = _Closing()
    opened = (doors.stdio(closing),) if arguments.stdio else ()
    if arguments.iface:
        return _watch(arguments, settings, opened, closing)
    confine_to_home(arguments)
    return _stay(arguments, settings, opened, closing)


class _Closing:
    """What a door calls when its client is gone: to stop is not known before there is an engine."""

    def __init__(self) -> None:
        self.stop: Callable[[], object] = lambda: None

    def __call__(self) -> None:
        self.stop()


def _settings(arguments: argparse.Namespace) -> Settings:
    """Return the settings, with the doors and ports that were named.

    Raises:
        ValueError: no door is left to serve.
    """
    settings = effective(arguments).settings
    chosen = replace(
        settings,
        interface=tuple(arguments.iface or ()),  # the file's is the daemon's: two engines cannot watch one host
        http=not (arguments.no_http or arguments.stdio),
        mcp=not (arguments.no_mcp or arguments.stdio),
        http_port=settings.http_port if arguments.http_port is None else arguments.http_port,
        mcp_port=settings.mcp_port if arguments.mcp_port is None else arguments.mcp_port,
    )
    if not (chosen.http or chosen.mcp or arguments.stdio):
        msg = "no door is left to serve: leave out --no-http or --no-mcp"
        raise ValueError(msg)
    if chosen.http and chosen.mcp and chosen.http_port == chosen.mcp_port != 0:
        msg = f"both doors on port {chosen.http_port}: give one of them another with --http-port or --mcp-port"
        raise ValueError(msg)
    return chosen


def _watch(arguments: argparse.Namespace, settings: Settings, opened: tuple[Door, ...], closing: _Closing) -> int:
    """Capture as root, drop it, and serve."""
    _need_free_host()
    watch = live.begin(settings, live.launch(settings, may_approve=False))
    printer = _printer(arguments)
    more = doors.configured(settings, paths.LIVE_DATABASE, _told(arguments))
    engine = live.build(watch, settings, printer, opened=(*opened, *more))
    closing.stop = engine.stop
    try:
        run_to_end(partial(live.headless, engine), UNATTENDED_GRACE_S)
    finally:
        live.farewell(engine)
    return 2 if live.tell_failures(engine) else 0


def _need_free_host() -> None:
    """Refuse where another engine watches this host, and say what works.

    Raises:
        PermissionError: one does.
    """
    found = holder() if os.geteuid() == 0 else None
    if found is None:
        return
    doors_of_its_own = "; the daemon itself opens the doors with http = true and mcp = true in its settings"
    msg = f"this host is held by {found.words}; without --iface serve needs no host: it judges what is reported"
    raise PermissionError(msg + (doors_of_its_own if found.daemon else ""))


def _stay(arguments: argparse.Namespace, settings: Settings, opened: tuple[Door, ...], closing: _Closing) -> int:
    """Serve what is stored and known, and judge what is reported."""
    from engine.core import Engine  # noqa: PLC0415 - after the arguments are known to be right
    from engine.host.addresses import connected_prefixes, own_ips  # noqa: PLC0415

    log_to(paths.user_state(), settings.log_level)
    database = paths.user_state() / "aegis.db"
    plan = Plan(
        source="events",
        title="events",
        open_readers=(),
        settings=settings,
        database=database,
        knowledge=paths.user_state() / "knowledge.db",
        local_ips=own_ips(),
        connected=connected_prefixes(),
        filing=True,
        doors=(*opened, *doors.configured(settings, database, _told(arguments))),
    )
    engine = Engine(plan, on_event=_printer(arguments))
    asyncio.run(_until_stopped(engine, closing))
    return 2 if len(engine.shut_doors) == len(plan.doors) else 0


async def _until_stopped(engine: Engine, closing: _Closing) -> None:
    """Run an engine that has no end of its own until a signal asks it to stop."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in one
    closing.stop = task.cancel
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        await engine.run(stay=True)
    except asyncio.CancelledError:
        task.uncancel()


def _printer(arguments: argparse.Namespace) -> Callable[[Event], None] | None:
    """Return what prints events, where standard output is not a protocol's."""
    if arguments.stdio:
        return None
    from aegis_tui.commands.output import Printer  # noqa: PLC0415 - after privileges are dropped

    return Printer(arguments.json, arguments.extra)


def _told(arguments: argparse.Namespace) -> doors.Told:
    def tell(name: str, address: str, file: Path) -> None:
        row = {"type": "door", "name": name, "address": address, "token_file": str(file)}
        words = f"{name}: {address} (token: {file})"
        say(json.dumps(row) if arguments.json else words, sys.stdout, as_json=arguments.json)

    return tell
