"""Root reads a database of the engine's user as that user, and as nobody else."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import sqlite3
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.commands import stored
from engine import paths
from engine.chain import chained
from engine.store.database import open_store
from engine.store.rows import put_alert, put_incident, put_packets, put_step, put_verdict
from engine.types import Disposition, ReportedEvent, Severity, StepKind, TraceStep
from tests.aegis_tui import scenario
from tests.aegis_tui.launching import launch
from tests.factories import alert, detection, incident
from tests.folders import open_to_all

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root becomes another user")
NOBODY = 65534
HOSTILE = "\x1b]0;pwned\x07\nforged"


def _store(file: Path, opened_at: float = 1000.0, **changes: object) -> Path:
    async def write() -> None:
        async with open_store(file) as store:
            made = replace(incident(id="INC-1"), opened_at=opened_at, **changes)  # type: ignore[arg-type]
            await store.write([put_incident(made, "a.pcap"), put_alert(alert(incident_id="INC-1"))])
            await store.write([put_packets("INC-1", b"packets")])

    asyncio.run(write())
    return file


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Return a database of another user, in a folder of theirs."""
    folder = tmp_path / "engine"
    folder.mkdir(mode=0o700)
    file = _store(folder / "aegis.db")
    for path in (folder, *folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    open_to_all(tmp_path)
    return file


@pytest.mark.root
@needs_root
def test_root_reads_the_engines_database_as_its_user(
    foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["incidents", "--json", "--database", str(foreign)]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "INC-1"
    assert main(["show", "INC", "--database", str(foreign)]) == 0
    assert main(["packets", "INC-1", str(tmp_path / "out.pcap"), "--database", str(foreign)]) == 0
    assert (tmp_path / "out.pcap").read_bytes() == b"packets"
    assert (tmp_path / "out.pcap").stat().st_mode & 0o777 == 0o600
    assert main(["show", "INC-2", "--database", str(foreign)]) == 2
    assert "no incident 'INC-2' is stored" in capsys.readouterr().err
    assert {path.stat().st_uid for path in foreign.parent.iterdir()} == {NOBODY}
    assert os.geteuid() == 0


@pytest.mark.root
@needs_root
@pytest.mark.parametrize("kind", ["a link", "a file of root's under another name", "a pipe"])
def test_root_opens_nothing_that_the_engines_user_planted(
    kind: str, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = _store(tmp_path / "roots.db")
    before = roots.read_bytes()
    foreign.unlink()
    if kind == "a link":
        foreign.symlink_to(roots)
    elif kind == "a pipe":
        os.mkfifo(foreign)
    else:
        os.link(roots, foreign)
    assert main(["incidents", "--database", str(foreign)]) in (1, 2)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(("aegis-tui: refusing", "aegis-tui: there is no database"))
    assert roots.read_bytes() == before


@pytest.mark.root
@needs_root
def test_the_command_of_its_own_process_reads_roots_database_without_capabilities(tmp_path: Path) -> None:
    file = _store(tmp_path / "aegis.db")
    done = launch(tmp_path / "live", "show", "INC-1", "--json", "--database", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["incident"]["id"] == "INC-1"


def test_a_hostile_row_is_listed_inert_and_at_any_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _store(tmp_path / "a.db", opened_at=9.2e12, title=HOSTILE)
    with sqlite3.connect(file) as planted:
        planted.execute("UPDATE incident SET body = json_set(body, '$.id', ?)", (HOSTILE,))
    planted.close()
    for words in (["incidents"], ["show", "INC-1"], ["report", "INC-1"]):
        assert main([*words, "--database", str(file)]) == 0
        text = capsys.readouterr().out
        assert "pwned" in text
        assert all(character.isprintable() or character == "\n" for character in text)
        assert "\nforged" not in text


def test_what_is_no_database_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junk.db").write_bytes(b"\x1b[2J" * 1000)
    assert main(["incidents", "--database", str(tmp_path / "junk.db")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("junk.db: file is not a database")


def test_a_database_that_cannot_be_read_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "junk.db").write_bytes(b"junk" * 1000)
    both = [tmp_path / "junk.db", _store(tmp_path / "a.db")]
    monkeypatch.setattr(stored, "databases", lambda _: both)
    assert main(["incidents"]) == 2
    printed = capsys.readouterr()
    assert ("\nINC-1  " in printed.out, "junk.db" in printed.err) == (True, True)
    assert main(["show", "INC-1"]) == 0
    assert main(["show", "INC-2"]) == 2
    assert "junk.db: file is not a database; no incident 'INC-2' is stored" in capsys.readouterr().err


def _traced(file: Path, *, edited: bool = False) -> Path:
    """Store an incident that began with a report, with a plan, and a trace of two steps."""
    plan = json.dumps({"playbook": "scan", "steps": [{"tool": "related_flows", "why": f"count {HOSTILE}"}]})
    first = chained(TraceStep("INC-1", 1, 5.0, "plan", StepKind.PLAN, "playbook", plan), "")
    second = chained(
        TraceStep("INC-1", 2, 6.0, "verdict", StepKind.PROMPT, "gpt", f"ask\n{HOSTILE}\n", 7, 8), first.digest
    )
    event = ReportedEvent(1000.0, "203.0.113.9", 1, "192.0.2.1", 80, HOSTILE, HOSTILE)
    found = replace(detection(), detector="event", event_class="scan", score=0.83, event=event)

    async def write() -> None:
        async with open_store(file) as store:
            steps = [first, replace(second, content="benign") if edited else second]
            await store.write([put_incident(incident(id="INC-1"), "a.pcap"), *map(put_step, steps)])
            await store.write([put_alert(replace(alert(incident_id="INC-1"), detection=found))])

    asyncio.run(write())
    return file


def test_show_tells_the_plan_the_class_and_that_the_trace_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "INC-1", "--database", str(_traced(tmp_path / "a.db"))]) == 0
    text = capsys.readouterr().out
    assert "plan      related_flows count " in text
    assert "reported  scan, confidence 0.83; only reported, not seen here: " in text
    assert "trace     2 steps, each chained to the one before" in text


def test_show_tells_where_a_trace_was_edited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "INC-1", "--database", str(_traced(tmp_path / "a.db", edited=True))]) == 0
    assert "trace     BROKEN at step 2 of 2" in capsys.readouterr().out


def test_show_prints_the_whole_trace_inert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "INC-1", "--trace", "--database", str(_traced(tmp_path / "a.db"))]) == 0
    text = capsys.readouterr().out
    assert "== 2 " in text
    assert "verdict prompt gpt, 0.000 s, 7 tokens in, 8 out\n   ask\n" in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert not any(line.startswith("forged") for line in text.splitlines())


def test_a_report_is_saved_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    file = _store(tmp_path / "a.db", opened_at=1_795_293_719.0)
    assert main(["report", "INC-1", "--save", "--lang", "zh", "--database", str(file)]) == 0
    folder = tmp_path / "state" / "aegis" / "reports" / "2026-11-21"
    assert capsys.readouterr().out.split() == [str(folder / f"INC-1.zh.{form}") for form in ("md", "json", "html")]
    assert main(["report", "INC-1", "--save", "--format", "md", "--database", str(file)]) == 0
    assert (folder / "INC-1.md").read_text().startswith("# Incident INC-1")


def test_a_report_speaks_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "INC-1", "--lang", "zh", "--database", str(_store(tmp_path / "a.db"))]) == 0
    assert "## 时间线" in capsys.readouterr().out


def test_a_row_says_what_was_concluded_and_where_the_incident_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _store(tmp_path / "a.db")

    async def write() -> None:
        async with open_store(file) as store:
            told = replace(detection(), detector="event")
            await store.write([
                put_incident(replace(incident(id="INC-2"), opened_at=2000.0), "live"),
                put_verdict(replace(scenario.verdict(), incident_id="INC-2")),
                put_incident(replace(incident(id="INC-3"), opened_at=3000.0), "live"),
                put_alert(replace(alert(incident_id="INC-3"), id="A-3", detection=told)),
            ])  # fmt: skip

    asyncio.run(write())
    assert main(["incidents", "--database", str(file)]) == 0
    headings, third, second, first = capsys.readouterr().out.splitlines()
    assert " ".join(headings.split()) == "ID SEVERITY TARGET OPENED ALERTS VERDICT DISPOSITION ORIGIN TITLE"
    at = {word: headings.index(word) for word in ("VERDICT", "DISPOSITION", "ORIGIN")}
    told = [{word: line[start:].split("  ")[0] for word, start in at.items()} for line in (third, second, first)]
    assert [one["VERDICT"] for one in told] == ["none yet", "malicious", "none yet"]
    assert [one["ORIGIN"] for one in told] == ["reported", "live", "replay of a.pcap"]
    assert {one["DISPOSITION"] for one in told} == {"undetermined"}


def test_the_gravest_that_nobody_decided_on_stands_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.db"
    closed, old = Disposition.FALSE_POSITIVE, Severity.CRITICAL
    put = [
        put_incident(replace(incident(id="INC-2"), opened_at=9e3, severity=old, disposition=closed), "live"),
        put_incident(replace(incident(id="INC-3"), opened_at=5e3, severity=Severity.LOW), "live"),
        put_incident(replace(incident(id="INC-4"), opened_at=1e3, severity=Severity.CRITICAL), "live"),
        put_incident(replace(incident(id="INC-5"), opened_at=2e3, severity=Severity.CRITICAL), "live"),
    ]

    async def write() -> None:
        async with open_store(file) as store:
            await store.write(put)

    asyncio.run(write())
    main(["incidents", "--database", str(file)])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["INC-5", "INC-4", "INC-3", "INC-2"]
    main(["incidents", "--json", "--database", str(file)])
    ids = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert ids == ["INC-2", "INC-3", "INC-5", "INC-4"]


@pytest.mark.parametrize("words", [["incidents"], ["show", "INC-1"]], ids=["incidents", "show"])
def test_on_a_terminal_of_80_columns_no_line_is_torn(words: list[str], tmp_path: Path) -> None:
    file = _traced(tmp_path / "a.db")

    async def write() -> None:
        async with open_store(file) as store:
            await store.write([put_verdict(replace(scenario.verdict(), incident_id="INC-1"))])

    asyncio.run(write())
    lines = at_terminal(80, *words, "--database", str(file)).splitlines()
    assert len(lines) > 1
    assert [line for line in lines if len(line) > 80] == []


def at_terminal(columns: int, *words: str) -> str:
    """Return what the program prints on a terminal so many columns wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    program = [sys.executable, "-m", "aegis_tui", *words]
    with subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, cwd=paths.ROOT) as process:
        os.close(theirs)
        printed = b""
        with suppress(OSError):  # a terminal without its other end
            while chunk := os.read(ours, 65536):
                printed += chunk
    os.close(ours)
    assert process.returncode == 0, printed
    return printed.decode()


def test_what_came_of_an_incident_is_told_before_what_it_rests_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _traced(tmp_path / "a.db")

    async def write() -> None:
        async with open_store(file) as store:
            await store.write([put_verdict(replace(scenario.verdict(), incident_id="INC-1"))])

    asyncio.run(write())
    assert main(["show", "INC-1", "--database", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("incident  INC-1  ")
    assert lines[2].startswith("verdict   malicious by ")
    kinds = [line.split()[0] for line in lines if line]
    assert kinds.index("verdict") < kinds.index("alert") < kinds.index("step")
