"""The console over an engine that costs nothing: what it uses is the console's own part.

``python -m benchmarks.terminal.host quiet|busy|large``: nothing happens; 1,000 flow updates a second; 100,000 flows
and 10,000 alerts in view.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import OrderedDict
from dataclasses import replace

from aegis_tui.app import AegisApp
from aegis_tui.terminal.driver import HangUpDriver
from engine.types import Alert, Flow, Snapshot
from tests.aegis_tui import scenario
from tests.fakes import FakeEngine

UPDATES_PER_S = 1_000
FLOWS, LARGE_FLOWS, LARGE_ALERTS = 10_000, 100_000, 10_000


class Busy:
    """A host on which flows change: each snapshot holds those of the time that passed."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        self._flows: OrderedDict[str, Flow] = OrderedDict((f"1:{n}", made(n)) for n in reversed(range(FLOWS)))
        self._at = time.monotonic()
        self._view: tuple[Flow, ...] = ()
        self._changed = 0.0

    def __call__(self, before: Snapshot) -> Snapshot:
        """Return the state as it is now."""
        now = time.monotonic()
        if now - self._changed > 0.2:  # as the engine's own view of its flows
            self._change(int((now - self._at) * UPDATES_PER_S))
            self._at = self._changed = now
        counters = before.counters
        more = replace(counters, delivered=counters.delivered + 250, parsed=counters.parsed + 250)
        return replace(before, flows=self._view, now=time.time(), counters=replace(more, bytes=more.bytes + 100_000))

    def _change(self, updates: int) -> None:
        wall = time.time()
        for _ in range(updates):
            key = f"1:{self._chance.randrange(FLOWS)}"
            flow = self._flows.pop(key)
            packets = (flow.packets[0] + 1, flow.packets[1])
            self._flows[key] = replace(flow, last_seen=wall, packets=packets, bytes=(flow.bytes[0] + 977, 900))
        self._view = tuple(reversed(self._flows.values()))


def made(number: int) -> Flow:
    """Return one of many flows."""
    ends = scenario.flow(number % 200).five_tuple
    src = f"203.0.{number // 250 % 250}.{number % 250}"
    one = ends._replace(src_ip=src, src_port=1024 + number % 60_000, dst_port=(443, 80, 22, 8080)[number % 4])
    return scenario.flow(number % 200, id=f"1:{number}", five_tuple=one)


def large() -> Snapshot:
    """Return a host with a hundred thousand flows and ten thousand alerts."""
    flows = tuple(made(number) for number in range(LARGE_FLOWS))
    alerts: tuple[Alert, ...] = tuple(
        scenario.alert(id=f"A-{n}", flow=flows[n], detection=replace(scenario.alert().detection, flow_id=flows[n].id))
        for n in range(LARGE_ALERTS)
    )
    scores = {flow.id: number % 1000 / 1000 for number, flow in enumerate(flows)}
    return scenario.snapshot(flows=flows, alerts=alerts, scores=scores)


async def _nothing() -> None:
    await asyncio.Event().wait()


def main() -> int:
    """Run the console until it is ended."""
    kind = sys.argv[1]
    state = large() if kind == "large" else scenario.snapshot()
    evolve = Busy() if kind == "busy" else None
    engine = FakeEngine(state, views={"INC-00000042": scenario.incident_view()}, evolve=evolve)
    if kind == "quiet":
        engine.evolve = lambda before: replace(before, now=time.time())
    app = AegisApp(engine, _nothing)
    app.driver_class = HangUpDriver
    app.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
