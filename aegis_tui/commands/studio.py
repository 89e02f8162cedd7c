"""Makes replays for a console that is open: each has a store of its own, recorded host facts, and cannot block."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from aegis_tui.bridge import CaptureFile
from aegis_tui.commands.comparing import changed, compared
from aegis_tui.commands.recorded import SUFFIXES, need_readable, plan_of_files, plan_of_incident
from engine.config import Settings
from engine.plan import Plan
from engine.types import Comparison

if TYPE_CHECKING:
    from engine.core import Engine
    from engine.pacing import Pacer
    from engine.replay import Replay
    from engine.stored import Stored

MAX_CAPTURES = 5_000
"""Captures listed; a folder with more is looked at in part."""

MAX_FILES = 200_000
"""Files looked at for them."""


class Workshop:
    """What the console's library asks for replays."""

    def __init__(
        self, settings: Settings, folder: Path | None = None, speed: float = 1.0, state: Path | None = None
    ) -> None:
        """Take the folder of captures, by default the configured one, and the one that this process may write to."""
        self._state = state
        self._settings = settings
        self._folder = folder or (Path(settings.captures).expanduser() if settings.captures else None)
        self._speed = speed

    @property
    def folder(self) -> str:
        """Where captures are looked for, or empty."""
        return str(self._folder or "")

    def captures(self) -> Sequence[CaptureFile]:
        """Return the captures in the folder and below it, the newest first."""
        if self._folder is None:
            return ()
        found = [one for one, _ in zip(_captures(self._folder), range(MAX_CAPTURES), strict=False)]
        return sorted(found, key=lambda one: (-one.modified_at, one.name))

    def of_incident(self, stored: Stored) -> Replay:
        """Return the replay of a stored incident."""
        return replayed(plan_of_incident(self._settings, stored, paced=True, speed=self._speed, state=self._state))

    def of_capture(self, path: str) -> Replay:
        """Return the replay of a capture.

        Raises:
            OSError: it cannot be read.
        """
        return replayed(replace(self._plan_of_capture(path), database=None))

    async def compare(self, stored: Stored | None, path: str, changes: Mapping[str, str]) -> Comparison:
        """Return what other judges make of an incident, or of the capture at ``path``."""
        after = changed(self._settings, changes)
        plan = (
            self._plan_of_capture(path)
            if stored is None
            else plan_of_incident(self._settings, stored, state=self._state)
        )
        return await compared(plan, self._settings, after)

    def _plan_of_capture(self, path: str) -> Plan:
        need_readable(Path(path))
        file = Path(path)
        return plan_of_files(self._settings, [file], file.name, paced=True, speed=self._speed, state=self._state)


def replayed(plan: Plan) -> Replay:
    """Return a replay that can be taken to any moment."""
    from engine.core import Engine  # noqa: PLC0415 - after the input is known to be right
    from engine.replay import Replay  # noqa: PLC0415

    def make(plan: Plan, pacer: Pacer, judges: object, tell: object) -> Engine:
        return Engine(plan, on_event=tell, pacer=pacer, detectors=judges)  # type: ignore[arg-type]  # as Replay gives

    return Replay(plan, make)


def _captures(folder: Path) -> Iterator[CaptureFile]:
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    for path in islice(files, MAX_FILES):
        if path.suffix.lower() in SUFFIXES:
            try:
                found = path.stat()
            except OSError:
                continue
            yield CaptureFile(str(path), str(path.relative_to(folder)), found.st_size, found.st_mtime)
