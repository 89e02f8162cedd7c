"""A real engine and a guard that several can talk to, and consoles' engines attached to both.

``python -m tests.aegis_tui.daemonside FOLDER`` runs the engine and its guard, with an attack and a proposal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from aegis_tui.attached.remote import RemoteEngine
from aegis_tui.attached.usher import ENGINE, GUARD, Usher
from engine.attach.door import AttachDoor
from engine.attach.socket import listen, reach
from engine.types import Proposal
from tests.engine.bench import GuardThread, Running, Wire, attack, live_plan, running
from tests.engine.guard.bench import AT_TERMINAL, HEADLESS, Bench

PATIENCE_S = 20


class SharedGuard(GuardThread):
    """A guard that a daemon's engine and people at terminals talk to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "guard.sock"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(self.path))
        self._listener.listen()
        super().__init__(folder)

    def _serve(self, folder: Path) -> None:
        self.bench = Bench(folder)
        self._ready.set()
        people: list[socket.socket] = []
        while True:
            ready, _, _ = select.select([self._theirs, self._listener, *people], [], [])
            if self._listener in ready:
                people.append(self._listener.accept()[0])
            if self._theirs in ready and not self._answer(self._theirs):
                break
            people = [one for one in people if one not in ready or self._answer(one)]
        for one in (*people, self._listener):
            one.close()
        self.bench.ledger.close()

    def _answer(self, sock: socket.socket) -> bool:
        packet = b""
        with contextlib.suppress(OSError):
            packet = sock.recv(1 << 20)
        if packet:
            channel = HEADLESS if sock is self._theirs else AT_TERMINAL
            sock.send(self.bench.guard.answer(packet, channel))
        elif sock is not self._theirs:
            sock.close()
        return bool(packet)


class Ways:
    """Stands for the usher: the test may open both sockets itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def reach(self, whom: bytes) -> socket.socket:
        """Return a new connection."""
        if whom == ENGINE:
            return reach(self._folder / "attach.sock")
        assert whom == GUARD
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.connect(str(self._folder / "guard.sock"))
        except OSError:
            sock.close()
            raise
        return sock

    def close(self) -> None:
        """Leave nothing."""


@asynccontextmanager
async def console(folder: Path) -> AsyncIterator[RemoteEngine]:
    """Attach a console's engine until the block ends."""
    remote = RemoteEngine(cast(Usher, Ways(folder)))
    attached = asyncio.create_task(remote.run())
    try:
        await until(lambda: remote.snapshot().status.consoles > 0)
        yield remote
    finally:
        attached.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attached


@asynccontextmanager
async def daemon(folder: Path, *wires: Wire) -> AsyncIterator[tuple[Running, SharedGuard]]:
    """Run an engine with a guard and the door open until the block ends."""
    guard = SharedGuard(folder)
    try:
        door = AttachDoor(listen(folder / "attach.sock"), {"block_ttl_s": 600.0}, frozenset({os.geteuid()}))
        async with running(live_plan(folder, *wires, doors=(door,)), guard.door) as at_work:
            yield at_work, guard
    finally:
        guard.close()
        guard.path.unlink()


async def until(seen: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not seen():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def _serve(folder: Path) -> None:
    wire = Wire()
    async with daemon(folder, wire) as (at_work, _):
        wire.send(attack())
        await at_work.hears(Proposal)
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
