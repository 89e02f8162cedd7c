"""``aegis-tui daemon``: the engine without a console, for consoles to attach to. It never approves anything."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from aegis_tui.commands import live
from aegis_tui.commands.doors import configured
from aegis_tui.commands.ending import UNATTENDED_GRACE_S, run_to_end
from aegis_tui.commands.guarded import need_root
from aegis_tui.commands.holder import holder
from aegis_tui.commands.settings import effective
from aegis_tui.commands.terminal import moment, say
from engine import paths
from engine.config import SYSTEM_FILE, Settings
from engine.edge.supervisor import supervisor
from engine.reason import reason
from engine.recovery import recovered
from engine.types import Fault, Recovery

if TYPE_CHECKING:
    from engine.core import Engine
    from engine.edge.view import Door
    from engine.types import Event

SUPERVISED = "NOTIFY_SOCKET"
"""Variable that is set where systemd starts an engine that ended again."""


def run(arguments: argparse.Namespace) -> int:
    """Watch the interfaces until a signal comes; a hang-up of the terminal is none.

    Raises:
        ValueError: the settings are wrong: systemd does not try again.
    """
    settings = effective(arguments).settings
    if not settings.interface:
        msg = f'no interface: put interface = ["eth0"] into {SYSTEM_FILE}, or name one with --iface'
        raise ValueError(msg)
    try:
        return _watch(settings)
    except (LookupError, OSError, sqlite3.Error) as error:
        # Status 2 is for settings that a person has to mend; an interface may come back, and a disk be freed.
        say(f"aegis-tui: {reason(error)}", sys.stderr)
        return 1


def _watch(settings: Settings) -> int:
    live.check(settings.interface)
    need_root()
    if (found := holder()) is not None:
        way = "sudo aegis-tui attach" if found.daemon else "close it first"
        msg = f"this host is held by {found.words}; {way}"
        raise PermissionError(msg)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    # What is left of a unit when its main process ends is killed, and the guard has the end of the run to note.
    with live.launch(settings, may_approve=False) as guard:
        return _serve(live.begin(settings, guard, attachable=True), settings)


def _serve(watch: live.Watch, settings: Settings) -> int:
    """Run the engine until it is told to stop, and return the exit status."""
    assert watch.listener is not None  # noqa: S101 - it was asked for
    from aegis_tui.commands.captures import Lookout  # noqa: PLC0415 - loads libpcap
    from engine.attach.door import AttachDoor  # noqa: PLC0415 - after privileges are dropped

    door = AttachDoor(watch.listener, {"block_ttl_s": settings.block_ttl})
    more = configured(settings, paths.LIVE_DATABASE)
    journal = _Journal()
    doors: tuple[Door, ...] = (door, *supervisor(os.environ), Lookout(watch.captures.absent, journal.came), *more)
    engine = live.build(watch, settings, journal, opened=doors, view_flows=live.FLOWS_SHOWN)
    journal.engine = engine
    _tell(f"watching {watch.captures.names}; a console: sudo aegis-tui attach")
    run_to_end(partial(_until_told, engine), UNATTENDED_GRACE_S)
    with suppress(OSError):
        live.farewell(engine)
    return 1 if journal.ended else 2 if live.tell_failures(engine) else 0


def _end(*_: object) -> None:
    """End while nothing runs yet that would have to be stopped."""
    raise SystemExit(0)


class _Journal:
    """Prints faults and what was recovered; where somebody starts it again, ends an engine without guard or capture."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.ended = False
        """Whether the engine is to be started again."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Recovery):
            _tell(recovered(event, moment))
        if not isinstance(event, Fault):
            return
        _tell(f"{event.ability}: {event.message or 'works again'}")
        if event.ability in ("guard", "capture") and not event.cleared:
            self._end()

    def came(self, iface: str) -> None:
        """Have an interface watched that was missing at the start."""
        _tell(f"interface: {iface} is up; {'starting again' if SUPERVISED in os.environ else 'restart'} to watch it")
        self._end()

    def _end(self) -> None:
        if SUPERVISED in os.environ and self.engine is not None:
            self.ended = True
            self.engine.stop()


async def _until_told(engine: Engine) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, engine.stop)
    await engine.run()


def _tell(words: str) -> None:
    """Say a line, unless the terminal this was started from is gone."""
    with suppress(OSError):
        say(words, sys.stdout)
