"""A late door: made in a thread once it is opened, and its failure is the door's."""

from __future__ import annotations

import threading

import pytest

from engine.edge.late import LateDoor
from engine.edge.view import Door, EngineDoor
from tests.engine.edge.door import FakeDoor


class Seen:
    """A door that remembers where it was made."""

    name = "seen"

    def __init__(self) -> None:
        self.made_in = threading.current_thread()
        self.served: list[EngineDoor] = []

    async def serve(self, engine: EngineDoor) -> None:
        self.served.append(engine)


async def test_it_is_made_when_it_is_opened_and_not_on_the_loop() -> None:
    made: list[Seen] = []

    def make() -> Door:
        made.append(Seen())
        return made[0]

    door, engine = LateDoor("seen", make), FakeDoor()
    assert made == []
    await door.serve(engine)
    assert (made[0].served, made[0].made_in is threading.main_thread()) == ([engine], False)


async def test_what_cannot_be_made_is_told_as_what_cannot_be_opened() -> None:
    def make() -> Door:
        raise PermissionError("the token lies open")

    with pytest.raises(OSError, match="lies open"):
        await LateDoor("seen", make).serve(FakeDoor())
