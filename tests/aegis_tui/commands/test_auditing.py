"""The traces in the engine's database, held by root against what the guard noted of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.commands import auditing
from engine import paths, wire
from engine.chain import chained
from engine.guard.messages import Audit, AuditEntry
from engine.store.beside import change
from engine.store.expiry import retire
from engine.types import TraceStep, Verdict
from tests.aegis_tui.commands.conftest import client_of
from tests.engine.bench import GuardThread, Wire, attack, guarding, live_plan, running
from tests.folders import open_to_all

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root becomes another user")
NOBODY = 65534
NOTED_AT = 1_800_000_000.0
"""By the clock of the guard on the bench."""
Find = Callable[[object], None]


@dataclass(frozen=True)
class Watched:
    """What a live engine left: its database, which belongs to another user, and the guard's notes."""

    database: Path
    incident_id: str

    def change(self, *statements: str) -> None:
        """Do to the database what its owner can."""
        with sqlite3.connect(self.database) as db:
            for statement in statements:
                db.execute(statement)
        db.close()
        self.give_away()

    def give_away(self) -> None:
        """Let the files belong to another user."""
        for path in (self.database.parent, *self.database.parent.iterdir()):
            os.chown(path, NOBODY, NOBODY)

    def rewrite(self) -> None:
        """Write the trace anew with another first step, chained as the program chains it."""
        with sqlite3.connect(self.database) as db:
            before = ""
            for seq, body in db.execute("SELECT seq, body FROM step ORDER BY seq").fetchall():
                step = chained(wire.loads(TraceStep, body if seq > 1 else _other_words(body)), before)
                db.execute("UPDATE step SET body = ? WHERE seq = ?", (wire.dumps(step), seq))
                before = step.digest
        db.close()
        self.give_away()


def _other_words(body: str) -> str:
    return json.dumps(json.loads(body) | {"content": "nothing to see"})


async def _watch(folder: Path, guard: GuardThread) -> str:
    wire = Wire()
    async with running(live_plan(folder, wire), guard.door) as at_work:
        wire.send(attack())
        verdict = await at_work.hears(Verdict)
        await at_work.engine.noted()
    return verdict.incident_id


@pytest.fixture
def watched(tmp_path: Path, answered_by: Find) -> Iterator[Watched]:
    """Run a live engine beside a guard until it has noted a trace; the guard goes on, and the commands find it."""
    folder = tmp_path / "engine"
    folder.mkdir(mode=0o700)
    with guarding(tmp_path) as guard:
        answered_by(client_of(guard))
        made = Watched(folder / "aegis.db", asyncio.run(_watch(folder, guard)))
        open_to_all(tmp_path)
        made.give_away()
        yield made


def _verify(database: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    capsys.readouterr()
    status = main(["audit", "verify", "--database", str(database)])
    return status, capsys.readouterr().out.splitlines()


@pytest.mark.root
@needs_root
def test_the_traces_of_a_live_engine_are_checked_as_the_owner_of_its_database(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    status, (chain, traces) = _verify(watched.database, capsys)
    assert (status, chain.endswith("chain whole"), traces) == (0, True, "1 traces checked: 1 whole")
    assert {path.stat().st_uid for path in watched.database.parent.iterdir()} == {NOBODY}
    assert os.geteuid() == 0


SAID = "UPDATE step SET body = json_set(body, '$.content', 'nothing to see') WHERE seq = 2"
CUT = "DELETE FROM step WHERE seq = (SELECT MAX(seq) FROM step)"
JUDGED = "UPDATE verdict SET body = json_set(body, '$.summary', 'benign')"
ADDED = "INSERT INTO verdict SELECT incident_id, seq + 1, json_set(body, '$.summary', 'benign') FROM verdict"


@pytest.mark.root
@needs_root
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        pytest.param(SAID, "EDITED {}: step 2 is not as it was written", id="a step edited"),
        pytest.param(CUT, "CUT    {}: ", id="the end cut off"),
        pytest.param("DELETE FROM step", "CUT    {}: ", id="every step deleted"),
        pytest.param(JUDGED, "EDITED {}: the verdict that was noted is not stored", id="the verdict edited"),
        pytest.param(ADDED, "ADDED  {}: a verdict follows the one that was noted last", id="a verdict added"),
        pytest.param("DELETE FROM incident", "GONE   {}: the incident is not stored", id="the incident deleted"),
        pytest.param("UPDATE step SET body = '[' WHERE seq = 1", "EDITED {}: step 1", id="a step that is no JSON"),
    ],
)
def test_what_the_engine_s_user_did_to_a_trace_is_found_and_named(
    statement: str, words: str, watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.change(statement)
    status, lines = _verify(watched.database, capsys)
    assert status == 1
    assert lines[1].startswith(words.format(watched.incident_id))
    assert (lines[0].endswith("chain whole"), "1 whole" in lines[-1]) == (True, False)


@pytest.mark.root
@needs_root
@pytest.mark.parametrize(
    ("after_s", "status", "words"),
    [
        (30.0, 0, "1 traces checked: 1 retired"),
        (-86400.0, 1, "GONE   {}: said to have been removed "),
        (86400.0, 1, "GONE   {}: said to have been removed "),
        (1e300, 1, "GONE   {}: said to have been removed 1e+300 s after 1970"),
    ],
)
def test_the_record_of_a_removal_at_another_time_hides_no_trace_that_was_noted(
    after_s: float,
    status: int,
    words: str,
    watched: Watched,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = NOTED_AT + after_s
    monkeypatch.setattr(time, "time", lambda: NOTED_AT + 60)
    watched.change(f"INSERT INTO retired SELECT id, {at!r}, 'old' FROM incident", "DELETE FROM incident")
    found, lines = _verify(watched.database, capsys)
    assert (found, lines[1].startswith(words.format(watched.incident_id))) == (status, True)


@pytest.mark.root
@needs_root
def test_what_retention_removed_is_told_from_what_somebody_deleted(
    watched: Watched, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOTED_AT + 60)
    change(watched.database, retire(watched.incident_id, NOTED_AT + 30, "older than 30 days"))
    watched.give_away()
    status, lines = _verify(watched.database, capsys)
    assert (status, lines[0].endswith("chain whole"), lines[1]) == (0, True, "1 traces checked: 1 retired")


@pytest.mark.root
@needs_root
def test_a_trace_that_was_rewritten_and_chained_anew_is_found(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.rewrite()
    status, lines = _verify(watched.database, capsys)
    assert (status, "the chain holds, but its step" in lines[1]) == (1, True)


@pytest.mark.root
@needs_root
def test_a_database_that_cannot_be_read_is_said_and_is_a_failure(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.database.write_bytes(b"\x1b[2J" * 1000)
    status, (_, line) = _verify(watched.database, capsys)
    assert (status, line.startswith("1 traces noted, none checked: cannot read the database")) == (1, True)
    assert "\x1b" not in line


class Noted:
    """A guard whose chain is whole and holds these entries."""

    def __init__(self, *bodies: str) -> None:
        self._bodies = bodies

    def verify_audit(self) -> Audit:
        """Find nothing wrong."""
        return Audit(len(self._bodies), ())

    def noted_traces(self) -> Iterator[AuditEntry]:
        """Yield one entry for each body."""
        yield from (AuditEntry(number, 5.0, "trace", body, "") for number, body in enumerate(self._bodies, 1))


def _body(number: int, left_out: int = 0) -> str:
    digest = hashlib.sha256(b"").hexdigest()
    told = {"incident": f"INC-{number}", "steps": 1, "digest": digest, "verdict": digest, "left_out": left_out}
    return json.dumps(told)


def test_a_database_that_is_missing_is_said_and_is_no_failure_of_the_chain(
    answered_by: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(Noted(_body(1), _body(1), _body(2, left_out=7)))
    monkeypatch.setattr(paths, "LIVE_DATABASE", tmp_path / "aegis.db")
    assert main(["audit", "verify"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "3 entries, chain whole",
        "7 traces were not noted: too many came in a minute",
        f"2 traces noted, none checked: the engine's database {tmp_path / 'aegis.db'} is missing",
    ]
    assert main(["audit", "verify", "--database", str(tmp_path / "other.db")]) == 2


def test_a_chain_without_traces_is_checked_as_ever(answered_by: Find, capsys: pytest.CaptureFixture[str]) -> None:
    answered_by(Noted())
    assert main(["audit", "verify"]) == 0
    assert capsys.readouterr().out == "0 entries, chain whole\n"


@pytest.mark.parametrize("body", ["[", "{}", "[1]", '{"incident": 1}', '{"incident": "INC-1", "steps": "x"}'])
def test_an_entry_that_tells_of_no_trace_is_told_as_broken(
    body: str, answered_by: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered_by(Noted(body))
    monkeypatch.setattr(paths, "LIVE_DATABASE", tmp_path / "aegis.db")
    assert main(["audit", "verify"]) == 1
    assert "BROKEN entry 1 tells of no trace" in capsys.readouterr().out


@pytest.mark.root
@needs_root
def test_many_incidents_are_looked_up_in_parts_and_a_few_of_them_named(
    watched: Watched, answered_by: Find, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(auditing, "INCIDENTS_AT_ONCE", 3)
    monkeypatch.setattr(auditing, "NAMED", 2)
    answered_by(Noted(*(_body(number) for number in range(8))))
    status, lines = _verify(watched.database, capsys)
    assert (status, len(lines), lines[-2:]) == (1, 5, ["       and 6 more", "8 traces checked: 8 gone"])
