"""A run that came to its end is told from one that broke off, however it ended."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from engine.core import Engine
from engine.runmark import RunMark
from engine.store.database import open_store
from engine.store.writer import Writer
from engine.types import Detection, Recovery
from tests.engine.bench import Wire, attack, live_plan, of_kind, replay_plan, run, running
from tests.factories import pcap_file


async def _left_open_at(folder: Path, source: str = "live") -> float:
    async with open_store(folder / "aegis.db") as store:
        return await store.broke_off_at(source)


async def _broken_off(folder: Path) -> None:
    """Let a live run break on an error of its own."""

    def breaks() -> None:
        raise RuntimeError("a broken invariant")

    engine = Engine(live_plan(folder, Wire()), detectors=breaks)  # type: ignore[arg-type]  # it never returns
    with pytest.raises(ExceptionGroup):
        await engine.run()


async def test_a_run_that_was_stopped_came_to_its_end(tmp_path: Path) -> None:
    for _ in range(2):
        wire = Wire()
        async with running(live_plan(tmp_path, wire)) as at_work:
            wire.send(attack())
            await at_work.hears(Detection)
        assert of_kind(at_work.events, Recovery) == []
        assert at_work.engine.snapshot().recovery is None
        assert await _left_open_at(tmp_path) == 0


async def test_a_run_whose_console_was_closed_came_to_its_end(tmp_path: Path) -> None:
    engine = Engine(live_plan(tmp_path, Wire()))
    console = asyncio.create_task(engine.run(stay=True))
    await asyncio.wait_for(engine._judges.wait(), 30)
    console.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await console
    assert await _left_open_at(tmp_path) == 0


async def test_a_run_that_broke_on_an_error_has_no_end_and_the_next_start_tells_of_it(tmp_path: Path) -> None:
    await _broken_off(tmp_path)
    began_at = await _left_open_at(tmp_path)
    assert began_at > 0
    async with running(live_plan(tmp_path, Wire())) as at_work:
        told = await at_work.hears(Recovery)
    assert (told.last_record_at, told.incidents, told.investigations, told.blocks) == (began_at, 0, 0, None)
    assert at_work.engine.snapshot().recovery == told
    assert await _left_open_at(tmp_path) == 0


async def test_a_replay_leaves_no_mark_and_tells_of_none(tmp_path: Path) -> None:
    await _broken_off(tmp_path)
    before = await _left_open_at(tmp_path)
    _, events = await run(replay_plan(tmp_path, pcap_file(tmp_path / "a.pcap", attack(at=1000))))
    assert of_kind(events, Recovery) == []
    assert (await _left_open_at(tmp_path), await _left_open_at(tmp_path, "test.pcap")) == (before, 0)


async def test_a_run_whose_database_is_only_in_memory_marks_nothing(tmp_path: Path) -> None:
    plan = live_plan(tmp_path, Wire())
    writer = Writer(lambda _: None, lambda _: None)
    mark = RunMark(plan, writer)
    async with open_store(None) as store:
        await mark.begin(store)
        with mark:
            pass
    assert writer.fill()[0] == 0
