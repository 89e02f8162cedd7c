"""What an engine is to do: made by the command line, read by the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import Settings
from engine.intake import Reader
from engine.paths import user_state
from engine.types import Fault, Suppression

if TYPE_CHECKING:
    from engine.agent.case import HostFacts
    from engine.edge.view import Door
    from engine.host.links import Link


@dataclass(frozen=True, slots=True)
class Recording:
    """What an investigation heard from outside: with it, it repeats itself."""

    analyst: str
    host: Mapping[str, str] = field(default_factory=dict)
    """Questions to the host and to the knowledge base, and their answers."""
    answers: tuple[str, ...] = ()
    """The model's replies, in order; empty for the playbook analyst."""


@dataclass(frozen=True, slots=True)
class Context:
    """What judging an incident depended on beside its flows: with it, it is judged the same again."""

    local_ips: tuple[str, ...] = ()
    dedup_window_s: float = 60.0
    suppressions: tuple[Suppression, ...] = ()
    """Those that may have hidden a part of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an engine is to do."""

    source: str
    """``live``, or the name of what is replayed: incidents are stored under it."""
    title: str
    """For the header."""
    open_readers: Sequence[Callable[[], Reader]]
    """Live: all at once, opened while privileged; a replay: one after another."""
    settings: Settings
    database: Path | None
    knowledge: Path | None = None
    """The knowledge base's file, a cache made when missing; ``None`` is one in memory."""
    live: bool = False
    lockstep: bool = False
    """Replay: judge no further while an incident is investigated, so that the output has one order."""
    paced: bool = False
    """Replay: keep the capture's pace."""
    local_ips: tuple[str, ...] = ()
    connected: tuple[str, ...] = ()
    """Prefixes reached without a gateway."""
    host: HostFacts | None = None
    """Replay: the recorded host facts."""
    speed: float = 1.0
    faults: tuple[Fault, ...] = ()
    """What went wrong before the engine was made."""
    look_at_link: Callable[[str], Link] | None = None
    """Live: tells how an interface's link is; ``None`` where what is read is no interface."""
    only: str = ""
    """Replay of a stored incident: tell of no other."""
    suppressions: tuple[Suppression, ...] = ()
    """Replay of a stored incident: what may have hidden a part of it."""
    recordings: Mapping[str, tuple[Recording, ...]] = field(default_factory=dict)
    """Replay of stored incidents: by incident id, one for each investigation."""
    filing: bool = False
    """Whether each verdict and decision also goes to the folder of reports."""
    doors: tuple[Door, ...] = ()
    """Ways into the engine from outside the program, each served by a task of its own."""

    @property
    def replays(self) -> bool:
        """Whether captures or stored incidents are judged again: nothing beside the analyst's model is then asked."""
        return not self.live and bool(self.open_readers or self.recordings)

    @property
    def tells(self) -> bool:
        """Whether somebody far away is told of what happens now: never of what is replayed."""
        return bool(self.settings.notify) and (self.live or bool(self.doors and not self.replays))

    @property
    def shelves(self) -> bool:
        """Whether a console only looks through what is stored, and replays what is chosen there."""
        return not (self.live or self.replays or self.doors)

    @property
    def reports(self) -> Path:
        """The folder for reports: beside the database or the knowledge base, else in the user's state folder."""
        beside = self.database or self.knowledge
        return (beside.parent if beside else user_state()) / "reports"

    @property
    def local_addresses(self) -> tuple[str, ...]:
        """Every address that counts as this host."""
        return (*self.local_ips, *self.settings.local)
