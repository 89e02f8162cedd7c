"""``aegis-tui attach``, and ``aegis-tui`` with no interface: a console at the engine that a daemon runs."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys

from aegis_tui.commands.guarded import need_root
from aegis_tui.commands.holder import Holder, daemon_pid, holder
from aegis_tui.commands.person import ask
from aegis_tui.commands.settings import effective
from aegis_tui.commands.starting import loading
from aegis_tui.commands.terminal import need_terminal, say
from engine import paths

START = "start one with `sudo systemctl start aegis-tui`, or `sudo aegis-tui daemon --iface NAME`"


def run(arguments: argparse.Namespace) -> int:
    """Attach to the engine that runs on this host.

    Raises:
        PermissionError: this is not root.
        LookupError: none runs.
    """
    need_root()
    need_terminal()
    if not daemon_pid():
        found = holder()
        held = f"no daemon runs, but {found.words} holds this host: close it, then" if found else "no daemon runs here:"
        present = ", ".join(name for _, name in socket.if_nameindex())
        msg = f"{held} {START}; a console of its own: sudo aegis-tui --iface NAME (here: {present})"
        raise LookupError(msg)
    return attached(arguments)


def attached(arguments: argparse.Namespace) -> int:
    """Show the console over the daemon's engine until it is closed; the daemon goes on."""
    from aegis_tui.attached.usher import Usher  # noqa: PLC0415 - before anything else is opened or started

    usher = Usher.start()
    with loading():
        from aegis_tui.attached.remote import RemoteEngine  # noqa: PLC0415
        from aegis_tui.commands.console import preferences_of, show  # noqa: PLC0415 - textual only where a console is
        from aegis_tui.commands.studio import Workshop  # noqa: PLC0415
        from engine.privileges import drop  # noqa: PLC0415

    found = effective(arguments)
    preferences = preferences_of(found, paths.LIVE_DATABASE.parent)
    drop(os.environ)
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    engine = RemoteEngine(usher)
    workshop = Workshop(found.settings, state=paths.LIVE_DATABASE.parent)
    return show(engine, engine.run, preferences=preferences, studio=workshop)


def offered(arguments: argparse.Namespace, found: Holder) -> int:
    """Say who holds the host, and attach where the person wants that.

    Raises:
        PermissionError: it is held, and this console does not attach.
    """
    held = f"this host is held by {found.words}"
    if found.daemon and not arguments.headless and sys.stdin.isatty():
        say(f"{held}: a second engine cannot watch it")
        if ask("Attach this console to it? [Y/n] ", sys.stdin).lower() in ("", "y"):
            return attached(arguments)
    way = "sudo aegis-tui attach" if found.daemon else f"close it first, then {START}, which takes many consoles"
    msg = f"{held}; {way}"
    raise PermissionError(msg)
