"""A real engine on a bench with its attach door open, and consoles at it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from engine.attach.door import AttachDoor
from engine.attach.line import Line
from engine.attach.socket import listen, reach
from engine.types import Event
from tests.engine.bench import Running, Wire, live_plan, running

PATIENCE_S = 20


class At:
    """A console's line, and what it was told."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    async def listen(self) -> None:
        """Keep the mirror until the engine goes, or the line is closed."""
        try:
            await self.line.listen(self.events.append)
        except (OSError, EOFError):
            return

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not seen():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.02)


class Doorway:
    """The engine, and how to get in."""

    def __init__(self, at_work: Running, path: Path, tasks: asyncio.TaskGroup) -> None:
        self.at_work, self.path, self._tasks = at_work, path, tasks
        self._lines: list[Line] = []

    def reach(self) -> socket.socket:
        """Return a bare connection."""
        sock = reach(self.path)
        sock.setblocking(False)
        return sock

    async def enter(self, who: str, *, watches: bool = False) -> At:
        """Attach a console."""
        console = At(await Line.open(self.reach(), who, watches=watches))
        self._lines.append(console.line)
        self._tasks.create_task(console.listen())
        await console.until(lambda: console.line.role.consoles > 0)
        return console

    def close(self) -> None:
        """Hang up every console."""
        for line in self._lines:
            line.close()


@asynccontextmanager
async def doorway(folder: Path, *wires: Wire) -> AsyncIterator[Doorway]:
    """Run an engine with the door open until the block ends."""
    path = folder / "attach.sock"
    door = AttachDoor(listen(path), {"block_ttl_s": 600.0}, frozenset({os.geteuid()}))
    async with running(live_plan(folder, *wires, doors=(door,))) as at_work, asyncio.TaskGroup() as tasks:
        made = Doorway(at_work, path, tasks)
        try:
            yield made
        finally:
            made.close()
