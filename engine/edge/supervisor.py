"""Tells systemd that the engine works, and that it still does: by hand, since the protocol is a line on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping

from engine.edge.view import EngineDoor
from engine.text import escape
from engine.types import BlockState, Snapshot

STATUS_S = 10.0
LOOK_S = 1.0
"""How soon a change of what drops is told: `systemctl status` is read in the seconds after a start."""


class Supervisor:
    """A door that nobody comes in by: it only tells the service manager what goes on."""

    name = "systemd"

    def __init__(self, place: str, watchdog_s: float = 0.0) -> None:
        """Take the socket's place, and how often a sign of life is wanted; 0 is never."""
        self._place = f"\0{place[1:]}" if place.startswith("@") else place
        self._every_s = min(watchdog_s / 3, STATUS_S) if watchdog_s else STATUS_S

    async def serve(self, engine: EngineDoor) -> None:
        """Tell until cancelled; the signs of life come from the loop that does the engine's work."""
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)) as sock:
            sock.setblocking(False)
            self._tell(sock, "READY=1")
            look_s, waited_s, told = min(LOOK_S, self._every_s), 0.0, ("", "")
            while True:
                snapshot = engine.snapshot()
                words = summary(snapshot)
                drops = words.partition(";")[0]
                changed = (drops, snapshot.status.loading)
                if changed != told or waited_s >= self._every_s:
                    self._tell(sock, f"WATCHDOG=1\nSTATUS={words}")
                    waited_s, told = 0.0, changed
                await asyncio.sleep(look_s)
                waited_s += look_s

    def _tell(self, sock: socket.socket, words: str) -> None:
        # A service manager that is being restarted misses a line; the next one comes soon.
        with contextlib.suppress(OSError):
            sock.sendto(words.encode(), self._place)


def supervisor(environ: Mapping[str, str]) -> tuple[Supervisor, ...]:
    """Return the door to the service manager that started this process, if one did."""
    place = environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return ()
    wanted = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return (Supervisor(place, int(wanted) / 1e6 if wanted.isdecimal() and meant else 0.0),)


def summary(snapshot: Snapshot) -> str:
    """Return one line about the engine: numbers and the program's own words only."""
    live = sum(block.state is BlockState.LIVE and not block.watch for block in snapshot.blocks)
    drops = escape(snapshot.status.dataplane.replace(";", ","), limit=200)
    mode = f"blocking by {drops}" if snapshot.status.blocking else f"monitor only ({drops})"
    if snapshot.status.loading:
        return f"{mode}; {snapshot.status.loading}"
    held = f"incidents: {len(snapshot.incidents)}; blocks in force: {live}"
    return f"{mode}; judgements: {snapshot.counters.judged}; {held}"
