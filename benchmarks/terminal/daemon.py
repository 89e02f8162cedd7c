"""An engine that costs nothing behind the door that consoles attach to: what both ends use is for the attaching.

``python -m benchmarks.terminal.daemon quiet|busy|crowd FOLDER``
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

from benchmarks.terminal.host import FLOWS_TOLD, Busy
from engine.attach.door import AttachDoor
from engine.attach.socket import listen
from engine.edge.view import EngineDoor
from engine.types import Event
from tests.aegis_tui import scenario
from tests.aegis_tui.daemonside import SharedGuard
from tests.fakes import FakeEngine

FLOWS = {"busy": 500, "crowd": 10_000}
"""Among how many flows 1,000 a second go on: connections that are held, and so many that few are told of twice."""


class Engine(FakeEngine):
    """An engine that several consoles look at."""

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        """Forget nobody: all have one queue, and nothing is told."""

    def suppressions(self) -> tuple[()]:
        """Return no rules."""
        return ()


def main() -> int:
    """Serve until ended."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    evolve = Busy(FLOWS[kind], FLOWS_TOLD) if kind in FLOWS else lambda before: replace(before, now=time.time())
    engine = Engine(scenario.snapshot(), views={"INC-00000042": scenario.incident_view()}, evolve=evolve)
    door = AttachDoor(listen(folder / "attach.sock"), {"block_ttl_s": 600.0}, frozenset({os.geteuid()}))
    SharedGuard(folder)
    print("ready", flush=True)
    asyncio.run(door.serve(cast(EngineDoor, engine)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
