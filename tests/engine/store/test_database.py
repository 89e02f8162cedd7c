"""What is stored beside the incidents comes back: suppressions, spending, flows, runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.store.database import FLOWS_LOOKED_AT, open_store
from engine.store.rows import begin_run, end_run, put_alert, put_decision, put_fault, put_flow, put_spending
from engine.types import Fault
from tests.factories import ATTACKER, alert, detection, five_tuple, flow


async def test_the_latest_flows_with_an_address_come_first(tmp_path: Path) -> None:
    ends = five_tuple()
    seen = [flow(ends._replace(src_port=port), id=f"F-{port}", last_seen=float(port)) for port in (1, 2, 3)]
    other = flow(five_tuple("192.0.2.200"), id="F-other", last_seen=9.0)
    async with open_store(tmp_path / "a.db") as store:
        await store.write(put_flow(item, "live") for item in (*seen, other))
        assert await store.flows_with(ATTACKER, 2) == [seen[2], seen[1]]
        assert await store.flows_with(ends.dst_ip, FLOWS_LOOKED_AT) == [other, *reversed(seen)]


async def test_spending_of_a_day_adds_up_for_each_model(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_spending("2026-11-22", model, 10, 2) for model in ("b", "a", "b")])
        await store.write([put_spending("2026-11-21", "a", 500, 500)])
        assert await store.spending("2026-11-22") == [("a", 10, 2, 1), ("b", 20, 4, 2)]


async def test_flows_are_counted_by_when_they_ended(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        await store.write(put_flow(flow(id=f"F-{at}", last_seen=float(at)), "live") for at in range(5))
        assert await store.flows_before(3.0) == 3


RECORDS = {
    "nothing": ([], 5.0),
    "a flow": ([put_flow(flow(last_seen=60.0), "live")], 60.0),
    "a fault": ([put_fault(Fault("llm", "down", "wait", 50.0))], 50.0),
    "a decision": ([put_decision("INC-01234567", 70.0, "approved")], 70.0),
    "an alert": ([put_alert(alert(last_at=40.0))], 40.0),
    "what is only reported": ([put_alert(alert(last_at=9e9, detection=detection(detector="event")))], 5.0),
    "a damaged row": ([("INSERT INTO alert VALUES ('A-1', 'INC-1', 9e9, '{')", ())], 5.0),
}


@pytest.mark.parametrize("record", RECORDS)
async def test_a_run_that_broke_off_did_so_after_its_last_record(record: str, tmp_path: Path) -> None:
    rows, last_at = RECORDS[record]
    async with open_store(tmp_path / "a.db") as store:
        await store.write([begin_run("live", 5.0), *rows])
        assert await store.broke_off_at("live") == last_at
        assert await store.broke_off_at("events") == 0
        await store.write([end_run("live", 80.0)])
        assert await store.broke_off_at("live") == 0
        await store.write([begin_run("live", 90.0)])
        assert await store.broke_off_at("live") >= 90.0
