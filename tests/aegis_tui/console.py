"""The console over a fake engine, with a clock that is just a number."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from textual.pilot import Pilot

from aegis_tui.acting.appearing import Preferences
from aegis_tui.app import AegisApp
from aegis_tui.screens.dialog import Dialog
from engine.types import ProposalState, Snapshot
from tests.aegis_tui import scenario
from tests.fakes import FakeEngine, FakeReview

ENTRY = "drop from and to 203.0.113.9/32 on eth0, until 10:02:11"
PRIOR = ("2025-10-02 04:11 for 10 m, expired", "2025-09-30 22:40 for 10 m, removed")
TRIAL = {"trial_s": 60.0, "trial_why": "an ssh session of root comes from 203.0.113.9"}


@dataclass
class Host(FakeEngine):
    """A fake engine whose guard tells what a test sets about every proposal."""

    told: Mapping[str, object] = field(default_factory=dict)

    async def review(self, proposal_id: str) -> FakeReview:
        """Return the record of a proposal as a test wants it."""
        found = await super().review(proposal_id)
        return replace(found, **self.told)  # type: ignore[arg-type]  # a test names the fields it changes

    def commands(self) -> list[tuple[object, ...]]:
        """Return what the engine was asked to do: looking at impact changes nothing."""
        return [call for call in self.asked if call[0] != "impact"]


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


def engine(state: Snapshot | None = None, **changes: object) -> Host:
    """Return a fake engine that holds the night of the scenario."""
    made = Host(state or scenario.snapshot(), views={"INC-00000042": scenario.incident_view()})
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def console(fake: FakeEngine | None = None, clock: Clock | None = None, view: str = "overview") -> AegisApp:
    """Return the console, not yet running."""
    return AegisApp(fake or engine(), first_view=view, monotonic=clock or LateClock())


def preferring(fake: FakeEngine | None = None, view: str = "overview", **chosen: object) -> AegisApp:
    """Return the console of a person who set this or that, on a clock that stands still."""
    preferences = replace(Preferences(), **chosen)  # type: ignore[arg-type]  # a test names the fields it changes
    return AegisApp(fake or engine(), first_view=view, monotonic=Clock(), preferences=preferences)


def keys_of_text(words: str) -> list[str]:
    """Return the keys that type these words."""
    return ["space" if char == " " else char for char in words]


async def typed(pilot: Pilot[None], line: str) -> None:
    """Type a line after ``:``, and wait until it is done."""
    await pilot.press("colon")
    await settle(pilot)
    await pilot.press(*keys_of_text(line), "enter")
    await settle(pilot)


def replay() -> Snapshot:
    """Return the night as a replay."""
    return scenario.snapshot(
        status=scenario.status(mode="replay", source="night.pcap", dataplane="replay", blocking=False),
        proposals=(scenario.proposal(state=ProposalState.REPLAY),),
        blocks=(),
    )


async def settle(pilot: Pilot[None]) -> None:
    """Wait until every question the console asked the engine is answered and drawn, and a dialog hears keys."""
    await pilot.pause()
    for worker in list(pilot.app.workers):
        if worker.name != "bridge":
            await worker.wait()
    await pilot.pause()
    await heard(pilot)


async def heard(pilot: Pilot[None]) -> None:
    """Wait until a dialog on top hears keys: it is deaf until it was drawn."""
    top = pilot.app.screen
    async with asyncio.timeout(30):
        while isinstance(top, Dialog) and top.is_current and top._shown_at is None:
            await pilot.pause(0.01)
