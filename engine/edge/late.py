"""A door that is made only once it is opened: what serves it takes as long to load as the console to paint."""

from __future__ import annotations

from collections.abc import Callable

from engine.courtesy import aside
from engine.edge.view import Door, EngineDoor


class LateDoor:
    """Stands for a door until somebody has to serve it."""

    def __init__(self, name: str, make: Callable[[], Door]) -> None:
        """Take what loads and makes the door; a thread of its own calls it."""
        self.name = name
        self._make = make

    async def serve(self, engine: EngineDoor) -> None:
        """Serve until cancelled; raises ``OSError`` when it cannot be opened."""
        door = await aside(self._make)
        await door.serve(engine)
