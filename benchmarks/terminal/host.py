"""The console over an engine that costs nothing: what it uses is the console's own part.

``python -m benchmarks.terminal.host quiet|busy|large``: nothing happens; 1,000 flow updates a second; 100,000 flows
and 10,000 alerts in view.
"""

from __future__ import annotations

import asyncio
import gc
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
VIEW_S, LASTS_S = 0.2, 60.0
"""How often the engine looks at its flows anew, as the real one does; for how long they change."""
FLOWS, FLOWS_TOLD, LARGE_FLOWS, LARGE_ALERTS = 10_000, 400, 100_000, 10_000
"""``FLOWS_TOLD``: those that the real engine tells of."""


class Busy:
    """A host on which flows change: each snapshot holds those of the time that passed.

    All is made beforehand. Made as it is asked for, it would be a third of the processor time that is measured.
    """

    def __init__(self, number: int = FLOWS, told: int = FLOWS) -> None:
        """Make all views: each tells of the newest of a number of flows."""
        self._began = time.time()
        chance = random.Random(1)
        flows: OrderedDict[str, Flow] = OrderedDict((f"1:{n}", made(n)) for n in reversed(range(number)))
        self._views = [_changed(flows, chance, self._began + at * VIEW_S)[:told] for at in range(int(LASTS_S / VIEW_S))]
        gc.freeze()

    def __call__(self, before: Snapshot) -> Snapshot:
        """Return the state as it is now."""
        now = time.time()
        view = self._views[min(int((now - self._began) / VIEW_S), len(self._views) - 1)]
        counters = before.counters
        more = replace(counters, delivered=counters.delivered + 250, parsed=counters.parsed + 250)
        return replace(before, flows=view, now=now, counters=replace(more, bytes=more.bytes + 100_000))


def _changed(flows: OrderedDict[str, Flow], chance: random.Random, at: float) -> tuple[Flow, ...]:
    for _ in range(int(UPDATES_PER_S * VIEW_S)):
        key = f"1:{chance.randrange(len(flows))}"
        flow = flows.pop(key)
        packets = (flow.packets[0] + 1, flow.packets[1])
        flows[key] = replace(flow, last_seen=at, packets=packets, bytes=(flow.bytes[0] + 977, 900))
    return tuple(reversed(flows.values()))


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
