"""Traffic rates from successive polls, and their sparkline."""

from __future__ import annotations

from collections import deque

from engine.types import Counters

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.:-=+*#"
"""For terminals whose fonts have no block elements."""


class Rates:
    """Packets and bits per second over the last minutes, one sample per second of the engine's clock."""

    def __init__(self) -> None:
        self.packets: deque[float] = deque(maxlen=240)
        self.packets_per_s = 0.0
        self.bits_per_s = 0.0
        self._last: tuple[float, Counters] | None = None

    def add(self, now: float, counters: Counters) -> None:
        """Take one poll; polls less than a second after the last sample wait."""
        if self._last is None:
            self._last = (now, counters)
        then, before = self._last
        elapsed = now - then
        if elapsed < 1:
            return
        self.packets_per_s = max(0, counters.delivered - before.delivered) / elapsed
        self.bits_per_s = max(0, counters.bytes - before.bytes) * 8 / elapsed
        self.packets.append(self.packets_per_s)
        self._last = (now, counters)


def sparkline(samples: deque[float], width: int, bars: str = BARS) -> str:
    """Return the newest samples as bars, one cell each, set to the right."""
    shown = list(samples)[-width:] if width > 0 else []
    top = max(shown, default=0) or 1
    return "".join(bars[min(len(bars) - 1, int(sample / top * len(bars)))] for sample in shown).rjust(width)
