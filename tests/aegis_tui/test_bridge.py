"""The bridge: decisions go up one by one, floods do not."""

from __future__ import annotations

import asyncio

from textual.message import Message

from aegis_tui.bridge import EngineView, Told, listen
from engine.types import Event
from tests.aegis_tui import scenario
from tests.aegis_tui.console import engine


async def test_decisions_are_passed_on_and_flows_are_not() -> None:
    events: asyncio.Queue[Event] = asyncio.Queue()
    posted: list[Message] = []
    for event in (scenario.flow(), scenario.alert(), scenario.proposal(), scenario.block()):
        events.put_nowait(event)
    task = asyncio.create_task(listen(events, posted.append))
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    assert [told.event for told in posted if isinstance(told, Told)] == [scenario.proposal(), scenario.block()]


def test_the_fake_is_an_engine_to_the_type_checker() -> None:
    seen: EngineView = engine()
    assert seen.snapshot().status.mode == "live"
