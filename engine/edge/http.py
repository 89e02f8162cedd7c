"""The HTTP door: events in, incidents and reports out, for programs of this host that hold the token."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine import wire
from engine.edge import listener
from engine.edge.access import Access
from engine.edge.analysis import BROKEN, Analyses, search, shape
from engine.edge.bodies import (
    AnalysisRequest,
    EventParameters,
    ListParameters,
    QuestionRequest,
    ReportParameters,
    SearchParameters,
    UnfitError,
    read,
    read_parameters,
)
from engine.edge.gate import Gate
from engine.edge.limits import Limits
from engine.edge.stream import EventStream, frame
from engine.edge.token import Token
from engine.edge.view import BusyError, EngineDoor
from engine.text import escape
from engine.types import Event

log = logging.getLogger(__name__)

LIMITS = Limits(body_bytes=64 * 1024)

LISTENERS = 16
"""Streams of ``/events`` at the same time; one more is told 429."""

ANSWERS = 64
"""Questions and searches at the same time; one more is told 429."""

RETRY_S = 1

_MEDIA = {"md": "text/markdown; charset=utf-8", "json": "application/json", "html": "text/html; charset=utf-8"}

_INERT = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""A report holds captured text: a browser runs nothing of it and asks nobody for more."""

Endpoint = Callable[[Request], Awaitable[Response]]


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return JSON in ASCII, with the field names of ``engine/types.py``."""
    text = json.dumps(wire.encode(value), ensure_ascii=True).replace("\x7f", "\\u007f")
    told = {"cache-control": "no-store", "x-content-type-options": "nosniff", **(headers or {})}
    return Response(text, status, told, "application/json")


def _error(status: int, text: str) -> Response:
    return answer({"error": text}, status, {"retry-after": str(RETRY_S)} if status == 429 else None)


class Desk:
    """Answers the requests of one door."""

    def __init__(self, engine: EngineDoor, tasks: asyncio.TaskGroup) -> None:
        self._engine = engine
        self._analyses = Analyses(engine, tasks)
        self._listeners = Gate(LISTENERS)
        self._answers = Gate(ANSWERS)

    def routes(self) -> list[Route]:
        """Return every address that is answered."""
        told = (
            ("/health", "GET", self.health),
            ("/chat/analysis", "POST", self.analysis),
            ("/events", "GET", self.events),
            ("/incidents", "GET", self.incidents),
            ("/incidents/{id}", "GET", self.incident),
            ("/incidents/{id}/report", "GET", self.report),
            ("/ask", "POST", self.ask),
            ("/knowledge/search", "GET", self.search),
        )
        return [Route(path, partial(_carefully, endpoint), methods=[method]) for path, method, endpoint in told]

    async def health(self, _: Request) -> Response:
        """Say that somebody is here, and nothing else."""
        return answer({"status": "ok"})

    async def analysis(self, request: Request) -> Response:
        """Investigate an event."""
        asked = read(AnalysisRequest, await request.body())
        job = self._analyses.begin(asked)
        if not (asked.stream or "text/event-stream" in request.headers.get("accept", "")):
            return answer(shape(await asyncio.shield(job.result)))
        first = await job.told.get()
        if failure := job.failure():
            raise failure
        return EventStream(job.told, job.frame, begun=[first])

    async def events(self, request: Request) -> Response:
        """Tell what happens and matches, as it happens."""
        wanted = read_parameters(EventParameters, request.query_params.multi_items()).wanted()
        self._listeners.enter()
        queue = self._engine.subscribe(program=True)

        def close() -> None:
            self._engine.unsubscribe(queue)
            self._listeners.leave()

        return EventStream(queue, lambda event: _told(event) if wanted.matches(event) else b"", close)

    async def incidents(self, request: Request) -> Response:
        """List the newest incidents."""
        asked = read_parameters(ListParameters, request.query_params.multi_items())
        found = await self._engine.incidents(asked.limit)
        return await asyncio.to_thread(answer, {"incidents": found})

    async def incident(self, request: Request) -> Response:
        """Show everything about an incident."""
        view = await self._engine.incident(request.path_params["id"])
        return await asyncio.to_thread(answer, view)

    async def report(self, request: Request) -> Response:
        """Write the report of an incident."""
        asked = read_parameters(ReportParameters, request.query_params.multi_items())
        with self._answers:
            text = await self._engine.report(request.path_params["id"], asked.format, asked.lang)
        shown = text if asked.format == "json" else escape(text, keep_newlines=True)
        return Response(shown, headers=_INERT, media_type=_MEDIA[asked.format])

    async def ask(self, request: Request) -> Response:
        """Answer a question."""
        asked = read(QuestionRequest, await request.body())
        with self._answers:
            told = await self._engine.ask(asked.question, asked.incident_id, asked.top_k, asked.knowledge_base_name)
        return answer(told)

    async def search(self, request: Request) -> Response:
        """Search the knowledge base."""
        asked = read_parameters(SearchParameters, request.query_params.multi_items())
        with self._answers:
            found = await search(self._engine, asked.q, asked.k, asked.knowledge_base_name)
        return answer({"passages": found})


async def _carefully(endpoint: Endpoint, request: Request) -> Response:
    """Return what an endpoint answers, or why it does not."""
    try:
        return await endpoint(request)
    except UnfitError as error:
        return answer({"detail": error.problems}, 422)
    except BusyError as error:
        return _error(429, f"{error}: come later")
    except Exception as error:  # the door's boundary: one request must not close it
        if type(error) is LookupError:
            return _error(404, "there is no such incident")
        log.exception("answering %s", request.url.path)
        return _error(500, BROKEN)


def _told(event: Event) -> bytes:
    line = wire.event_line(event)
    return frame(line.split('"', 4)[3], line)


async def _no_such_address(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    allow = getattr(error, "headers", None) or {}
    return answer({"error": "no such address" if status == 404 else "no such method here"}, status, dict(allow))


def application(desk: Desk) -> Starlette:
    """Return the addresses of a door as an application."""
    return Starlette(routes=desk.routes(), exception_handlers={HTTPException: _no_such_address})


class HttpDoor:
    """Serves on the loopback address."""

    name = "http"

    def __init__(
        self, port: int, token_file: Path, on_open: Callable[[str], None] | None = None, limits: Limits = LIMITS
    ) -> None:
        """Take what is told the address once the door is open; port 0 is any that is free."""
        self._port = port
        self._token_file = token_file
        self._on_open = on_open
        self._limits = limits

    async def serve(self, engine: EngineDoor) -> None:
        """Serve until cancelled.

        Raises:
            OSError: the port is taken, or the token's file cannot be trusted.
        """
        token = Token(self._token_file)
        with listener.bound(self._port) as listening:
            port = listening.getsockname()[1]
            async with asyncio.TaskGroup() as tasks:
                app = application(Desk(engine, tasks))
                access = Access(app, port, token, self._limits, open_paths=frozenset({"/health"}))
                await listener.serve(access, listening, self._limits, partial(self._opened, port))

    def _opened(self, port: int) -> None:
        if self._on_open is not None:
            self._on_open(f"http://{listener.ADDRESS}:{port}")
