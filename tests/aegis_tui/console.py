"""The console over a fake engine, with a clock that is just a number."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot

from aegis_tui.app import AegisApp
from engine.types import ProposalState, Snapshot
from tests.aegis_tui import scenario
from tests.fakes import FakeEngine


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.at


class LateClock(Clock):
    """A clock on which a minute passes between two looks: no key comes too soon."""

    def __call__(self) -> float:
        """Return the time, a minute on."""
        self.at += 60
        return self.at


def engine(state: Snapshot | None = None, **changes: object) -> FakeEngine:
    """Return a fake engine that holds the night of the scenario."""
    made = FakeEngine(state or scenario.snapshot(), views={"INC-00000042": scenario.incident_view()})
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def console(fake: FakeEngine | None = None, clock: Clock | None = None, view: str = "overview") -> AegisApp:
    """Return the console, not yet running."""
    return AegisApp(fake or engine(), first_view=view, monotonic=clock or LateClock())


def replay() -> Snapshot:
    """Return the night as a replay."""
    return scenario.snapshot(
        status=scenario.status(mode="replay", source="night.pcap", dataplane="replay", blocking=False),
        proposals=(scenario.proposal(state=ProposalState.REPLAY),),
        blocks=(),
    )


async def settle(pilot: Pilot[None]) -> None:
    """Wait until every question the console asked the engine is answered and drawn."""
    await pilot.pause()
    for worker in list(pilot.app.workers):
        if worker.name != "bridge":
            await worker.wait()
    await pilot.pause()
