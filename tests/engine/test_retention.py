from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.agent.report.ageing import days_of, remove_day
from engine.config import Settings
from engine.plan import Plan
from engine.retention import ABILITY, Retention
from engine.store import expiry
from engine.store.database import Store, open_store
from engine.store.rows import (
    Row,
    put_alert,
    put_decision,
    put_flow,
    put_incident,
    put_input,
    put_note,
    put_packets,
    put_step,
)
from engine.types import Note, StepKind, TraceStep
from tests.factories import alert, flow, incident, update

DAY = 86400.0
NOW = 20_000 * DAY


class Straight:
    """A writer that writes at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: list[Row] = []

    def add(self, rows: list[Row]) -> None:
        self._rows += rows

    async def settled(self) -> None:
        await self._store.write(self._rows)
        self._rows = []


class Keeper:
    """A retention over a real database, and what it tells."""

    def __init__(self, store: Store, folder: Path, **changes: Any) -> None:
        self.store = store
        self.told: list[str] = []
        self.forgotten: list[str] = []
        plan = Plan("live", "eth0", (), Settings(**changes), folder / "aegis.db", live=True)
        writer: Any = Straight(store)
        self.retention = Retention(plan, writer, self.tell, lambda _: None, self.forgotten.append)

    def tell(self, _ability: str, message: str, _remedy: str) -> None:
        self.told.append(message)

    async def sweep(self) -> bool:
        return await self.retention.sweep(self.store, NOW)

    async def left(self) -> list[str]:
        return [one.id for one in await self.store.incidents()]


@asynccontextmanager
async def keeper(folder: Path, **changes: Any) -> AsyncIterator[Keeper]:
    async with open_store(folder / "aegis.db") as store:
        yield Keeper(store, folder, **changes)


def rows_of(incident_id: str, updated_at: float, source: str = "live", weight: int = 100) -> list[Row]:
    one = incident(id=incident_id, opened_at=updated_at - 60, updated_at=updated_at)
    of_it = alert(id=f"A-{incident_id}", incident_id=incident_id)
    return [
        put_incident(one, source),
        put_alert(of_it),
        put_input(incident_id, 0, update()),
        put_packets(incident_id, bytes(weight)),
        put_note(Note(incident_id, updated_at, "ann", "seen")),
    ]


async def test_what_is_older_than_it_is_kept_is_removed_whole_and_remembered(tmp_path: Path) -> None:
    async with keeper(tmp_path, keep_days=30) as kept:
        await kept.store.write([*rows_of("INC-old", NOW - 31 * DAY), *rows_of("INC-new", NOW - 29 * DAY)])
        assert await kept.sweep()
        assert await kept.left() == ["INC-new"]
        for table in ("alert", "input", "packets", "note"):
            ids = await kept.store.ids(f"SELECT incident_id FROM {table}")
            assert ids == ["INC-new"]
        assert await kept.store.retired("INC-old") == (NOW, "older than 30 days")
        assert await kept.store.retired("INC-new") is None
        assert kept.forgotten == ["INC-old"]
        assert not await kept.sweep()


async def test_nothing_is_old_after_the_clock_jumped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with keeper(tmp_path, keep_days=30) as kept:
        await kept.store.write(rows_of("INC-new", NOW - 31 * DAY))
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 60 * DAY)
        assert not await kept.sweep()
        assert await kept.left() == ["INC-new"]
        monkeypatch.undo()
        assert await kept.sweep()
        assert await kept.left() == []


async def test_a_replayed_incident_of_long_ago_is_not_old(tmp_path: Path) -> None:
    async with keeper(tmp_path, keep_days=30) as kept:
        await kept.store.write(rows_of("INC-2019", 18_000 * DAY, source="night.pcap"))
        assert not await kept.sweep()
        assert await kept.left() == ["INC-2019"]


async def test_a_report_of_long_ago_is_as_old_as_its_investigation(tmp_path: Path) -> None:
    async with keeper(tmp_path, keep_days=30) as kept:
        step = TraceStep("INC-told", 1, NOW - DAY, "analyst", StepKind.VERDICT, "verdict", "")
        await kept.store.write([*rows_of("INC-told", 100 * DAY, source="events"), put_step(step)])
        day = tmp_path / "reports" / "1970-04-11"
        day.mkdir(parents=True)
        os.utime(day, (NOW - DAY, NOW - DAY))
        assert not await kept.sweep()
        assert (await kept.left(), day.exists()) == (["INC-told"], True)


TOUCHES = {
    "a decision": put_decision("INC-old", NOW - DAY, "judged true positive by ann"),
    "a note": put_note(Note("INC-old", NOW - DAY, "ann", "still looking")),
    "an investigation": put_step(TraceStep("INC-old", 1, NOW - DAY, "analyst", StepKind.VERDICT, "verdict", "")),
}


@pytest.mark.parametrize("touch", TOUCHES)
async def test_what_a_person_or_the_analyst_worked_on_lately_is_not_old_nor_are_its_reports(
    touch: str, tmp_path: Path
) -> None:
    async with keeper(tmp_path, keep_days=30) as kept:
        await kept.store.write([*rows_of("INC-old", NOW - 60 * DAY), *rows_of("INC-gone", NOW - 60 * DAY)])
        await kept.store.write([TOUCHES[touch]])
        day = tmp_path / "reports" / time.strftime("%Y-%m-%d", time.gmtime(NOW - 60 * DAY))
        day.mkdir(parents=True)
        for name in ("INC-old.md", "INC-old.zh.html", "INC-gone.md"):
            (day / name).write_text("a report")
        os.utime(day, (NOW - 60 * DAY, NOW - 60 * DAY))
        assert await kept.sweep()
        assert await kept.left() == ["INC-old"]
        await kept.sweep()
        assert sorted(file.name for file in day.iterdir()) == ["INC-old.md", "INC-old.zh.html"]


async def test_over_budget_too_what_was_triaged_within_a_day_stays(tmp_path: Path) -> None:
    async with keeper(tmp_path, disk_budget_mb=1, keep_days=0) as kept:
        for number in range(60):
            told = f"INC-{number:02}"
            step = TraceStep(told, 1, NOW - 3600, "analyst", StepKind.VERDICT, "verdict", "")
            await kept.store.write([*rows_of(told, 100 * DAY, source="events", weight=30_000), put_step(step)])
        assert not await kept.sweep()
        assert len(await kept.left()) == 60


async def test_a_report_dated_in_the_future_is_as_old_as_its_investigation(tmp_path: Path) -> None:
    async with keeper(tmp_path, keep_days=30) as kept:
        step = TraceStep("INC-2099", 1, NOW - 31 * DAY, "analyst", StepKind.VERDICT, "verdict", "")
        await kept.store.write([*rows_of("INC-2099", NOW + 9000 * DAY, source="events"), put_step(step)])
        await kept.store.write([("UPDATE note SET at = ?", (NOW - 31 * DAY,))])
        assert await kept.sweep()
        assert await kept.left() == []


async def test_zero_days_is_for_ever(tmp_path: Path) -> None:
    async with keeper(tmp_path, keep_days=0, keep_flows_days=0) as kept:
        await kept.store.write([*rows_of("INC-old", 1 * DAY), put_flow(flow(last_seen=1.0), "live")])
        assert not await kept.sweep()
        assert (await kept.left(), await kept.store.flows_before(NOW)) == (["INC-old"], 1)


async def test_flows_go_sooner_than_incidents_and_a_bounded_number_at_a_time(tmp_path: Path) -> None:
    async with keeper(tmp_path, keep_flows_days=14) as kept:
        many = expiry.FLOWS_AT_ONCE + 10
        old = [put_flow(flow(id=f"1:{n}", last_seen=NOW - 15 * DAY), "live") for n in range(many)]
        await kept.store.write([*old, put_flow(flow(last_seen=NOW - 13 * DAY), "live")])
        assert await kept.sweep()
        assert await kept.store.flows_before(NOW) == 11
        assert not await kept.sweep()
        assert await kept.store.flows_before(NOW) == 1


async def test_over_budget_flows_go_first_then_reports_then_the_oldest_incidents(tmp_path: Path) -> None:
    async with keeper(tmp_path, disk_budget_mb=1, keep_days=0) as kept:
        for number in range(80):
            rows = rows_of(f"INC-{number:02}", NOW - (60 - number / 10) * DAY, weight=20_000)
            await kept.store.write(rows)
        await kept.store.write([put_flow(flow(last_seen=NOW - 60), "live")])
        day = tmp_path / "reports" / "2020-01-01"
        day.mkdir(parents=True)
        (day / "INC-00.md").write_bytes(bytes(1000))
        os.utime(day, (NOW - 60 * DAY, NOW - 60 * DAY))
        assert await kept.sweep()
        assert (await kept.store.flows_before(NOW), day.exists(), len(await kept.left())) == (0, True, 80)
        assert await kept.sweep()
        assert (day.exists(), len(await kept.left())) == (False, 80)
        while await kept.sweep():
            pass
        left = sorted(await kept.left())
        assert left == [f"INC-{number:02}" for number in range(80 - len(left), 80)]
        storage = kept.retention.storage
        assert 0 < storage.used_bytes <= storage.budget_bytes == 1_000_000
        assert kept.told == []
        size = (tmp_path / "aegis.db").stat().st_size
        assert size < 2_500_000  # free pages were given back


async def test_what_is_of_the_last_day_stays_and_the_budget_is_said_to_be_used_up(tmp_path: Path) -> None:
    async with keeper(tmp_path, disk_budget_mb=1) as kept:
        for number in range(60):
            await kept.store.write(rows_of(f"INC-{number:02}", NOW - 3600, weight=30_000))
        assert not await kept.sweep()
        assert len(await kept.left()) == 60
        assert "all of it of the last day" in kept.told[0]
        assert ABILITY == "disk budget"


def test_the_end_of_a_day_follows_no_link_and_leaves_what_is_not_a_report(tmp_path: Path) -> None:
    reports, elsewhere = tmp_path / "reports", tmp_path / "elsewhere"
    day = reports / "2020-01-01"
    (day / "folder").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    (day / "INC-1.md").write_text("x" * 10)
    (day / "link").symlink_to(elsewhere / "precious")
    (reports / "2020-01-02").symlink_to(elsewhere)
    (reports / "notes").mkdir()
    assert [day.name for day in days_of(reports)] == ["2020-01-01"]
    remove_day(reports, "2020-01-01")
    assert sorted(entry.name for entry in day.iterdir()) == ["folder", "link"]
    assert (elsewhere / "precious").read_text() == "x"


def test_a_missing_folder_holds_no_days(tmp_path: Path) -> None:
    assert days_of(tmp_path / "none") == []
