"""Serves an application on the loopback address, within bounds that no peer can stretch."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.edge.gate import Gate
from engine.edge.limits import Limits
from engine.edge.view import BusyError

ADDRESS = "127.0.0.1"

FAREWELL_S = 1.0
"""Seconds in which one too many can read why it is turned away."""

FAREWELLS = 64
"""Turned away with a word at the same time; one more is turned away without."""

DESCRIPTORS = 6144
"""What the process is to have room for: two doors at their fullest, each with a backlog that comes in at one stroke."""

_HEAD_BYTES = 16 * 1024
_BACKLOG = 1024
_END_S = 0.3

_REASON = json.dumps({"error": "too many connections are open: come later"})
_FULL = (
    "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
    f"Content-Length: {len(_REASON)}\r\n\r\n{_REASON}"
).encode("ascii")


class Connection(H11Protocol):
    """One peer: closed when its head is late, when it does not read its answer, or when there are too many."""

    _waiting: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _turned_away = False
    _says_farewell = False

    def __init__(self, limits: Limits, farewells: Gate, **parts: Any) -> None:
        """Take the limits, who is turned away right now, and what uvicorn gives every connection."""
        super().__init__(**parts)
        self._limits = limits
        self._farewells = farewells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a peer in, or turn it away."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._turn_away()
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        """Read on; what one who was turned away says goes nowhere."""
        if not self._turned_away:
            super().data_received(data)
            self._await_head()

    def pause_writing(self) -> None:
        """Give a peer that does not read a while."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self._limits.stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with a peer that reads again."""
        super().resume_writing()
        _stop(self._stalled)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a peer."""
        _stop(self._waiting)
        _stop(self._stalled)
        if self._says_farewell:
            self._farewells.leave()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            _stop(self._waiting)
            self._waiting = None
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self._limits.head_s, self.transport.abort)

    def _turn_away(self) -> None:
        """Answer before anything is read, and go on reading: closed at once, the answer would be lost in a reset."""
        self._turned_away = True
        self.connections.discard(self)
        try:
            self._farewells.enter()
        except BusyError:
            self.transport.abort()
            return
        self._says_farewell = True
        self.transport.write(_FULL)
        self.transport.write_eof()
        self._waiting = self.loop.call_later(FAREWELL_S, self.transport.abort)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _make_room() -> None:
    """Have the process open as many files as its doors may need: what a stranger opens is not to starve the rest."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Server(uvicorn.Server):
    """Leaves the signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound(port: int) -> socket.socket:
    """Return a listening socket on the loopback address; port 0 is any that is free.

    Raises:
        OSError: the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        msg = f"{ADDRESS}:{port}: {error.strerror}"
        raise OSError(error.errno, msg) from error
    return listening


async def serve(app: ASGIApp, listening: socket.socket, limits: Limits, on_open: Callable[[], None]) -> None:
    """Serve an application on a listening socket until cancelled; every connection is closed then."""
    _make_room()
    protocol = cast(Any, partial(Connection, limits, Gate(FAREWELLS)))
    server = _Server(
        uvicorn.Config(
            app, http=protocol, ws="none", lifespan="on", log_config=None, access_log=False, proxy_headers=False,
            server_header=False, h11_max_incomplete_event_size=_HEAD_BYTES,
        )
    )  # fmt: skip
    on_open()
    try:
        await server.serve(sockets=[listening])
    except SystemExit as error:
        msg = "the application of a door did not start"
        raise RuntimeError(msg) from error
    finally:
        await _end(server)
        listening.close()


async def _end(server: uvicorn.Server) -> None:
    """Close everything: streams end by themselves once their peer is gone; what works on after that is cancelled."""
    if not server.started:
        return
    state = server.server_state
    for listener in server.servers:
        listener.close()
    for connection in list(state.connections):
        connection.transport.close()
    await _wait(state.tasks)
    for task in state.tasks:
        task.cancel()
    await _wait(state.tasks)
    for connection in list(state.connections):
        connection.transport.abort()
    await server.lifespan.shutdown()


async def _wait(tasks: set[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(set(tasks), timeout=_END_S)
