"""The log is printed inert, and followed where it goes."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from aegis_tui.cli import main
from aegis_tui.clock import show_utc
from aegis_tui.commands.log import LINE_BYTES, plain, read
from aegis_tui.commands.logfile import NAME, log_to
from engine.paths import ROOT

HOSTILE = b"\x1b]0;pwned\x07\x1b[2J \xff\xfe \xe2\x80\xae"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the log of a user's own runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("engine.paths.LIVE_DATABASE", tmp_path / "live" / "aegis.db")
    monkeypatch.setattr("engine.paths.LIVE_STATE", tmp_path / "live")
    (tmp_path / "aegis").mkdir()
    return tmp_path / "aegis" / NAME


@pytest.fixture
def _logging() -> Iterator[None]:
    """Put the loggers back as they were."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    for handler in set(logging.root.handlers) - set(handlers):
        handler.close()
    logging.root.handlers[:], logging.root.level = handlers, level
    for ours in ("engine", "aegis_tui"):
        logging.getLogger(ours).setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    show_utc(False)


def test_the_last_lines_are_printed_and_none_of_them_commands_the_terminal(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(b"first\nsecond\n" + HOSTILE + b"\n")
    assert main(["log", "--lines", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "second"
    assert len(lines) == 2
    assert lines[1].isprintable()


def test_all_of_them_are_printed_for_0(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(b"line\n" * 300)
    assert main(["log", "--lines", "0"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 300


@pytest.mark.parametrize(
    "lines", ["-1", "9223372036854775808", "1" * 5000, "ten"], ids=["negative", "long", "5000", "word"]
)
def test_a_number_of_lines_that_no_log_has_is_refused(lines: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["log", "--lines", lines])
    assert stopped.value.code == 2
    assert "--lines: takes 0 to 999,999,999; 0 is all of them" in capsys.readouterr().err


def test_without_a_log_the_place_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log"]) == 2
    assert str(file) in capsys.readouterr().err


def test_a_link_in_the_place_of_the_log_is_not_followed(file: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="ascii")
    file.symlink_to(tmp_path / "secret")
    assert main(["log"]) == 2


def test_a_line_without_an_end_comes_in_pieces(file: Path) -> None:
    file.write_bytes(b"x" * (LINE_BYTES + 5))
    assert [len(line) for line in read(file, 0)] == [LINE_BYTES, 5]


def test_a_log_is_followed_into_the_file_that_takes_its_place(file: Path) -> None:
    file.write_bytes(b"before\n")
    contents = iter([b"before\nhalf", b"before\nhalf a line\nlast\n", b"", b"new file\n", b"", b"cut\n"])

    def time_passes() -> None:
        content = next(contents)
        if content == b"" and not Path(f"{file}.1").exists():
            file.rename(f"{file}.1")
        file.write_bytes(content)

    following = cast("Generator[str, None, None]", read(file, 1, time_passes))
    assert [next(following) for _ in range(5)] == ["before", "half a line", "last", "new file", "cut"]
    following.close()


def test_following_prints_what_comes_until_ctrl_c(file: Path) -> None:
    file.write_bytes(b"before\n")
    command = [sys.executable, "-m", "aegis_tui", "log", "--follow"]
    # What runs in the background of a shell ignores ctrl-C, and so does all that it starts.
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ,
        preexec_fn=heeding,  # noqa: PLW1509 - no other thread
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "before\n"
        with file.open("ab") as opened:
            opened.write(b"after\n")
        assert program.stdout.readline() == "after\n"
        program.send_signal(signal.SIGINT)
        try:
            assert program.wait(20) == 130
        finally:
            program.kill()


@pytest.mark.usefixtures("_logging")
def test_debug_is_ours_alone_since_libraries_tell_keys(tmp_path: Path) -> None:
    file = log_to(tmp_path, "debug")
    logging.getLogger("httpcore.http11").debug("authorization: Bearer sesame")
    logging.getLogger("engine.x").debug("ours")
    text = file.read_text(encoding="utf-8")
    assert "ours" in text
    assert "sesame" not in text


@pytest.mark.usefixtures("_logging")
def test_a_level_leaves_out_what_is_below_it(tmp_path: Path) -> None:
    file = log_to(tmp_path, "error")
    logging.getLogger("engine.x").warning("a warning")
    logging.getLogger("engine.x").error("an error")
    (line,) = file.read_text(encoding="utf-8").splitlines()
    assert "an error" in line


@pytest.mark.usefixtures("_logging")
def test_a_line_of_the_log_names_its_zone(tmp_path: Path) -> None:
    show_utc(True)
    file = log_to(tmp_path)
    logging.getLogger("engine.x").error("now")
    assert " +0000 ERROR engine.x " in file.read_text(encoding="utf-8")


@pytest.mark.usefixtures("_logging")
def test_a_line_is_printed_as_a_sentence_and_how_bad_it_is_where_it_is(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_utc(True)
    log_to(file.parent, "info")
    logging.getLogger("engine.x").info('watching %s, "the" user\'s', "eth0")
    logging.getLogger("engine.x").warning("lost 3 packets")
    assert main(["log", "--utc"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("+0000")[2] for line in lines] == [
        '  watching eth0, "the" user\'s',
        "  warning: lost 3 packets",
    ]


@pytest.mark.usefixtures("_logging")
def test_what_a_stranger_put_into_a_sentence_stays_inert_and_in_its_line(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to(file.parent, "info")
    logging.getLogger("engine.x").info(
        "a name: %s", "\x1b[2J\ud800\u202e\U000e0001'\n2026-11-22 03:10:00 +0000 INFO engine.x 'forged'"
    )
    assert main(["log"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(
        "a name: \\x1b[2J\\ud800\\u202e\\U000e0001'\\n2026-11-22 03:10:00 +0000 INFO engine.x 'forged'"
    )


@pytest.mark.parametrize(
    "line",
    [
        "  | Traceback (most recent call last):",
        "2026-11-22 03:10:00 +0000 INFO engine.x 'half a line",
        "2026-11-22 03:10:00 +0000 INFO engine.x 'one' + 'two'",
        "2026-11-22 03:10:00 +0000 INFO engine.x '\\N{nothing}'",
        "2026-11-22 03:10:00 +0000 INFO engine.x '\\x1'",
        "2026-11-22 03:10:00 +0000 INFO engine.x '\\q'",
    ],
)
def test_a_line_of_any_other_form_stays_as_it_is(line: str) -> None:
    assert plain(line) == line


@pytest.mark.parametrize(("place", "told"), [("live", True), ("own", False)])
def test_where_the_decisions_are_is_told_at_a_terminal_below_the_engines_log(
    place: str,
    told: bool,
    tmp_path: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = tmp_path / "live" / NAME
    live.parent.mkdir()
    for one in (live, file):
        one.write_bytes(b"a line\n")
    monkeypatch.setattr("aegis_tui.commands.log.place", lambda **_: live if place == "live" else file)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["log"]) == 0
    assert ("aegis-tui audit export" in capsys.readouterr().err) is told
