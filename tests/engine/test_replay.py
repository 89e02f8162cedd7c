"""A replay that is taken to any moment: what it shows there does not depend on the way."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine import wire
from engine.agent.recorded import RecordedHost
from engine.core import Engine
from engine.intake import Intake
from engine.pacing import Pacer
from engine.parts import Detectors
from engine.plan import Plan
from engine.replay import Replay
from engine.sources.pcapfile import PcapFile
from engine.stored import StoredInputs
from engine.types import Disposition, Event, Fault, Proposal, Spending, Storage
from tests.engine.bench import attack, knowledge_cache, replay_plan, settings, stored
from tests.factories import pcap_file
from tests.model_server import Say, in_order, serving

WALL = {"at", "elapsed_s", "tokens_in", "tokens_out", "digest", "created_at", "expires_at"}
"""Fields of trace steps, verdicts and proposals that the wall clock makes."""


def _open(file: Path) -> Intake:
    return Intake(PcapFile(file), max_flows=1000, paced=True, view_flows=50)


def make(plan: Plan, pacer: Pacer, judges: Callable[[], Detectors], tell: Callable[[Event], None]) -> Engine:
    return Engine(plan, on_event=tell, pacer=pacer, detectors=judges)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a capture of four exploits in half a minute."""
    sources = ("203.0.113.9", "198.51.100.7", "203.0.113.10", "203.0.113.9")
    frames = [
        frame._replace(ts=1000 + 9 * number + 0.3 * place)
        for number, ip in enumerate(sources)
        for place, frame in enumerate(attack(ip, at=1000))
    ]
    return pcap_file(tmp_path_factory.mktemp("capture") / "a.pcap", frames)


def plan_of(capture: Path, **changes: Any) -> Plan:
    values = {
        "open_readers": [partial(_open, capture)],
        "database": None,
        "knowledge": knowledge_cache(),
        "paced": True,
        "settings": settings(),
    }
    return replay_plan(capture.parent, **(values | changes))


@asynccontextmanager
async def playing(plan: Plan) -> AsyncIterator[Replay]:
    replay = Replay(plan, make, paused=True)
    task = asyncio.create_task(replay.run())
    try:
        async with asyncio.timeout(60):
            yield replay
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def go(replay: Replay, command: str, value: float = 0.0) -> int:
    """Send a replay somewhere, and return the step it stands at once it is there."""
    replay.transport(command, value)
    await arrived(replay)
    return replay.tape().step


async def arrived(replay: Replay) -> None:
    while replay.tape().seeking:  # noqa: ASYNC110 - a console polls as well
        await asyncio.sleep(0.001)


async def looked_ahead(replay: Replay) -> None:
    while not replay.tape().whole:  # noqa: ASYNC110 - a console polls as well
        await asyncio.sleep(0.005)


def _without_wall(value: Any, inside: bool = False) -> Any:
    if isinstance(value, dict):
        told = {k: _without_wall(v, inside or k in ("steps", "proposals")) for k, v in value.items()}
        return {k: v for k, v in told.items() if not (inside and k in WALL)}
    return [_without_wall(one, inside) for one in value] if isinstance(value, list) else value


async def state(replay: Replay) -> str:
    """Return all that a console can see, without what the wall clock makes."""
    shown = replay.snapshot()
    views = [await replay.incident(one.id) for one in shown.incidents]
    counters = replace(shown.counters, queues={})
    # The analyst loads beside the first steps, and what was paid for once is not paid for again.
    status = replace(shown.status, analyst="", spending=Spending(), storage=Storage())
    told = {
        "snapshot": replace(shown, counters=counters, status=status, tape=None),
        "steps": replay.tape().step,
        "views": views,
    }
    return json.dumps(_without_wall(wire.encode(told)), sort_keys=True)


async def test_the_state_at_a_moment_is_the_same_however_it_was_reached(capture: Path) -> None:
    chance = random.Random(5)
    async with playing(plan_of(capture)) as straight:
        await looked_ahead(straight)
        steps = straight.tape().steps
        expected = [await state(straight)]
        expected += [await state(straight) for _ in range(steps - 1) if await go(straight, "step", 1)]
    assert len({*expected}) > steps / 2
    async with playing(plan_of(capture)) as wandering:
        await looked_ahead(wandering)
        for _ in range(25):
            command, value = chance.choice(
                (("seek", chance.uniform(995, 1040)), ("step", chance.choice((-3, -1, 1, 2))), ("start", 0))
            )
            at = await go(wandering, command, value)
            if at < steps:
                assert await state(wandering) == expected[at], (command, value)
    assert wandering.tape().run > 5


async def test_a_seek_stops_before_the_first_packet_after_the_moment(capture: Path) -> None:
    async with playing(plan_of(capture)) as replay:
        await go(replay, "seek", 1005)
        assert replay.snapshot().now <= 1005
        assert len(replay.snapshot().incidents) == 1
        await go(replay, "seek", 1020)
        assert len(replay.snapshot().incidents) == 3
        await go(replay, "seek", 1005)
        assert len(replay.snapshot().incidents) == 1


async def test_the_next_and_the_previous_alert_are_gone_to(capture: Path) -> None:
    async with playing(plan_of(capture)) as replay:
        await looked_ahead(replay)
        with pytest.raises(LookupError, match="no alert before"):
            replay.transport("alert", -1)
        first = await go(replay, "alert", 1)
        assert len(replay.snapshot().alerts) >= 1
        second = await go(replay, "alert", 1)
        assert second > first
        assert await go(replay, "alert", -1) == first
        await go(replay, "end")
        with pytest.raises(LookupError, match="no alert after this"):
            replay.transport("alert", 1)


async def test_alerts_are_known_ahead_and_the_end_too(capture: Path) -> None:
    async with playing(plan_of(capture)) as replay:
        await looked_ahead(replay)
        tape = replay.tape()
        assert tape.step == 0
        assert len(tape.alerts) >= 3
        assert tape.ends_at - tape.starts_at >= 27


async def test_playing_again_after_the_end_begins_at_the_start(capture: Path) -> None:
    async with playing(plan_of(capture, speed=64.0)) as replay:
        await go(replay, "end")
        assert replay.snapshot().finished
        replay.transport("play")
        await arrived(replay)
        assert (replay.tape().run, replay.tape().playing) == (2, True)


async def test_an_earlier_moment_is_not_told_of_once_more(capture: Path) -> None:
    async with playing(plan_of(capture)) as replay:
        events = replay.subscribe()
        await go(replay, "end")
        told = [events.get_nowait() for _ in range(events.qsize())]
        assert any(isinstance(event, Proposal) for event in told)
        await go(replay, "seek", 1020)
        assert events.empty()


async def test_a_model_is_asked_once_and_answers_the_same_after_a_seek_back(tmp_path: Path) -> None:
    one = pcap_file(tmp_path / "one.pcap", attack(at=1000))
    calm = json.dumps({"conclusion": "suspicious", "severity": "low", "claims": [{"text": "A scanner."}]})
    with serving(in_order([Say("Seen."), Say("T1190."), Say(calm)])) as server:
        chosen = settings(openai_base_url=server.url, openai_api_key="", model_name="scripted")
        async with playing(plan_of(one, settings=chosen)) as replay:
            await go(replay, "end")
            before, asked = await state(replay), len(server.requests)
            await go(replay, "start")
            await go(replay, "end")
            assert (await state(replay), len(server.requests)) == (before, asked)


async def _kept(folder: Path) -> list[Any]:
    return await stored(folder) if (folder / "aegis.db").exists() else []


async def _once_kept(replay: Replay, folder: Path) -> list[Any]:
    while not replay.kept:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)
    return await _kept(folder)


async def test_a_replay_that_came_to_its_end_is_kept_once_and_a_part_of_one_is_not(
    capture: Path, tmp_path: Path
) -> None:
    async with playing(plan_of(capture, database=tmp_path / "aegis.db")) as replay:
        await go(replay, "seek", 1020)
        assert await _kept(tmp_path) == []
        await go(replay, "end")
        kept = await _once_kept(replay, tmp_path)
        views = {view.incident.id: view for view in kept}
        assert views == {one: await replay.incident(one) for one in views}
        assert len(views) == len(replay.snapshot().incidents)
        await go(replay, "start")
        await go(replay, "seek", 1020)
        assert await _kept(tmp_path) == kept


async def test_a_replay_of_another_source_keeps_nothing_in_the_place_of_what_is_stored(
    capture: Path, tmp_path: Path
) -> None:
    async with playing(plan_of(capture, database=tmp_path / "aegis.db")) as replay:
        await go(replay, "end")
        before = await _once_kept(replay, tmp_path)
    other = plan_of(capture, database=tmp_path / "aegis.db", source="slice.pcap", host=RecordedHost({}))
    async with playing(other) as replay:
        told = replay.subscribe()
        await go(replay, "end")
        await _once_kept(replay, tmp_path)
        await replay.set_disposition(before[0].incident.id, Disposition.FALSE_POSITIVE)
        messages = [event.message for event in _drained(told) if isinstance(event, Fault)]
    assert await _kept(tmp_path) == before
    assert any("stored already" in message for message in messages)


def _drained(queue: asyncio.Queue[Event]) -> list[Event]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_what_a_person_makes_of_a_kept_incident_is_kept_too(capture: Path, tmp_path: Path) -> None:
    async with playing(plan_of(capture, database=tmp_path / "aegis.db")) as replay:
        await go(replay, "end")
        kept = await _once_kept(replay, tmp_path)
        incident_id = kept[0].incident.id
        await replay.set_disposition(incident_id, Disposition.FALSE_POSITIVE)
        await replay.note(incident_id, "ours", "a person")
        (view,) = [one for one in await _kept(tmp_path) if one.incident.id == incident_id]
    assert view.incident.disposition is Disposition.FALSE_POSITIVE
    assert [note.text for note in view.notes] == ["ours"]


async def test_a_kept_incident_replays_to_the_same(capture: Path, tmp_path: Path) -> None:
    async with playing(plan_of(capture, database=tmp_path / "aegis.db")) as replay:
        await go(replay, "end")
        incident_id = replay.snapshot().incidents[0].id
        whole = await replay.everything(incident_id)
    again = plan_of(
        capture, open_readers=[partial(StoredInputs, incident_id, whole.inputs, whole.packets)], source=incident_id,
        local_ips=whole.context.local_ips, only=incident_id, recordings={incident_id: whole.recordings},
    )  # fmt: skip
    async with playing(again) as replay:
        await go(replay, "end")
        view = await replay.incident(incident_id)
    assert (view.alerts, view.verdict) == (whole.view.alerts, whole.view.verdict)
