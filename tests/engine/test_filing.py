"""Reports are written beside the engine, and one that cannot be written is told."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress

import pytest

from engine import filing
from engine.filing import ABILITY, Filing


class Desk:
    """Saves, or fails to."""

    def __init__(self, fails_with: Exception | None = None) -> None:
        self.saved: list[str] = []
        self.told: list[str] = []
        self.fails_with = fails_with

    async def save(self, incident_id: str) -> None:
        """Note an incident, or raise."""
        if self.fails_with:
            raise self.fails_with
        self.saved.append(incident_id)

    def fault(self, ability: str, message: str, remedy: str) -> None:
        """Note a fault."""
        self.told.append(f"{ability}: {message}")

    def clear(self, ability: str) -> None:
        """Note the end of one."""
        self.told.append(f"{ability} clear")


async def _work(desk: Desk, *incident_ids: str) -> Filing:
    made = Filing(desk.save, desk.fault, desk.clear)
    for incident_id in incident_ids:
        made.add(incident_id)
    task = asyncio.create_task(made.work())
    await made.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return made


async def test_each_report_is_written_and_one_that_waits_already_only_once() -> None:
    desk = Desk()
    made = await _work(desk, "INC-1", "INC-2", "INC-1")
    assert (desk.saved, made.fill()[0]) == (["INC-1", "INC-2"], 0)


async def test_an_incident_may_come_again_after_it_was_written() -> None:
    desk = Desk()
    made = await _work(desk, "INC-1")
    made.add("INC-1")
    assert made.fill()[0] == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError("no space"), ValueError("no name"), LookupError("no incident"), sqlite3.OperationalError("locked"),
        TypeError("a record that nobody thought of"),
    ],
)  # fmt: skip
async def test_a_report_that_cannot_be_written_is_told_and_the_next_is_written(error: Exception) -> None:
    desk = Desk(error)
    await _work(desk, "INC-1")
    assert desk.told == [f"{ABILITY}: cannot save the report of INC-1: {error}"]


async def test_a_full_queue_leaves_a_report_out_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "WAITING_REPORTS", 1)
    desk = Desk()
    await _work(desk, "INC-1", "INC-2")
    assert desk.saved == ["INC-1"]
    assert "that of INC-2 is left out" in desk.told[0]
