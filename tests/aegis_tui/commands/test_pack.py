"""``export`` and ``verify``, as they are typed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from aegis_tui.cli import main
from engine.store.database import open_store
from engine.store.rows import put_alert, put_incident
from tests.aegis_tui import scenario


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder to work in, with one incident stored."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aegis").mkdir()

    async def store() -> None:
        async with open_store(tmp_path / "aegis" / "aegis.db") as store:
            await store.write([put_incident(scenario.incident(), "live"), put_alert(scenario.alert())])

    asyncio.run(store())
    return tmp_path


def test_a_pack_is_written_and_found_whole(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "INC-0000", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["file"], made["incident_id"]) == ("INC-00000042.zip", "INC-00000042")
    assert (state / "INC-00000042.zip").stat().st_mode & 0o777 == 0o600
    assert main(["verify", "INC-00000042.zip", "--digest", made["sha256"]]) == 0
    assert "whole: INC-00000042.zip" in capsys.readouterr().out


def test_a_pack_that_was_changed_ends_with_1_and_names_the_file(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["export", "INC-00000042", "-o", "a.zip"])
    content = (state / "a.zip").read_bytes()
    (state / "a.zip").write_bytes(content.replace(b"log4shell", b"log5shell", 1))
    capsys.readouterr()
    assert main(["verify", "a.zip"]) == 1
    assert "incident.json is not the file that the manifest lists" in capsys.readouterr().err


def test_a_pack_that_was_sealed_anew_has_another_digest(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["export", "INC-00000042", "-o", "a.zip"])
    assert main(["verify", "a.zip", "--digest", "00" * 32, "--json"]) == 1
    assert "another pack was made" in json.loads(capsys.readouterr().out.splitlines()[-1])["problems"][0]


def test_a_file_that_is_there_is_never_written_over(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (state / "a.zip").write_bytes(b"mine")
    assert main(["export", "INC-00000042", "-o", "a.zip"]) == 2
    assert (state / "a.zip").read_bytes() == b"mine"


def test_garbage_is_changed_and_not_an_error(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (state / "a.zip").write_bytes(b"\x1b[2J")
    assert main(["verify", "a.zip"]) == 1
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["export", "INC-0000", "-o", "there"], "there exists already, and a pack overwrites nothing"),
        (["verify", "nowhere.zip"], "there is no file nowhere.zip"),
    ],
    ids=["export", "verify"],
)
def test_a_file_that_is_there_or_is_not_is_told_in_words(
    state: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (state / "there").write_text("mine", encoding="utf-8")
    assert main(words) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "Errno" not in err
    assert (state / "there").read_text(encoding="utf-8") == "mine"
