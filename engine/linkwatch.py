"""Looks whether the links of the interfaces that are watched still stand, and tells of one that is lost.

The capture of an interface waits through that, and reads on once the link is back: nothing else would tell of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from engine.books import stamp
from engine.host.links import Link
from engine.types import Fault

ABILITY = "interface"
"""Not ``capture``: where that is missing a daemon is started again, which brings no link back."""
LOOK_S = 1.0
LOOKS = 2
"""Looks in a row that find a link lost in one way before it is told: one that is just set up gets its carrier later."""

_LOST = {
    Link.DOWN: ("is down", "ip link set {} up"),
    Link.NO_CARRIER: ("has no carrier", "see to the cable or the other end of {}"),
}


class _Loss(NamedTuple):
    since: float
    """Time of the first look that found the link lost."""
    link: Link = Link.UP
    """How the last look found it."""
    looks: int = 0
    """How many in a row found it so."""
    told: Link = Link.UP
    """How it is told; not at all while this is ``UP``."""


class LinkWatch:
    """Knows which links are lost, and since when; an interface that goes is told by the capture that ends with it."""

    def __init__(self, look: Callable[[str], Link], standing: Sequence[Fault] = ()) -> None:
        """Take how a link is looked at, and what stands from the start: of interfaces that are not watched at all."""
        self._look, self._left_out = look, [fault for fault in standing if fault.ability == ABILITY]
        self._losses: dict[str, _Loss] = {}

    def look(self, ifaces: Sequence[str], now: float) -> tuple[str, str]:
        """Look at each link, and return what is wrong and what to do about it; empty where nothing is."""
        for iface in ifaces:
            self._look_at(iface, now)
        lost = [(iface, loss.since, *_LOST[loss.told]) for iface, loss in self._losses.items() if loss.told in _LOST]
        told = [f"{iface} {what} since {stamp(since)}: nothing is seen of it" for iface, since, what, _ in lost]
        remedies = [remedy.format(iface) for iface, _, _, remedy in lost]
        told += [fault.message for fault in self._left_out]
        remedies += [fault.remedy for fault in self._left_out]
        return "; ".join(told), "; ".join(remedies)

    def _look_at(self, iface: str, now: float) -> None:
        try:
            link = self._look(iface)
        except OSError:
            return  # descriptors have run out: the next look tells
        if link not in _LOST:
            self._losses.pop(iface, None)
            return
        before = self._losses.get(iface, _Loss(now))
        looks = before.looks + 1 if link is before.link else 1
        self._losses[iface] = _Loss(before.since, link, looks, link if looks >= LOOKS else before.told)

    async def follow(
        self, ifaces: Callable[[], Sequence[str]], clock: Callable[[], float],
        fault: Callable[[str, str, str], None], clear: Callable[[str], None],
    ) -> NoReturn:  # fmt: skip
        """Look for ever; before the captures are opened there is nothing to look at."""
        while True:
            if names := ifaces():
                told, remedy = self.look(names, clock())
                if told:
                    fault(ABILITY, told, remedy)
                else:
                    clear(ABILITY)
            await asyncio.sleep(LOOK_S)
