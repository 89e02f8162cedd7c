"""Which file the settings come from, and what there is in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegis_tui.cli import main


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where this user's settings are looked for, root's or a plain user's; nothing lies there."""
    for name in [name for name in os.environ if name.startswith(("AEGIS_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    place = tmp_path / "aegis" / "config.toml"
    monkeypatch.setattr("engine.config.SYSTEM_FILE", place)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return place


def test_settings_that_are_not_there_are_the_default_ones(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show"]) == 0
    file.parent.touch()
    assert main(["config", "show"]) == 0
    assert str(file) not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("a folder", "{} is not a regular file"),
        ("a pipe", "{} is not a regular file"),
        ("a device", "{} is not a regular file"),
        ("a link to nothing", "{}: a link to nothing"),
    ],
)
def test_what_lies_in_the_place_of_the_settings_is_refused_and_not_left_out(
    kind: str, said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.parent.mkdir()
    if kind == "a folder":
        file.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/null" if kind == "a device" else "nothing")
    assert main(["config", "show"]) == 2
    assert capsys.readouterr().err == f"aegis-tui: {said.format(file)}\n"


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device"])
def test_what_config_names_is_a_regular_file(
    kind: str, tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del file
    os.mkfifo(tmp_path / "pipe")
    named = {"a folder": tmp_path, "a pipe": tmp_path / "pipe", "a device": Path("/dev/null")}[kind]
    assert main(["config", "show", "--config", str(named)]) == 2
    assert capsys.readouterr().err == f"aegis-tui: {named} is not a regular file\n"
