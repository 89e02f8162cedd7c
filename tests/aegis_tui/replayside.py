"""A console that can replay, over engines that stand still."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aegis_tui.app import AegisApp
from aegis_tui.bridge import CaptureFile
from aegis_tui.screens.view import View
from aegis_tui.widgets.bars import Footer
from aegis_tui.widgets.line import plain
from aegis_tui.widgets.pane import Pane
from engine.stored import Stored
from engine.types import Change, Comparison, LibraryEntry, Origin, Snapshot, Tape
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Host, LateClock, replay

TAPE = Tape(5, 9, scenario.NOW, scenario.NOW - 60, scenario.NOW + 60, whole=True, playing=True, speed=1.0,
            alerts=(scenario.NOW - 13, scenario.NOW + 20))  # fmt: skip
CHANGE = Change("gone", "alert", scenario.NOW, "203.0.113.9 model.malicious", "high 0.99", "")


def taped(**changes: object) -> Snapshot:
    """Return the night as a replay with a tape."""
    return replace(replay(), tape=replace(TAPE, **changes))  # type: ignore[arg-type]  # a test names what it changes


class Played(Host):
    """A replay that goes on until it is ended."""

    ran = False
    over = False

    async def run(self) -> None:
        """Play."""
        self.ran = True
        try:
            await asyncio.Event().wait()
        finally:
            self.over = True


@dataclass
class FakeStudio:
    """Makes replays that stand still."""

    files: tuple[CaptureFile, ...] = ()
    made: list[object] = field(default_factory=list)
    folder: str = "/captures"

    def captures(self) -> Sequence[CaptureFile]:
        """Return them."""
        return self.files

    def _play(self, of: object) -> Played:
        self.made.append(of)
        return Played(taped(), views={"INC-00000042": scenario.incident_view()})

    def of_incident(self, stored: Stored) -> Played:
        """Replay an incident."""
        return self._play(stored.id)

    def of_capture(self, path: str) -> Played:
        """Replay a capture."""
        return self._play(path)

    async def compare(self, stored: Stored | None, path: str, changes: Mapping[str, str]) -> Comparison:
        """Return one change."""
        self.made.append((stored.id if stored else path, dict(changes)))
        return Comparison("INC", "threshold as shipped", "threshold 0.8", (CHANGE,), 3)


def entry(number: int = 42, **changes: object) -> LibraryEntry:
    """Return what the library tells of one incident."""
    incident = scenario.incident(id=f"INC-000000{number}", opened_at=scenario.NOW - number)
    made = LibraryEntry(incident, "web_exploit", "malicious", Origin.LIVE, "live")
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def console(fake: Host, view: str = "library", studio: FakeStudio | None = None) -> AegisApp:
    """Return a console that can replay, not yet running."""
    return AegisApp(fake, first_view=view, monotonic=LateClock(), studio=studio or FakeStudio())


def shown(app: AegisApp) -> str:
    """Return what all panes tell."""
    return "\n".join(plain(line) for pane in app.screen.query(Pane) for line in pane.lines)


def view(app: AegisApp) -> str:
    """Return the name of the view, or of what lies above it."""
    return app.screen.view if isinstance(app.screen, View) else type(app.screen).__name__


def footer(app: AegisApp) -> str:
    """Return the last line."""
    return " ".join(plain(row) for row in app.screen.query_one(Footer)._rows)
