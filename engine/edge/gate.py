"""A gate that lets so many through at a time, and tells the others to come later."""

from __future__ import annotations

from types import TracebackType

from engine.edge.view import BusyError


class Gate:
    """Counts those inside; nobody waits at it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._inside = 0

    def enter(self) -> None:
        """Count one more in, or raise ``BusyError``."""
        if self._inside >= self._room:
            msg = f"{self._room} requests are being answered"
            raise BusyError(msg)
        self._inside += 1

    def leave(self) -> None:
        """Count one out."""
        self._inside -= 1

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()
