"""The service manager hears that the engine is ready, and that it lives, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import cast

import pytest

from engine.edge.supervisor import Supervisor, summary, supervisor
from engine.edge.view import EngineDoor
from tests.aegis_tui import scenario
from tests.fakes import FakeEngine


@pytest.mark.parametrize("abstract", [False, True])
async def test_it_is_ready_first_and_then_shows_that_it_lives(tmp_path: Path, abstract: bool) -> None:
    place = f"@aegis-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{place[1:]}" if abstract else place)
        manager.setblocking(False)
        door = Supervisor(place, watchdog_s=0.03)
        telling = asyncio.create_task(door.serve(cast(EngineDoor, FakeEngine(scenario.snapshot()))))
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            heard = [(await loop.sock_recv(manager, 500)).decode() for _ in range(3)]
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
    assert heard[0] == "READY=1"
    assert heard[1] == heard[2] == f"WATCHDOG=1\nSTATUS={summary(scenario.snapshot())}"


def test_without_a_service_manager_there_is_no_door() -> None:
    assert supervisor({}) == supervisor({"NOTIFY_SOCKET": "vsock:2"}) == ()


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    (door,) = supervisor({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"})
    (ours,) = supervisor({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())})
    assert (door._every_s, ours._every_s) == (10.0, 1.0)


def test_the_status_holds_numbers_and_words_of_ours_only() -> None:
    assert summary(scenario.snapshot()).isascii()
    assert "\n" not in summary(scenario.snapshot())
