"""Streams of events: a frame for each, and an end however it comes."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.edge.stream import EventStream, frame


async def _sent(stream: EventStream[str]) -> bytes:
    sent: list[Any] = []
    there = asyncio.Event()

    async def receive() -> Any:
        await there.wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await stream({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def _told(item: str) -> bytes | None:
    return frame("said", f'"{item}"') if item else None


async def test_what_was_taken_already_comes_first_and_the_end_closes() -> None:
    queue: asyncio.Queue[str] = asyncio.Queue()
    for item in ("two", "", "never"):
        queue.put_nowait(item)
    closed: list[bool] = []
    sent = await _sent(EventStream(queue, _told, lambda: closed.append(True), ["one"]))
    assert sent == b': beat\n\nevent: said\ndata: "one"\n\nevent: said\ndata: "two"\n\n'
    assert closed == [True]


def test_a_frame_is_two_lines_and_a_blank_one() -> None:
    assert frame("alert", "{}") == b"event: alert\ndata: {}\n\n"
