"""Root reads a database of the engine's user as that user, and as nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.commands import stored
from engine.store import database as db
from tests.factories import alert, incident

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root becomes another user")
NOBODY = 65534
HOSTILE = "\x1b]0;pwned\x07\nforged"


def _store(file: Path, opened_at: float = 1000.0, **changes: object) -> Path:
    async def write() -> None:
        async with db.open_store(file) as store:
            made = replace(incident(id="INC-1"), opened_at=opened_at, **changes)  # type: ignore[arg-type]
            await store.write([db.put_incident(made, "a.pcap"), db.put_alert(alert(incident_id="INC-1"))])
            await store.write([db.put_packets("INC-1", b"packets")])

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
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
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
    words = [sys.executable, "-m", "aegis_tui", "show", "INC-1", "--json", "--database", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
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
    assert (printed.out.startswith("INC-1  "), "junk.db" in printed.err) == (True, True)
    assert main(["show", "INC-1"]) == 0
    assert main(["show", "INC-2"]) == 2
    assert "junk.db: file is not a database; no incident 'INC-2' is stored" in capsys.readouterr().err
