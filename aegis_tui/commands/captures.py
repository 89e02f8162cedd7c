"""Opens the captures while there are privileges to, and looks out for interfaces that were missing then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.host.links import is_up
from engine.sources.live import LivePcap
from engine.sources.pcapfile import CaptureError
from engine.types import Fault

if TYPE_CHECKING:
    from engine.edge.view import EngineDoor

LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class Captures:
    """The interfaces that are watched, and what became of the others."""

    sources: tuple[LivePcap, ...]
    fault: Fault | None = None
    """Which are left out, and why."""
    absent: tuple[str, ...] = ()
    """Of those left out, the ones that were not there, or not up."""

    @property
    def names(self) -> str:
        """What is watched, for a person."""
        return " ".join(source.capture.name for source in self.sources)


def open_captures(ifaces: Sequence[str], *, promiscuous: bool = False) -> Captures:
    """Return the captures of those interfaces that can be opened.

    Raises:
        CaptureError: none can.
    """
    absent = [iface for iface in ifaces if not is_up(iface)]
    sources: list[LivePcap] = []
    failed: list[CaptureError] = []
    for iface in ifaces:
        try:
            sources.append(LivePcap(iface, promiscuous=promiscuous))
        except CaptureError as error:
            failed.append(error)
    if not sources:
        raise failed[0]
    fault = _left_out(failed) if failed else None
    return Captures(tuple(sources), fault, tuple(error.path for error in failed if error.path in absent))


def _left_out(failed: Sequence[CaptureError]) -> Fault:
    """Tell of interfaces that are not watched; root, which it takes to open them, is given up for good."""
    told = "; ".join(f"{error.path} is not watched: {error.reason}" for error in failed)
    return Fault("interface", told, "restart to watch it once it is up; under systemd it restarts itself", time.time())


class Lookout:
    """A door that nobody comes in by: it tells when an interface can be watched that could not be at the start."""

    name = "interfaces"

    def __init__(self, absent: Sequence[str], came: Callable[[str], None]) -> None:
        """Take whom to tell, once, of the first that is up."""
        self._absent = tuple(absent)
        self._came = came

    async def serve(self, engine: EngineDoor) -> None:
        """Look until one is up."""
        del engine
        while self._absent:
            if there := [iface for iface in self._absent if is_up(iface)]:
                self._came(there[0])
                return
            await asyncio.sleep(LOOK_S)
