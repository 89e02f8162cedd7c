"""Consoles at a real engine: each mirrors it, and whatever one sends is no matter of the engine's."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import random
import socket
from pathlib import Path
from typing import Any

import pytest

from engine.attach import frames
from engine.attach.door import CONSOLES, AttachDoor
from engine.attach.line import Line
from engine.attach.roles import NOBODY
from engine.attach.socket import listen
from engine.attach.view import schema
from engine.types import Disposition, Incident, Verdict
from tests.engine.attach.doorway import doorway
from tests.engine.bench import Wire, attack

HELLO = {"schema": schema(), "who": "stranger", "watches": False}


async def test_an_attack_shows_at_every_console(tmp_path: Path) -> None:
    wire = Wire()
    async with doorway(tmp_path, wire) as at:
        consoles = [await at.enter("mary"), await at.enter("tom")]
        wire.send(attack())
        verdict = await at.at_work.hears(Verdict)
        engine = at.at_work.engine
        for one in consoles:
            await one.until(lambda one=one: one.line.snapshot.incidents == engine.snapshot().incidents)  # type: ignore[misc]
            await one.until(lambda one=one: any(isinstance(event, Verdict) for event in one.events))  # type: ignore[misc]
            assert one.line.snapshot.alerts == engine.snapshot().alerts
            assert any(isinstance(event, Incident) for event in one.events)
            view = await one.line.ask("incident", verdict.incident_id)
            assert view == await engine.incident(verdict.incident_id)


async def test_one_decides_and_the_other_may_take_over(tmp_path: Path) -> None:
    wire = Wire()
    async with doorway(tmp_path, wire) as at:
        mary, tom = await at.enter("mary"), await at.enter("tom")
        wire.send(attack())
        incident = await at.at_work.hears(Incident)
        with pytest.raises(PermissionError, match="mary decides"):
            await tom.line.ask("set_disposition", incident.id, Disposition.BENIGN_POSITIVE, "tom")
        tom.line.take_over()
        await tom.until(lambda: tom.line.role.decides)
        await mary.until(lambda: not mary.line.role.decides)
        assert mary.line.role.decider == "tom"
        await tom.line.ask("set_disposition", incident.id, Disposition.BENIGN_POSITIVE, "tom")
        found = await mary.line.ask("incident", incident.id)
        assert found.incident.disposition is Disposition.BENIGN_POSITIVE
        tom.line.close()
        await mary.until(lambda: mary.line.role.consoles == 1)
        assert mary.line.role.decider == NOBODY


async def test_what_the_engine_cannot_do_is_told_in_its_words(tmp_path: Path) -> None:
    async with doorway(tmp_path, Wire()) as at:
        console = await at.enter("mary")
        with pytest.raises(LookupError, match="no incident INC-nothing"):
            await console.line.ask("incident", "INC-nothing")
        with pytest.raises(PermissionError, match="no guard"):
            await console.line.ask("learn", "P-1", "approved")


async def test_one_console_too_many_is_told_so(tmp_path: Path) -> None:
    async with doorway(tmp_path, Wire()) as at:
        for number in range(CONSOLES):
            await at.enter(f"console {number}")
        with pytest.raises(PermissionError, match="attached already"):
            await Line.open(at.reach(), "late")


async def test_another_version_is_told_so(tmp_path: Path) -> None:
    async with doorway(tmp_path, Wire()) as at:
        reader, writer = await asyncio.open_unix_connection(sock=at.reach())
        writer.write(frames.frame(HELLO | {"schema": "old"}))
        told = await frames.read(reader, frames.TOLD_BYTES)
        writer.close()
        assert "another version" in told["refused"]


async def test_garbage_and_floods_never_stop_the_engine(tmp_path: Path) -> None:
    wire, dice = Wire(), random.Random(11)
    async with doorway(tmp_path, wire) as at:
        console = await at.enter("mary")
        for number in range(300):
            with at.reach() as sock:
                sock.setblocking(True)
                sock.settimeout(5)
                with contextlib.suppress(OSError):
                    sock.sendall(garbage(dice, number))
            await asyncio.sleep(0)
        wire.send(attack())
        await console.until(lambda: bool(console.line.snapshot.incidents))


async def test_a_console_that_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    wire = Wire()
    async with doorway(tmp_path, wire) as at:
        with at.reach() as deaf:
            deaf.setblocking(True)
            deaf.settimeout(5)
            ask = frames.frame({"n": 1, "ask": "preview", "with": ["INC-1"]})
            with contextlib.suppress(TimeoutError):
                deaf.settimeout(0.5)
                deaf.sendall(frames.frame(HELLO) + ask * 20_000)
            console = await at.enter("mary")
            wire.send(attack())
            await console.until(lambda: bool(console.line.snapshot.incidents))


async def test_a_console_that_hangs_up_while_it_is_told_leaves_no_error_for_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "engine.attach")
    loop, question = asyncio.get_running_loop(), frames.frame({"n": 1, "ask": "preview", "with": ["INC-1"]})
    gc.collect()  # what other tests left behind is theirs
    caplog.clear()
    gc.disable()
    try:
        async with doorway(tmp_path, Wire()) as at:
            await at.at_work.engine._caseload.ready.wait()
            with contextlib.closing(at.reach()) as sock:
                await loop.sock_sendall(sock, frames.frame(HELLO))
                await loop.sock_recv(sock, 1)
                sock.shutdown(socket.SHUT_RD)  # it still holds its end, so that the engine cannot but write to it
                await loop.sock_sendall(sock, question * 100)
                async with asyncio.timeout(20):
                    while "console gone: stranger" not in caplog.messages:  # noqa: ASYNC110 - a line has no event
                        await asyncio.sleep(0.01)
        ours = [one for one in gc.get_objects() if isinstance(one, asyncio.Future) and one.get_loop() is loop]
        unread = [one for one in ours if one._log_traceback]
    finally:
        gc.enable()
    assert unread == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_user_that_may_not_attach_is_hung_up_on(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        door = AttachDoor(listen(tmp_path / "attach.sock"), {}, frozenset({os.geteuid() + 1}))
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(tmp_path / "attach.sock"))
            serving = asyncio.create_task(door.serve(None))  # type: ignore[arg-type]  # nobody gets as far
            stranger.setblocking(False)
            async with asyncio.timeout(10):
                assert await asyncio.get_running_loop().sock_recv(stranger, 1) == b""
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving


def garbage(dice: random.Random, number: int) -> bytes:
    """Return what a broken or hostile console may send: noise, broken frames, and asks that make no sense."""
    asks: tuple[dict[str, Any], ...] = (
        {"n": "x"},
        {"n": 1, "ask": "stop", "with": []},
        {"n": 1, "ask": "decide", "with": ["P-1", "token", True, ""]},
        {"n": 1, "ask": "__class__", "with": []},
        {"n": 1, "ask": "incident", "with": [["x"]]},
        {"n": 1, "ask": "incident", "with": ["INC-1", 2]},
        {"n": 1 << 80, "ask": "ask", "with": ["\x1b]0;x\x07" * 100, ""]},
        {"n": 1, "ask": "look", "with": ["INC-1", "\x1b[2J"]},
        {"take": True},
        {"take": 1},
        {},
    )
    made = (
        dice.randbytes(dice.randrange(200)),
        (0xFFFFFFFF).to_bytes(4, "big") + b"x",
        (10).to_bytes(4, "big") + b"[" * 10,
        frames.frame(HELLO) + (200_000).to_bytes(4, "big") + b"[" * 200_000,
        frames.frame(HELLO | {"who": dice.choice([None, 7, "\x1b[31m", "x" * 9999])}),
        frames.frame(HELLO) + frames.frame(dice.choice(asks)) * dice.randrange(1, 9),
        frames.frame(HELLO) + dice.randbytes(30),
        json.dumps(HELLO).encode(),
    )
    return made[number % len(made)]
