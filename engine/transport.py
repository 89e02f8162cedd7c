"""The tape deck of a replay: play, pause, step and speed against the wall clock."""

from __future__ import annotations

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

LONGEST_WAIT_S = 2.0
"""A silence in the capture is never waited out for longer than this."""


class Transport:
    """Says how long to hold a batch back. Pure: the caller passes both clocks."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.playing = True
        self._steps = 0
        self._last: float | None = None

    def command(self, name: str, value: float = 0.0) -> None:
        """Obey ``play``, ``pause``, ``step`` or ``speed`` (with its value).

        Raises:
            ValueError: the command is unknown.
        """
        if name == "play":
            self.playing = True
        elif name == "pause":
            self.playing = False
        elif name == "step":
            self.playing = False
            self._steps += 1
        elif name == "speed":
            self.speed = min(max(value, SPEEDS[0]), SPEEDS[-1])
        else:
            msg = f"a replay knows play, pause, step and speed, not {name!r}"
            raise ValueError(msg)

    def holds(self) -> bool:
        """Return whether the tape stands still; taking a step uses it up."""
        if self.playing:
            return False
        if self._steps:
            self._steps -= 1
            return False
        return True

    def wait_s(self, packet_ts: float) -> float:
        """Return how long to wait before a batch that ends at ``packet_ts`` is judged."""
        last, self._last = self._last, packet_ts
        if last is None or not self.playing:
            return 0.0
        return min(max(packet_ts - last, 0.0) / self.speed, LONGEST_WAIT_S)
