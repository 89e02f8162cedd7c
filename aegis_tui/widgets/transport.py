"""The transport keys of a replay as commands for the engine."""

from __future__ import annotations

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Transport:
    """Remembers what was last asked for: the engine takes commands, and does not say how it stands."""

    def __init__(self) -> None:
        self.paused = False
        self.speed = 1.0

    def press(self, key: str) -> tuple[str, float]:
        """Return the engine's command and value for ``toggle``, ``forward``, ``back``, ``faster`` or ``slower``."""
        if key == "toggle":
            self.paused = not self.paused
            return ("pause" if self.paused else "play"), 0.0
        if key in ("forward", "back"):
            self.paused = True
            return "step", 1.0 if key == "forward" else -1.0
        at = SPEEDS.index(self.speed) + (1 if key == "faster" else -1)
        self.speed = SPEEDS[max(0, min(len(SPEEDS) - 1, at))]
        return "speed", self.speed
