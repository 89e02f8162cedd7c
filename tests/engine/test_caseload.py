"""The cases that wait for the analyst: the gravest first, none forgotten, and none that ends the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.agent.spending import day_of
from engine.announcer import Announcer
from engine.books import Books
from engine.casebook import Due
from engine.caseload import OPEN_SHOWN, PATIENCE_S, WAITING_CASES, Caseload
from engine.desk import Desk
from engine.sources.event import parse
from engine.state import State
from engine.store.database import open_store
from engine.store.rows import Row, put_incident, put_spending
from engine.store.writer import Writer
from engine.types import Disposition, Fault, Incident, Severity
from tests.engine import bench
from tests.engine.bench import live_plan, running
from tests.factories import alert, detection, incident


class _Breaking:
    """An analyst that notes what it is given and breaks on it."""

    name = "breaking"
    faults: tuple[Fault, ...] = ()

    def __init__(self) -> None:
        self.given: list[str] = []

    async def investigate(self, due: Due, _: object, model: str) -> None:
        """Break."""
        self.given.append(due.incident.id)
        raise RuntimeError("no idea")


def _caseload(folder: Path) -> tuple[Caseload, State, _Breaking]:
    state, plan = State(), live_plan(folder)
    writer = Writer(lambda _: None, lambda _: None)
    announcer = Announcer(state, writer, lambda: 1.0, None, lambda: None)
    books = Books(plan, state, writer, announcer, lambda: 1.0)
    caseload = Caseload(plan, state, books, announcer, lambda: 1.0, _no_proposal)
    analyst = _Breaking()
    caseload._investigator = analyst  # type: ignore[assignment]
    return caseload, state, analyst


async def _no_proposal(_: Incident, __: object) -> None:
    raise AssertionError


async def _nothing() -> None:
    return None


def _due(number: int, severity: Severity = Severity.LOW) -> Due:
    return Due(incident(id=f"INC-{number}", severity=severity), (), (), 1.0)


async def _worked_off(caseload: Caseload) -> None:
    async with open_store(None) as store, asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        working = tasks.create_task(caseload.work(store, _nothing))
        caseload.ready.set()
        await caseload.done()
        working.cancel()


async def test_the_gravest_case_comes_first_and_equals_in_the_order_they_came(tmp_path: Path) -> None:
    caseload, _, analyst = _caseload(tmp_path)
    for number, severity in enumerate((Severity.LOW, Severity.CRITICAL, Severity.LOW, Severity.HIGH)):
        caseload.add(_due(number, severity))
    assert caseload.fill() == (4, WAITING_CASES)
    await _worked_off(caseload)
    assert analyst.given == ["INC-1", "INC-3", "INC-0", "INC-2"]


async def test_a_case_that_breaks_the_analyst_is_a_fault_and_the_next_comes(tmp_path: Path) -> None:
    caseload, state, analyst = _caseload(tmp_path)
    caseload.add(_due(1))
    caseload.add(_due(2))
    await _worked_off(caseload)
    assert analyst.given == ["INC-1", "INC-2"]
    assert "cannot investigate INC-2: no idea" in state.faults()[0].message


async def test_over_the_bound_a_newcomer_is_left_to_the_database_and_that_is_said(tmp_path: Path) -> None:
    caseload, state, _ = _caseload(tmp_path)
    for number in range(WAITING_CASES + 1):
        caseload.add(_due(number))
    assert caseload.fill() == (WAITING_CASES, WAITING_CASES)
    assert f"over {WAITING_CASES} incidents wait" in state.faults()[0].message


class _Model:
    """An analyst with a model that answers when it is told to, and notes who investigates."""

    name = "scripted"
    faults: tuple[Fault, ...] = ()
    models = ("scripted", "playbook")
    paused_until = 0.0

    def __init__(self) -> None:
        self.begun: list[tuple[str, str]] = []
        self.answering = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0

    async def investigate(self, due: Due, _: object, model: str) -> None:
        """Wait for the model, unless it is the playbook analyst's turn."""
        self.begun.append((due.incident.id, model))
        if model != "playbook":
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await self.answering.wait()
            self.at_once -= 1
        raise RuntimeError("no verdict is needed here")


def _with_model(folder: Path) -> tuple[Caseload, _Model]:
    caseload, _, _ = _caseload(folder)
    caseload._investigator = model = _Model()  # type: ignore[assignment]
    caseload.ready.set()
    return caseload, model


async def _until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not fits():  # noqa: ASYNC110 - what is waited for is a number
            await asyncio.sleep(0)


async def test_a_case_that_waited_too_long_for_the_model_is_the_playbook_analysts(tmp_path: Path) -> None:
    caseload, model = _with_model(tmp_path)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for number in range(2):
            tasks.create_task(caseload.investigate(_due(number)))
        await _until(lambda: model.at_once == 2)
        await caseload.investigate(_due(2), waited_s=PATIENCE_S)
        assert model.begun[-1] == ("INC-2", "playbook")
        model.answering.set()
    await caseload.investigate(_due(3), waited_s=PATIENCE_S)
    assert model.begun[-1] == ("INC-3", "scripted")
    assert model.most_at_once == 2


async def test_one_who_asks_for_the_playbook_analyst_waits_for_no_model(tmp_path: Path) -> None:
    caseload, model = _with_model(tmp_path)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for number in range(2):
            tasks.create_task(caseload.investigate(_due(number)))
        await _until(lambda: model.at_once == 2)
        await caseload.investigate(_due(2), model="playbook")
        model.answering.set()
    assert ("INC-2", "playbook") in model.begun


async def test_two_investigations_of_one_incident_follow_one_another(tmp_path: Path) -> None:
    caseload, model = _with_model(tmp_path)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(caseload.investigate(_due(1)))
        await _until(lambda: model.at_once == 1)
        second = tasks.create_task(caseload.investigate(_due(1), model="playbook"))
        other = tasks.create_task(caseload.investigate(_due(2), model="playbook"))
        await other
        assert not second.done()
        model.answering.set()
    assert model.begun == [("INC-1", "scripted"), ("INC-2", "playbook"), ("INC-1", "playbook")]


async def test_what_was_spent_today_is_known_after_a_restart_and_once_for_all_workers(tmp_path: Path) -> None:
    async with open_store(tmp_path / "spent.db") as store:
        await store.write([put_spending(day_of(time.time()), "scripted", 700, 300)])
        caseload, _ = _with_model(tmp_path)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(caseload.work(store, _nothing)) for _ in range(caseload.workers)]
            await _until(lambda: caseload.spending().calls > 0)
            for task in working:
                task.cancel()
    assert (caseload.spending().tokens, caseload.spending().calls) == (1000, 1)
    assert caseload.spending().tokens_limit == 500_000


async def test_reported_events_leave_a_turn_at_the_model_to_what_was_seen(tmp_path: Path) -> None:
    caseload, model = _with_model(tmp_path)
    event = parse("2023/10/9 11:23 203.0.113.9:4000 192.0.2.1:80 name content")
    told = (alert(detection=detection(detector="event", event=event)),)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(caseload.investigate(replace(_due(number), alerts=told)))
        await _until(lambda: model.at_once == 1)
        tasks.create_task(caseload.investigate(_due(8)))
        await _until(lambda: model.at_once == 2)
        assert model.begun == [("INC-0", "scripted"), ("INC-8", "scripted")]
        model.answering.set()
    assert [name for _, name in model.begun] == ["scripted"] * 9


async def _shown_at_start(folder: Path) -> list[str]:
    """Start an engine, judge one of the incidents that are open then, and return the ids of all of those."""
    async with running(live_plan(folder)) as at_work:
        async with asyncio.timeout(bench.PATIENCE_S):
            while at_work.engine.snapshot().status.loading:  # noqa: ASYNC110 - polled, as a console does
                await asyncio.sleep(0.02)
        shown = [one for one in at_work.engine.snapshot().incidents if one.disposition is Disposition.UNDETERMINED]
        for one in shown[:1]:
            await at_work.engine.set_disposition(one.id, Disposition.TRUE_POSITIVE)
    return [one.id for one in shown]


async def test_what_nobody_judged_is_open_after_every_restart_whatever_its_age(tmp_path: Path) -> None:
    reports = [parse(f"2023/10/9 11:23 203.0.113.{last}:4000 192.0.2.1:80 name content") for last in (8, 9)]
    async with running(live_plan(tmp_path)) as at_work:
        undecided = {(await at_work.engine.triage(report)).incident.id for report in reports}
    for _ in range(3):
        shown = await _shown_at_start(tmp_path)
        assert set(shown) == undecided
        undecided -= set(shown[:1])
    assert undecided == set()


async def test_of_more_open_incidents_than_are_shown_it_is_the_gravest_and_the_rest_is_told_as_a_count(
    tmp_path: Path,
) -> None:
    rows: list[Row] = []
    for number in range(OPEN_SHOWN + 7):
        severity = Severity.LOW if number % 2 else Severity.HIGH
        old = incident(id=f"INC-{number}", severity=severity, updated_at=number - 1e6)
        rows += [put_incident(old, "live"), ("INSERT INTO verdict VALUES (?, 1, '{}')", (old.id,))]
    caseload, state, _ = _caseload(tmp_path)
    async with open_store(tmp_path / "a.db") as store:
        await store.write(rows)
        taken_up = await caseload.take_up(store, Desk((), 60.0, ()))
    shown = {one.id for one in state.incidents.newest()}
    assert taken_up == (OPEN_SHOWN, OPEN_SHOWN, 0)
    assert {f"INC-{number}" for number in range(OPEN_SHOWN + 7)} - shown == {f"INC-{n}" for n in range(1, 14, 2)}
    assert [fault.message.partition(":")[0] for fault in state.faults()] == ["7 more incidents are open than are shown"]
