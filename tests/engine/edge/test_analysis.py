"""The jobs of a door: bounded, independent of who asked, and none of them ends the door."""

from __future__ import annotations

import asyncio

import pytest

from engine.edge.analysis import ROOM, STEPS, Analyses, End, Job
from engine.edge.bodies import AnalysisRequest, UnfitError
from engine.edge.view import BusyError
from tests.engine.edge.door import LINE, FakeDoor, step


async def test_a_job_that_breaks_ends_itself_and_no_other() -> None:
    engine = FakeDoor()
    async with asyncio.TaskGroup() as tasks:
        analyses = Analyses(engine, tasks)
        broken = analyses.begin(AnalysisRequest(query=LINE, model_name="other"))
        whole = analyses.begin(AnalysisRequest(query=LINE))
    assert isinstance(broken.failure(), UnfitError)
    assert whole.result.result().event.src_ip == "203.0.113.9"


async def test_beyond_its_room_nothing_is_begun_until_a_job_ends() -> None:
    engine = FakeDoor(room=1000)
    engine.hold.clear()
    async with asyncio.TaskGroup() as tasks:
        analyses = Analyses(engine, tasks)
        jobs = [analyses.begin(AnalysisRequest(query=LINE)) for _ in range(ROOM)]
        with pytest.raises(BusyError):
            analyses.begin(AnalysisRequest(query=LINE))
        engine.hold.set()
        await asyncio.wait([job.result for job in jobs])
        await asyncio.sleep(0)
        analyses.begin(AnalysisRequest(query=LINE))


async def test_steps_beyond_their_room_are_left_out_and_the_end_is_told() -> None:
    job = Job()
    for number in range(STEPS + 10):
        job.step(step(number))
    job.told.put_nowait(End.RESULT)
    job.told.put_nowait(End.LAST)
    job.result.cancel()
    told = [job.frame(job.told.get_nowait()) for _ in range(STEPS + 2)]
    assert (told[-2] or b"").startswith(b"event: error")
    assert told[-1] is None
