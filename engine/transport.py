"""The tape deck of a replay: play, pause, step, seek and speed against the wall clock."""

from __future__ import annotations

import math
from typing import NamedTuple

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

LONGEST_WAIT_S = 2.0
"""A silence in the capture is never waited out for longer than this."""


class Goal(NamedTuple):
    """Where a replay is to go as fast as it can."""

    step: int = -1
    """As many steps are taken then; -1 where ``at`` says it."""
    at: float = math.inf
    """Every step up to this moment of the capture is taken then; ``inf`` is the end."""

    def is_reached(self, steps: int, next_at: float | None) -> bool:
        """Whether a replay is there that took so many steps, and whose next one ends at ``next_at``."""
        if self.step >= 0:
            return steps >= self.step
        return not math.isinf(self.at) and (next_at is None or next_at > self.at)


class Transport:
    """Says how long to hold the next step back. Pure: the caller passes both clocks.

    A step is what is read at a time: a few packets of one moment. The last one ends the capture.
    """

    def __init__(self, speed: float = 1.0, *, playing: bool = True, goal: Goal | None = None) -> None:
        self.speed = min(max(speed, SPEEDS[0]), SPEEDS[-1])
        self.playing = playing
        self.goal = goal
        self.steps = 0
        """Steps taken in this run."""
        self.at = 0.0
        """The capture's clock after them; 0 before the first."""
        self._since: tuple[float, float] | None = None
        """When the last step was taken, by the wall and by the capture."""

    def command(self, name: str, value: float = 0.0) -> None:
        """Obey ``play``, ``pause``, ``speed``, ``step`` (so many on) or ``seek`` (to a moment of the capture).

        Raises:
            ValueError: the command is unknown.
        """
        if name in ("play", "pause"):
            self.playing, self._since = name == "play", None
        elif name == "step":
            self.playing, self.goal = False, Goal(step=self.steps + max(1, int(value)))
        elif name == "seek":
            self.goal = Goal(at=value)
        elif name == "speed":
            self.speed, self._since = min(max(value, SPEEDS[0]), SPEEDS[-1]), None
        else:
            msg = f"a replay knows play, pause, step, seek and speed, not {name!r}"
            raise ValueError(msg)

    def left_s(self, next_at: float | None, wall: float) -> float:
        """Return how long to wait before the step that ends at ``next_at`` is taken: 0 is now, ``inf`` is not yet."""
        if self.goal is not None and self.goal.is_reached(self.steps, next_at):
            self.goal, self._since = None, None
        if self.goal is not None:
            return 0.0
        if not self.playing:
            return math.inf
        if self._since is None:
            self._since = (wall, self.at or next_at or 0.0)
        began, at = self._since
        wait_s = min(max((next_at if next_at is not None else at) - at, 0.0) / self.speed, LONGEST_WAIT_S)
        return max(0.0, began + wait_s - wall)

    def take(self, next_at: float | None, wall: float) -> None:
        """Note that a step is taken."""
        self.steps += 1
        self.at = next_at if next_at is not None else self.at
        if self._since is not None:
            self._since = (wall, self.at)
