"""Server-sent events: one frame for each event, and a heartbeat where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, TypeVar

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

Item = TypeVar("Item")

HEARTBEAT_S = 15.0
"""Seconds without an event after which a stream shows that it lives."""

_BEAT = b": beat\n\n"


def frame(name: str, line: str) -> bytes:
    """Return an event; the line is JSON in ASCII, which holds no line break."""
    return f"event: {name}\ndata: {line}\n\n".encode("ascii")


class EventStream(StreamingResponse, Generic[Item]):
    """Sends what a queue gives until ``told`` says ``None``, or the peer is gone; an item told empty is left out."""

    def __init__(
        self,
        queue: asyncio.Queue[Item],
        told: Callable[[Item], bytes | None],
        on_close: Callable[[], None] | None = None,
        begun: Sequence[Item] = (),
    ) -> None:
        """Take the items that were already taken from the queue in ``begun``."""
        self._queue = queue
        self._told = told
        self._on_close = on_close
        self._begun = list(begun)
        self._gone = False
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(self._frames(), media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end; ``on_close`` is called however that comes."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._on_close is not None:
                self._on_close()

    async def listen_for_disconnect(self, receive: Receive) -> None:
        """Wait until the peer is gone, and say so: a busy stream is never still long enough to be cancelled."""
        await super().listen_for_disconnect(receive)
        self._gone = True

    async def _frames(self) -> AsyncIterator[bytes]:
        yield _BEAT
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + HEARTBEAT_S
        while not self._gone:
            try:
                async with asyncio.timeout_at(beat_at):
                    item = self._begun.pop(0) if self._begun else await self._queue.get()
                told = self._told(item)
            except TimeoutError:
                told = _BEAT
            if told is None:
                return
            if told:
                yield told
                beat_at = loop.time() + HEARTBEAT_S
