"""Traces are noted once they are stored, no faster than the guard takes them, and a guard that does not is a fault."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest

from engine import notary
from engine.chain import Anchor, Condition, digest_of, held_against
from engine.guard.clock import RateLimit
from engine.notary import ABILITY, Notary
from engine.store.database import open_store
from engine.types import Fault, Verdict
from tests.engine.bench import GuardThread, Wire, attack, guarding, live_plan, replay_plan, run, running
from tests.factories import pcap_file


class Desk:
    """Takes notes, or refuses to."""

    def __init__(self, *, fails_with: Exception | None = None) -> None:
        self.told: list[str] = []
        self.fails_with = fails_with

    async def stored(self) -> None:
        """Note that the database was waited for."""
        self.told.append("stored")

    async def note(self, anchor: Anchor) -> None:
        """Note a trace, or raise."""
        if self.fails_with:
            raise self.fails_with
        self.told.append(anchor.incident_id)

    def fault(self, ability: str, message: str, remedy: str) -> None:
        """Note a fault."""
        self.told.append(f"{ability}: {message}")

    def clear(self, ability: str) -> None:
        """Note the end of one."""
        self.told.append(f"{ability} clear")


def made_for(desk: Desk, *incident_ids: str) -> Notary:
    made = Notary(desk.note, desk.stored, desk.fault, desk.clear)
    for incident_id in incident_ids:
        made.add(Anchor(incident_id, 1, "ab" * 32, "cd" * 32))
    return made


async def worked(made: Notary, rounds: int = 0) -> Notary:
    """Let a notary work to its end, or for some rounds of the loop."""
    task = asyncio.create_task(made.work())
    for _ in range(rounds):
        await asyncio.sleep(0)
    if not rounds:
        await made.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return made


async def test_a_trace_is_noted_after_it_is_stored() -> None:
    desk = Desk()
    await worked(made_for(desk, "INC-1", "INC-2"))
    assert desk.told == ["stored", "INC-1", f"{ABILITY} clear", "stored", "INC-2", f"{ABILITY} clear"]


@pytest.mark.parametrize("error", [PermissionError("no"), TimeoutError("late"), RuntimeError("thread gone")])
async def test_a_trace_that_is_not_noted_is_told_and_the_next_one_comes(error: Exception) -> None:
    desk = Desk(fails_with=error)
    await worked(made_for(desk, "INC-1", "INC-2"))
    assert desk.told == ["stored", f"{ABILITY}: the guard does not note traces: {error}"] * 2


async def test_no_more_are_sent_than_the_guard_takes() -> None:
    desk = Desk()
    made = made_for(desk, "INC-1", "INC-2", "INC-3", "INC-4")
    made._minute = RateLimit(2)
    await worked(made, rounds=50)
    assert [told for told in desk.told if told.startswith("INC")] == ["INC-1", "INC-2"]


async def test_a_full_queue_leaves_a_trace_out_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notary, "WAITING_NOTES", 1)
    desk = Desk()
    assert made_for(desk, "INC-1", "INC-2").fill() == (1, 1)
    assert "over 1 traces wait for the guard" in desk.told[0]


async def noted(guard: GuardThread) -> list[Anchor]:
    """Return what a guard noted of traces."""
    found = await guard.door.ask(lambda client: list(client.noted_traces()))
    told = [json.loads(entry.body) for entry in found]
    return [Anchor(one["incident"], one["steps"], one["digest"], one["verdict"]) for one in told]


async def test_the_guard_notes_what_a_live_engine_stored(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack())
            verdict = await at_work.hears(Verdict)
            await at_work.engine.noted()
            anchors = await noted(guard)
            assert [anchor.incident_id for anchor in anchors] == [verdict.incident_id]
            # What is noted is in the file by then: another reader finds it.
            async with open_store(tmp_path / "aegis.db") as store:
                trace = await store.trace(verdict.incident_id)
    assert trace is not None
    assert (len(trace[0]), digest_of(trace[1][0])) == (anchors[0].steps, anchors[0].verdict_digest)
    assert held_against(anchors, *trace).condition is Condition.WHOLE


async def test_without_its_guard_an_investigation_ends_all_the_same_and_one_fault_tells(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            guard.kill()
            for number in (1, 2):
                wire.send(attack(f"203.0.113.{100 + number}"))
                await at_work.hears(Verdict)
            await at_work.fault(ABILITY)
            await at_work.engine.noted()
            faults = [event for event in at_work.events if isinstance(event, Fault) and event.ability == ABILITY]
    assert len(faults) == 1


async def test_a_replay_notes_nothing(tmp_path: Path) -> None:
    file = pcap_file(tmp_path / "a.pcap", attack(at=1000.0))
    engine, events = await run(replay_plan(tmp_path, file))
    assert any(isinstance(event, Verdict) for event in events)
    assert engine._notary.fill()[0] == 0


async def test_a_trace_of_a_database_that_is_not_kept_is_not_noted(tmp_path: Path) -> None:
    wire = Wire()
    closed = tmp_path / "no" / "such" / "folder"
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire, database=closed / "aegis.db"), guard.door) as at_work:
            wire.send(attack())
            await at_work.hears(Verdict)
            await at_work.engine.noted()
            assert await noted(guard) == []
