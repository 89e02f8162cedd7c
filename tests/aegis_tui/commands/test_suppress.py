from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from aegis_tui.cli import main
from engine.store.database import open_store
from engine.store.rows import put_alert, put_incident
from tests.factories import ATTACKER, alert, incident


@pytest.fixture
def database(tmp_path: Path) -> str:
    async def fill() -> None:
        async with open_store(tmp_path / "aegis.db") as store:
            await store.write([put_incident(incident(), "live"), put_alert(alert(count=3))])

    asyncio.run(fill())
    return str(tmp_path / "aegis.db")


def test_a_rule_is_previewed_made_listed_and_ended(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    scope = ["--target", ATTACKER, "--label", "log4shell.*", "--reason", "our scanner", "--database", database]
    assert main(["suppress", "add", *scope, "--for", "7d"]) == 0
    told = capsys.readouterr().out
    assert "would have hidden 1 alert (3 detections): 1 critical" in told
    assert "incidents that would not be there: INC-01234567" in told
    assert main(["suppress", "list", "--json", "--database", database]) == 0
    [rule] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (rule["target"], rule["label"], rule["reason"]) == (f"{ATTACKER}/32", "log4shell.*", "our scanner")
    assert rule["by"]
    assert main(["suppress", "remove", rule["id"], "--database", database]) == 0
    capsys.readouterr()
    assert main(["suppress", "list", "--database", database]) == 0
    assert capsys.readouterr().out == "nothing is suppressed\n"
    assert main(["suppress", "list", "--ended", "--database", database]) == 0
    assert rule["id"] in capsys.readouterr().out
    assert main(["suppress", "remove", rule["id"], "--database", database]) != 0


def test_a_preview_makes_no_rule(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--label", "scan.*", "--reason", "x", "--preview", "--database", database]
    assert main(["suppress", "add", *asked]) == 0
    assert "would have hidden 0 alerts" in capsys.readouterr().out
    main(["suppress", "list", "--database", database])
    assert capsys.readouterr().out == "nothing is suppressed\n"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--reason", "x"], "needs a scope"),
        (["--target", "10.0.0.0/8", "--reason", "x"], "wider than /16"),
        (["--target", ATTACKER, "--reason", "x", "--for", "soon"], "--for takes a time"),
    ],
)
def test_what_makes_no_sense_is_refused(
    database: str, asked: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["suppress", "add", *asked, "--database", database]) != 0
    assert words in capsys.readouterr().err


def test_a_note_stands_beside_its_incident(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["note", "INC-01", "asked the owner\x1b[2J", "--database", database]) == 0
    capsys.readouterr()
    assert main(["show", "INC-01", "--database", database]) == 0
    shown = capsys.readouterr().out
    assert "asked the owner" in shown
    assert "\x1b" not in shown
    assert main(["note", "INC-01", " ", "--database", database]) != 0
    assert main(["note", "INC-nothing", "x", "--database", database]) != 0
