"""``aegis-tui --iface eth0``: starts the guard, opens the capture, drops root, and runs the engine."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aegis_tui.commands.doors import configured
from aegis_tui.commands.ending import UNATTENDED_GRACE_S, run_to_end
from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.rows import count
from aegis_tui.commands.settings import effective, endpoint_addresses
from aegis_tui.commands.starting import loading
from aegis_tui.commands.terminal import need_terminal, say
from engine import paths
from engine.attach.socket import listen
from engine.config import Effective, Settings
from engine.plan import Plan
from engine.types import Fault

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from aegis_tui.commands.captures import Captures
    from aegis_tui.commands.output import Printer
    from engine.core import Engine
    from engine.edge.view import Door
    from engine.guard.client import GuardClient
    from engine.intake import Intake
    from engine.types import Event

FLOWS_SHOWN = 400
"""Of a daemon: consoles that are attached are sent them. A console of its own shows ``flows_shown``."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What was opened while there were privileges to open it."""

    guard: GuardClient
    captures: Captures
    faults: tuple[Fault, ...]
    listener: socket.socket | None = None
    """Where consoles attach, if they may."""


def run(arguments: argparse.Namespace) -> int:
    """Watch the interfaces until the console is closed, or a signal comes."""
    found = effective(arguments)
    settings = found.settings
    if (elsewhere := _at_another_engine(arguments)) is not None:
        return elsewhere
    check(settings.interface)
    if not arguments.headless:
        return _console(found)
    watch = begin(settings, launch(settings, may_approve=False))
    opened = configured(settings, paths.LIVE_DATABASE)
    from aegis_tui.commands.output import Printer  # noqa: PLC0415 - after privileges are dropped

    printer = Printer(arguments.json, arguments.extra, wanted=arguments.filter)
    engine = build(watch, settings, printer, opened=opened)
    try:
        run_to_end(partial(headless, engine, printer), UNATTENDED_GRACE_S)
    finally:
        farewell(engine)
    return 2 if tell_failures(engine) else 0


def _console(found: Effective) -> int:
    """Show a console of its own: loaded while the guard comes up, drawn while the kernel is made ready."""
    need_terminal()
    settings = found.settings
    guard = launch(settings, may_approve=True)
    with loading():
        from aegis_tui.commands.console import preferences_of, run_console  # noqa: PLC0415 - only here is textual
        from aegis_tui.commands.studio import Workshop  # noqa: PLC0415

        preferences = preferences_of(found, paths.LIVE_DATABASE.parent)  # refuses before the guard attaches anything
        watch = begin(settings, guard, waits=False)
        opened = configured(settings, paths.LIVE_DATABASE)
        engine = build(watch, settings, None, opened=opened, view_flows=settings.flows_shown)
        workshop = Workshop(settings, state=paths.LIVE_DATABASE.parent)
    return run_console(engine, preferences=preferences, studio=workshop)


def _at_another_engine(arguments: argparse.Namespace) -> int | None:
    """Attach where another engine holds this host, and return the exit status; ``None`` where none does."""
    if os.geteuid() != 0:
        return None
    from aegis_tui.commands.holder import holder  # noqa: PLC0415 - only root can

    if (found := holder()) is None:
        return None
    from aegis_tui.commands import attach  # noqa: PLC0415 - only where there is another

    if found.daemon and not (arguments.iface or arguments.headless):
        need_terminal()
        return attach.attached(arguments)
    return attach.offered(arguments, found)


def launch(settings: Settings, *, may_approve: bool) -> GuardClient:
    """Start the guard, which takes a while to come up.

    Raises:
        ValueError: no interface is named.
        LookupError: there is none of those named.
        PermissionError: this is not root.
    """
    check(settings.interface)
    from engine.guard.client import spawn  # noqa: PLC0415 - only after the arguments are known to be right

    return spawn(
        settings.interface,
        endpoints=endpoint_addresses(settings),
        shared_hops=settings.trusted_proxies,
        management_ports=settings.management_ports,
        may_approve=may_approve,
        dataplane=not settings.no_dataplane,
        waits=False,
    )


def begin(settings: Settings, guard: GuardClient, *, attachable: bool = False, waits: bool = True) -> Watch:
    """Wait for the guard, open the captures and, if consoles may attach, their socket, and give up root for good.

    Unless it ``waits``, the guard still makes the kernel ready on return, and answers after that.

    Raises:
        PermissionError: the guard does not start; the text says why.
        CaptureError: no interface can be watched.
    """
    from aegis_tui.commands.captures import open_captures  # noqa: PLC0415 - loads libpcap
    from engine.privileges import drop, engine_user, ensure_engine_state  # noqa: PLC0415

    guard.greet()
    ensure_engine_state(engine_user(os.environ), paths.LIVE_STATE)
    opened = open_captures(settings.interface, promiscuous=settings.promiscuous)
    listener = listen() if attachable else None
    dropped = drop(os.environ)
    log_to(paths.LIVE_DATABASE.parent, settings.log_level)
    log.info("watching %s", opened.names)
    if waits:
        guard.hello()
    return Watch(guard, opened, tuple(filter(None, (dropped.fault, opened.fault))), listener)


def check(ifaces: tuple[str, ...]) -> None:
    """Refuse where nothing can be watched.

    Raises:
        ValueError: no interface is named.
        LookupError: there is none of those named.
        PermissionError: this is not root.
    """
    present = [name for _, name in socket.if_nameindex()]
    if not ifaces:
        daemon = "start the daemon (sudo systemctl start aegis-tui) and attach"
        msg = f"name an interface with --iface (here: {', '.join(present)}), {daemon}, or try `aegis-tui demo`"
        raise ValueError(msg)
    if not set(ifaces) & set(present):
        msg = f"there is no interface {' or '.join(map(repr, ifaces))} here, only {', '.join(present)}"
        raise LookupError(msg)
    if os.geteuid() != 0:
        msg = f"capturing on {ifaces[0]} needs root: sudo aegis-tui --iface {ifaces[0]} (replay and demo do not)"
        raise PermissionError(msg)


def build(
    watch: Watch,
    settings: Settings,
    on_event: Callable[[Event], None] | None,
    *,
    opened: tuple[Door, ...] = (),
    view_flows: int = 0,
) -> Engine:
    """Return an engine over what was opened."""
    from engine.core import Engine  # noqa: PLC0415 - after privileges are dropped
    from engine.host.addresses import connected_prefixes, own_ips  # noqa: PLC0415
    from engine.host.links import link  # noqa: PLC0415
    from engine.hostdoor import HostDoor  # noqa: PLC0415
    from engine.intake import Intake  # noqa: PLC0415

    sources = watch.captures.sources
    readers = [Intake(source, max_flows=settings.max_flows, live=True, view_flows=view_flows) for source in sources]
    plan = Plan(
        source="live",
        title=watch.captures.names,
        open_readers=[partial(_opened, reader) for reader in readers],
        settings=settings,
        database=paths.LIVE_DATABASE,
        knowledge=paths.LIVE_DATABASE.with_name("knowledge.db"),
        live=True,
        local_ips=own_ips(),
        connected=connected_prefixes(),
        faults=watch.faults,
        look_at_link=link,
        filing=True,
        doors=opened,
    )
    return Engine(plan, HostDoor(watch.guard), on_event)


def _opened(reader: Intake) -> Intake:
    """Return a reader that was opened while there were privileges to open it."""
    return reader


def tell_failures(engine: Engine) -> int:
    """Name the sources that could not be read to their end, and return how many there are."""
    for reason in engine.failed:
        say(f"aegis-tui: {reason}", sys.stderr)
    return len(engine.failed)


async def headless(engine: Engine, printer: Printer | None = None) -> None:
    """Run the engine to its end, or until a signal asks it to stop; print what the run amounted to."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, engine.stop)
    await engine.run()
    if printer is not None:
        printer.summary(engine)


def farewell(engine: Engine) -> None:
    """Say what stays in force by the last look: the engine's thread may still be asking the guard."""
    words = parting(engine.decisions.in_force())
    log.info("%s", words)
    say(words, sys.stderr)


def parting(live: int | None) -> str:
    """Return the last words of an engine: how many blocks it leaves in force, None for not known."""
    if live is None:
        return "ended; whether blocks are in force is not known: sudo aegis-tui blocks list"
    if not live:
        return "ended; no block is in force"
    stay = "stays" if live == 1 else "stay"
    return f"ended; {count(live, 'block')} {stay} in force; to lift all of them: sudo aegis-tui panic-unblock"
