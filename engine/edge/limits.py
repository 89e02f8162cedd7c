"""How much a peer may ask of a door."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one door."""

    body_bytes: int
    body_s: float = 10.0
    """Seconds in which a body has to be here."""
    head_s: float = 10.0
    """Seconds in which a request's head has to be here."""
    stall_s: float = 10.0
    """Seconds that a peer may leave an answer lying before it is dropped."""
    connections: int = 768
    """Open at the same time; one more is told 429. Below the 1,024 descriptors that a process has by custom."""
