"""The cases that wait for the analyst: the gravest first, none forgotten, and none that ends the engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.announcer import Announcer
from engine.books import Books
from engine.casebook import Due
from engine.caseload import WAITING_CASES, Caseload
from engine.state import State
from engine.store.database import open_store
from engine.store.writer import Writer
from engine.types import Fault, Incident, Severity
from tests.engine.bench import live_plan
from tests.factories import incident


class _Breaking:
    """An analyst that notes what it is given and breaks on it."""

    name = "breaking"
    faults: tuple[Fault, ...] = ()

    def __init__(self) -> None:
        self.given: list[str] = []

    async def investigate(self, due: Due, _: object) -> None:
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
