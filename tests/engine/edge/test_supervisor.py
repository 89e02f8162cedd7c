"""The service manager hears that the engine is ready, and that it lives, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from engine.edge.supervisor import Supervisor, summary, supervisor
from engine.edge.view import EngineDoor
from tests.aegis_tui import scenario
from tests.fakes import FakeEngine


@asynccontextmanager
async def _heard(place: str, engine: FakeEngine, **options: float) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Let a supervisor tell of an engine; yields what waits for the next message."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{place[1:]}" if place.startswith("@") else place)
        manager.setblocking(False)
        telling = asyncio.create_task(Supervisor(place, **options).serve(cast(EngineDoor, engine)))
        loop = asyncio.get_running_loop()

        async def message() -> str:
            return (await loop.sock_recv(manager, 500)).decode()

        try:
            async with asyncio.timeout(10):
                yield message
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling


@pytest.mark.parametrize("abstract", [False, True])
async def test_it_is_ready_first_and_then_shows_that_it_lives(tmp_path: Path, abstract: bool) -> None:
    place = f"@aegis-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    async with _heard(place, FakeEngine(scenario.snapshot()), watchdog_s=0.03) as message:
        heard = [await message() for _ in range(3)]
    assert heard[0] == "READY=1"
    assert heard[1] == heard[2] == f"WATCHDOG=1\nSTATUS={summary(scenario.snapshot())}"


async def test_it_tells_at_once_what_drops_now(tmp_path: Path) -> None:
    engine = FakeEngine(scenario.snapshot())
    async with _heard(str(tmp_path / "notify"), engine) as message:
        ready, first = await message(), await message()
        status = replace(engine.state.status, blocking=False, dataplane="no guard; eth0: down")
        engine.state = replace(engine.state, status=status)
        heard = await message()
    assert (ready, "STATUS=blocking by " in first) == ("READY=1", True)
    assert "STATUS=monitor only (no guard, eth0: down); " in heard


async def test_before_the_store_is_read_no_incidents_are_counted_and_then_at_once(tmp_path: Path) -> None:
    begun = scenario.quiet(status=scenario.status(loading="reading what is stored"))
    engine = FakeEngine(begun)
    async with _heard(str(tmp_path / "notify"), engine) as message:
        _, first = await message(), await message()
        engine.state = scenario.snapshot()
        then = await message()
    assert (first.endswith("; reading what is stored"), "incidents: 2" in then) == (True, True)


def test_without_a_service_manager_there_is_no_door() -> None:
    assert supervisor({}) == supervisor({"NOTIFY_SOCKET": "vsock:2"}) == ()


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    (door,) = supervisor({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"})
    (ours,) = supervisor({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())})
    assert (door._every_s, ours._every_s) == (10.0, 1.0)


def test_the_status_holds_numbers_and_words_of_ours_only() -> None:
    assert summary(scenario.snapshot()).isascii()
    assert "\n" not in summary(scenario.snapshot())
