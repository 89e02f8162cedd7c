"""A console's end: an engine that was taken over, or is of another version, cannot break it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from pathlib import Path
from typing import Any

import pytest

from engine.attach import frames
from engine.attach.line import Line
from tests.engine.attach.doorway import doorway
from tests.engine.bench import Wire

WELCOME = frames.frame({"welcome": {"block_ttl_s": 60.0}, "role": [True, "mary", 1]})


async def told(sent: bytes) -> Line:
    """Return a line to an engine that sends this and hangs up."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        theirs.settimeout(5)
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        try:
            return await Line.open(ours, "mary")
        finally:
            with contextlib.suppress(OSError):
                theirs.recv(1 << 16)  # what is left unread would turn the end into a reset


@pytest.mark.parametrize(
    "message",
    [
        {"change": {"alerts": [[0, 1]]}},
        {"change": {"status": "x"}},
        {"role": [1, 2]},
        {"role": {"decides": True}},
        {"events": 7},
        {"events": [["Flow", []]]},
        {"events": [[["x"], []]]},
        {"n": ["x"], "value": 1},
        {"n": 1, "error": 7},
        {"n": {}, "error": ["OSError"]},
    ],
    ids=str,
)
async def test_what_makes_no_sense_ends_the_line_with_one_kind_of_error(message: dict[str, Any]) -> None:
    line = await told(WELCOME + frames.frame(message))
    with pytest.raises((ValueError, EOFError)):
        await line.listen(lambda _: None)


async def test_noise_ends_the_line_too() -> None:
    dice = random.Random(3)
    for _ in range(200):
        with contextlib.suppress(OSError, ValueError, EOFError):
            line = await told((WELCOME if dice.random() < 0.8 else b"") + dice.randbytes(dice.randrange(60)))
            await line.listen(lambda _: None)


@pytest.mark.parametrize("welcome", [{"welcome": {}}, {"welcome": {"block_ttl_s": "1h"}}, {"welcome": 1}, {}], ids=str)
async def test_a_welcome_that_is_none_is_refused(welcome: dict[str, Any]) -> None:
    with pytest.raises((ValueError, PermissionError)):
        await told(frames.frame(welcome))


async def test_what_was_asked_when_the_engine_goes_is_told_so(tmp_path: Path) -> None:
    async with doorway(tmp_path, Wire()) as at:
        console = await at.enter("mary")
        asked = asyncio.create_task(console.line.ask("incident", "INC-1"))
        await asyncio.sleep(0)
        console.line.close()
        with pytest.raises(ConnectionError, match="looks for it"):
            await asked
        with pytest.raises(ConnectionError):
            await console.line.ask("incident", "INC-1")
        with pytest.raises(ConnectionError):
            console.line.take_over()
