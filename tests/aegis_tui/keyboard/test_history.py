"""The lines of before: few, private, and harmless to a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegis_tui.keyboard.history import KEPT, LONGEST, History


def test_lines_come_back_at_the_next_start_each_once(tmp_path: Path) -> None:
    history = History(tmp_path)
    for line in ("theme light", "screen blocks", "theme light"):
        history.add(line)
    assert History(tmp_path).lines == ["screen blocks", "theme light"]


def test_nobody_else_reads_them(tmp_path: Path) -> None:
    os.umask(os.umask(0o022))
    History(tmp_path).add("theme light")
    assert (tmp_path / "commands").stat().st_mode & 0o777 == 0o600


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    history = History(tmp_path)
    for number in range(KEPT + 5):
        history.add(f"ask {number}")
    assert History(tmp_path).lines == [f"ask {number}" for number in range(5, KEPT + 5)]


@pytest.mark.parametrize("line", ["triage \x1b[2J", "ask \u202egnitset", "ask " + "x" * LONGEST, " "], ids=repr)
def test_what_is_not_fit_for_a_terminal_is_kept_nowhere(tmp_path: Path, line: str) -> None:
    history = History(tmp_path)
    history.add(line)
    assert history.lines == []


def test_a_file_that_others_tampered_with_gives_no_escape(tmp_path: Path) -> None:
    (tmp_path / "commands").write_bytes(b"theme light\nask \x1b]52;c;AAAA\x07\n\xff\xfe\n" + b"y" * 5000)
    assert History(tmp_path).lines[0] == "theme light"
    assert not any("\x1b" in line for line in History(tmp_path).lines)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("secret\n")
    (tmp_path / "commands").symlink_to(tmp_path / "other")
    history = History(tmp_path)
    assert history.lines == []
    history.add("theme light")
    assert (tmp_path / "other").read_text() == "secret\n"


def test_without_a_folder_to_write_to_the_lines_last_as_long_as_the_console(tmp_path: Path) -> None:
    history = History(tmp_path / "missing")
    history.add("theme light")
    assert history.lines == ["theme light"]
