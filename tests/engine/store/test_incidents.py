"""Incidents are found by id, and by target."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.store.database import open_store
from engine.store.rows import put_alert, put_disposition, put_evidence, put_incident
from engine.types import Disposition, Evidence, Origin, Processes, SeenAlert, Severity
from tests.factories import alert, detection, incident


async def test_an_id_is_found_by_its_beginning_unless_several_fit(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_incident(incident(id=name), "live") for name in ("INC-aa11", "INC-aa22")])
        assert await store.find("INC-aa1") == "INC-aa11"
        with pytest.raises(LookupError, match="several"):
            await store.find("INC-aa")
        with pytest.raises(LookupError, match="no incident"):
            await store.find("INC-b%")


async def test_only_what_a_sensor_saw_counts_as_past(tmp_path: Path) -> None:
    async with open_store(tmp_path / "aegis.db") as store:
        for number, detector in enumerate(("rules", "event")):
            found = incident(id=f"INC-0000000{number}", opened_at=100.0)
            seen = alert(id=f"A-{number}", incident_id=found.id, detection=detection(detector=detector))
            await store.write([put_incident(found, "live"), put_alert(seen)])
        past = await store.past_incidents(found.target_ip, 200.0, 20)
    assert [one.id for one in past] == ["INC-00000000"]


async def test_the_latest_alerts_are_seen_as_they_are_and_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    first, last = alert(id="A-1", last_at=1.0), alert(id="A-2", last_at=2.0, count=7, incident_id="INC-2")
    damaged = [("INSERT INTO alert VALUES (?, 'INC-3', 3.0, ?)", (f"A-{body}", body)) for body in ("{", "{}")]
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_alert(first), put_alert(last), *damaged])
        assert await store.latest_seen(10) == [SeenAlert.of(last), SeenAlert.of(first)]
        assert await store.latest_seen(2) == [SeenAlert.of(last)]


async def test_those_of_some_ids_that_are_stored_are_known(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_incident(incident(id=name), "live") for name in ("INC-1", "INC-2")])
        assert await store.known(["INC-2", "INC-3", "notes'", "\udcff"]) == {"INC-2"}


async def test_a_library_names_the_processes_behind_an_incident(tmp_path: Path) -> None:
    told = (
        ("process", '{"comm": "java", "pid": 8901, "user": "shop"}'),
        ("payload", '{"comm": "no"}'),
        ("process", "["),
    )
    rows = [Evidence(f"E-{n}", "INC-1", kind, 1.0, "", content, "") for n, (kind, content) in enumerate(told)]
    async with open_store(tmp_path / "a.db") as store:
        await store.write(put_incident(incident(id=name), "live") for name in ("INC-1", "INC-2"))
        await store.write(put_evidence(row) for row in rows)
        found = {entry.incident.id: entry.processes for entry in await store.library(None, 10)}
        assert found == {"INC-1": Processes(("java",), (8901,), ("shop",)), "INC-2": Processes()}
        assert await store.processes_of("INC-1") == found["INC-1"]


async def test_the_handshake_of_an_incident_tells_when_it_last_showed_something(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        await store.write([put_incident(incident(id="INC-1", updated_at=50.0, handshake=True), "live")])
        await store.write([put_incident(incident(id="INC-2", updated_at=90.0, handshake=False), "live")])
        assert await store.handshake_of(incident().target_ip) == 50.0
        assert await store.handshake_of("192.0.2.77") == 0.0


async def test_incidents_of_other_sources_are_told_with_theirs(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a.db") as store:
        sources = ("live", "a.pcap", "b\udce9")
        await store.write([put_incident(incident(id=f"INC-{at}"), source) for at, source in enumerate(sources)])
        assert await store.of_other_sources("b\udce9") == {"INC-0": "live", "INC-1": "a.pcap"}


async def test_the_undecided_are_found_gravest_and_then_newest_first_and_counted_beyond_the_limit(
    tmp_path: Path,
) -> None:
    low, high = Severity.LOW, Severity.HIGH
    found = [("INC-1", low, 90.0), ("INC-2", high, 10.0), ("INC-3", high, 50.0), ("INC-4", low, 95.0)]
    rows = [
        put_incident(incident(id=name, severity=severity, updated_at=at, opened_at=at), "live")
        for name, severity, at in (*found, ("INC-judged", Severity.CRITICAL, 60.0))
    ]
    rows += [put_disposition("INC-judged", Disposition.FALSE_POSITIVE), put_incident(incident(id="INC-5"), "a.pcap")]
    damaged = ("INSERT INTO incident VALUES (?, 'live', '', 1, 1, 'critical', '{}', ?)", ("INC-damaged", "{"))
    async with open_store(tmp_path / "a.db") as store:
        await store.write([*rows, damaged])
        for limit, names in ((9, ["INC-3", "INC-2", "INC-4", "INC-1"]), (2, ["INC-3", "INC-2"])):
            entries, total = await store.undecided("live", limit)
            assert ([entry.incident.id for entry in entries], total) == (names, 4)


async def test_an_undecided_incident_tells_whether_it_was_only_reported(tmp_path: Path) -> None:
    rows = []
    for name, detector in (("INC-1", "event"), ("INC-2", "rules")):
        seen = alert(id=f"A-{name}", incident_id=name, detection=detection(detector=detector))
        rows += [put_incident(incident(id=name), "live"), put_alert(seen)]
    async with open_store(tmp_path / "a.db") as store:
        await store.write([("INSERT INTO alert VALUES ('A-0', 'INC-1', 3.0, '{')", ()), *rows])
        entries, _ = await store.undecided("live", 9)
    assert {entry.incident.id: entry.origin for entry in entries} == {"INC-1": Origin.EVENT, "INC-2": Origin.LIVE}
