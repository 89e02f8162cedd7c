"""``aegis-tui daemon``: the engine without a console, for consoles to attach to. It never approves anything."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from aegis_tui.commands import live
from aegis_tui.commands.doors import configured
from aegis_tui.commands.guarded import need_root
from aegis_tui.commands.holder import holder
from aegis_tui.commands.settings import effective
from aegis_tui.commands.terminal import say
from engine import paths
from engine.config import SYSTEM_FILE
from engine.edge.supervisor import supervisor
from engine.types import Fault

if TYPE_CHECKING:
    from engine.core import Engine
    from engine.edge.view import Door
    from engine.types import Event


def run(arguments: argparse.Namespace) -> int:
    """Watch the interfaces until a signal comes; a hang-up of the terminal is none.

    Raises:
        PermissionError: another engine holds this host.
    """
    settings = effective(arguments).settings
    if not settings.interface:
        msg = f'no interface: put interface = ["eth0"] into {SYSTEM_FILE}, or name one with --iface'
        raise ValueError(msg)
    live.check(settings.interface)
    need_root()
    if (found := holder()) is not None:
        way = "sudo aegis-tui attach" if found.daemon else "close it first"
        msg = f"this host is held by {found.words}; {way}"
        raise PermissionError(msg)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    watch = live.begin(settings, may_approve=False, attachable=True)
    assert watch.listener is not None  # noqa: S101 - it was asked for
    from engine.attach.door import AttachDoor  # noqa: PLC0415 - after privileges are dropped

    door = AttachDoor(watch.listener, {"block_ttl_s": settings.block_ttl})
    more = configured(settings, paths.LIVE_DATABASE)
    ending = _Ending()
    doors: tuple[Door, ...] = (door, *supervisor(os.environ), *more)
    engine = live.build(watch, settings, ending, opened=doors, view_flows=live.FLOWS_SHOWN)
    ending.engine = engine
    _tell(f"watching {' '.join(settings.interface)}; a console: sudo aegis-tui attach")
    asyncio.run(_until_told(engine))
    with suppress(OSError):
        live.farewell(engine)
    return 1 if ending.why else 2 if live.tell_failures(engine) else 0


class _Ending:
    """Ends an engine that lost its guard or its capture, where somebody starts it again."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.why = ""

    def __call__(self, event: Event) -> None:
        if not (isinstance(event, Fault) and event.ability in ("guard", "capture") and not event.cleared):
            return
        if "NOTIFY_SOCKET" in os.environ and self.engine is not None:
            self.why = event.message
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
