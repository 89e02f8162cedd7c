"""Events that a program sent: investigated by a task of their own, whoever is still there to hear of it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from engine import wire
from engine.edge.bodies import AnalysisRequest, UnfitError
from engine.edge.gate import Gate
from engine.edge.stream import frame
from engine.edge.view import BusyError, EngineDoor
from engine.sources.event import parse
from engine.types import IncidentView, Passage, ReportedEvent, TraceStep

log = logging.getLogger(__name__)

STEPS = 512
"""Steps a listener may be behind; when full the next ones are left out of its stream: the incident holds them all."""

ROOM = 64
"""Events under investigation at the same time by one door; one more is told to come later before anything is done."""

_QUERY_CHARACTERS = 1000
"""Of an event that the knowledge base is asked with."""

BROKEN = "the event could not be analysed: the log of the program says why"


class Found(NamedTuple):
    """What an event came to."""

    event: ReportedEvent
    view: IncidentView
    sources: Sequence[Passage]


class End(StrEnum):
    """What a job tells after its last step."""

    RESULT = "result"
    LAST = "last"


class Job:
    """One event under investigation."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[TraceStep | End] = asyncio.Queue(STEPS + 2)
        """What happened so far, then ``RESULT`` and ``LAST``."""
        self.result: asyncio.Future[Found] = asyncio.get_running_loop().create_future()

    def step(self, step: TraceStep) -> None:
        """Tell a step, as long as there is room for it and for the end."""
        if self.told.qsize() < STEPS:
            self.told.put_nowait(step)

    def frame(self, item: TraceStep | End) -> bytes | None:
        """Return the frame of a step, that of the result, or ``None`` at the end."""
        if isinstance(item, TraceStep):
            return frame("step", wire.event_line(item))
        if item is End.LAST:
            return None
        if self.result.cancelled() or self.result.exception() is not None:
            return frame("error", json.dumps({"error": BROKEN}))
        return frame("result", json.dumps(shape(self.result.result()), ensure_ascii=True))

    def failure(self) -> BaseException | None:
        """Return why there is no result, once there is none."""
        return self.result.exception() if self.result.done() and not self.result.cancelled() else None


class Analyses:
    """Starts the jobs of a door, and lets none of them end it."""

    def __init__(self, engine: EngineDoor, tasks: asyncio.TaskGroup) -> None:
        self._engine = engine
        self._tasks = tasks
        self._gate = Gate(ROOM)

    def begin(self, asked: AnalysisRequest) -> Job:
        """Return the job of an event.

        Raises:
            UnfitError: it cannot be read.
            BusyError: so many are under investigation already.
        """
        try:
            event = parse(asked.query)
        except ValueError as error:
            raise UnfitError.of("query", str(error)) from error
        self._gate.enter()
        job = Job()
        self._tasks.create_task(self._work(job, event, asked), name=f"analysis {event.src_ip}")
        return job

    async def _work(self, job: Job, event: ReportedEvent, asked: AnalysisRequest) -> None:
        try:
            result = await self._analyse(job, event, asked)
        except (BusyError, UnfitError) as error:
            job.result.set_exception(error)
        except Exception as error:  # the door's boundary: one event must not close it
            log.exception("analysing an event")
            job.result.set_exception(error)
        else:
            job.result.set_result(result)
        finally:
            self._gate.leave()
            if not job.result.done():
                job.result.cancel()
            job.failure()
            job.told.put_nowait(End.RESULT)
            job.told.put_nowait(End.LAST)

    async def _analyse(self, job: Job, event: ReportedEvent, asked: AnalysisRequest) -> Found:
        query = f"{event.name} {event.content}"[:_QUERY_CHARACTERS]
        found = await search(self._engine, query, asked.top_k, asked.knowledge_base_name)
        try:
            view = await self._engine.triage(event, model=asked.model_name, on_step=job.step)
        except LookupError as error:
            if not asked.model_name:
                raise
            raise UnfitError.of("model_name", str(error)) from error
        return Found(event, view, [passage for passage in found if passage.score >= asked.score_threshold])


async def search(engine: EngineDoor, query: str, k: int, base: str) -> Sequence[Passage]:
    """Return what the knowledge base holds; raises ``UnfitError`` where there is no such collection."""
    try:
        return await engine.search(query, k, base)
    except LookupError as error:
        raise UnfitError.of("knowledge_base_name", str(error)) from error


def shape(found: Found) -> dict[str, Any]:
    """Return what a program is told about its event."""
    view = found.view
    incident = view.incident
    shaped = {
        "incident_id": incident.id,
        "event": found.event,
        "classification": _classification(view),
        "target_ip": incident.target_ip,
        "severity": incident.severity,
        "plan": wire.plans(view.steps),
        "verdict": view.verdict,
        "proposals": [{"id": one.id, "prefix": one.terms.prefix, "state": one.state} for one in view.proposals],
        "report": {form: f"/incidents/{incident.id}/report?format={form}" for form in ("md", "json", "html")},
        "sources": found.sources,
    }
    return {name: wire.encode(value) for name, value in shaped.items()}


def _classification(view: IncidentView) -> dict[str, Any] | None:
    """Return the class of a reported event, as its detection has it."""
    judged = next((alert.detection for alert in view.alerts if alert.detection.detector == "event"), None)
    if judged is None:
        return None
    return {"event_class": judged.event_class, "confidence": judged.score, "reason": judged.reason}
